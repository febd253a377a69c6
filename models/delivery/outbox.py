"""What has not arrived yet, channel by channel, and when each is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from models.delivery.notice import GIVEN_UP_MS, Delivery, Ending, Notice, Parcel, Report, pause_ms

MOST = 1000  # of a channel wait; more than that nobody reads


class Outbox:
    """Parcels until they have arrived, or are given up after three days; ``changed`` are the channels."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, Parcel]] = {}
        self.changed: set[str] = set()

    def put(self, notice: Notice, channels: Iterable[str], now_ms: int) -> list[Delivery]:
        """Take a notice in for some channels; return those that are given up to make room."""
        out = []
        for channel in dict.fromkeys(channels):
            waiting = self._waiting.setdefault(channel, {})
            parcel = Parcel(notice=notice, channel=channel, next_ms=now_ms)
            waiting[parcel.key] = parcel
            self.changed.add(channel)
            if len(waiting) > MOST:
                oldest = waiting.pop(next(iter(waiting)))
                why = f"more than {MOST} wait for the channel"
                report = Report(oldest.key, oldest.attempts, sent=False, time_ms=now_ms, reason=why)
                out.append(_record(oldest, report, "given-up"))
        return out

    def ready(self, now_ms: int) -> list[Parcel]:
        """Return what is to be tried now, the oldest first."""
        return [p for waiting in self._waiting.values() for p in waiting.values() if p.next_ms <= now_ms]

    def report(self, report: Report) -> Delivery | None:
        """Take in how an attempt ended; None if that was heard before.

        What arrives again, since two workers tried it or a report was lost, is on record as such.
        """
        channel = report.key.rpartition("/")[2]
        waiting = self._waiting.get(channel, {})
        parcel = waiting.get(report.key)
        if parcel is None:
            return _again(report, channel) if report.sent else None
        if report.attempt <= parcel.attempts and not report.sent:
            return None
        self.changed.add(channel)
        if report.sent or report.time_ms - parcel.notice.time_ms >= GIVEN_UP_MS:
            del waiting[report.key]
            return _record(parcel, report, "sent" if report.sent else "given-up")
        next_ms = report.time_ms + pause_ms(report.attempt)
        waiting[report.key] = replace(parcel, attempts=report.attempt, next_ms=next_ms)
        return _record(parcel, report, "failed")

    def holds(self, route: str, case: str) -> bool:
        """Return whether a notice of a route about a case waits."""
        return any(
            parcel.notice.route == route and any(line.case.case == case for line in parcel.notice.lines)
            for waiting in self._waiting.values()
            for parcel in waiting.values()
        )

    def remember(self, channel: str) -> tuple[Parcel, ...]:
        """Return what waits for a channel, in order."""
        return tuple(self._waiting.get(channel, {}).values())

    def restore(self, parcels: Mapping[str, Iterable[Parcel]]) -> None:
        """Let these wait, by channel, and no others."""
        self._waiting = {channel: {p.key: p for p in some} for channel, some in parcels.items()}


def _record(parcel: Parcel, report: Report, ending: Ending) -> Delivery:
    return Delivery(
        key=parcel.key,
        route=parcel.notice.route,
        channel=parcel.channel,
        kind=parcel.notice.kind,
        cases=tuple(line.case.case for line in parcel.notice.lines),
        attempt=report.attempt,
        ending=ending,
        time_ms=report.time_ms,
        reason=report.reason,
        reference=report.reference,
    )


def _again(report: Report, channel: str) -> Delivery:
    return Delivery(
        key=report.key,
        route="",
        channel=channel,
        kind="",
        cases=(),
        attempt=report.attempt,
        ending="sent",
        time_ms=report.time_ms,
        reference=report.reference,
        again=True,
    )
