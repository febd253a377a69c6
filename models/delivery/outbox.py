"""What has not arrived yet, channel by channel, and when each is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from msgspec.structs import replace

from models.delivery.notice import GIVEN_UP_MS, Delivery, Ending, Notice, Parcel, Report, pause_ms

MOST = 10_000  # of a channel wait; more than that nobody reads
Place = tuple[str, int]
"""A channel, and the number of a place there, below `MOST`: what is remembered stays bounded."""


class Outbox:
    """Parcels until they have arrived, or are given up after three days.

    Each stands at a place of its own. ``changed`` are the places with another parcel, or none, since whoever
    saves them last cleared it.
    """

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._waiting: dict[str, dict[int, Parcel]] = {}
        self._full: dict[str, int] = {}  # below this number no place of a channel is free
        self.changed: set[Place] = set()

    def put(self, notice: Notice, channels: Iterable[str], now_ms: int) -> list[Delivery]:
        """Take a notice in for some channels; return those that are given up to make room."""
        out = []
        for channel in dict.fromkeys(channels):
            waiting = self._waiting.setdefault(channel, {})
            if len(waiting) == MOST:
                oldest = min(waiting.values(), key=_age)
                why = f"more than {MOST} wait for the channel"
                report = Report(oldest.key, oldest.attempts, sent=False, time_ms=now_ms, reason=why)
                out.append(_record(oldest, report, "given-up"))
                self._set(self._places[oldest.key], None)
            place = channel, self._free(channel)
            self._set(place, Parcel(notice=notice, channel=channel, next_ms=now_ms))
        return out

    def ready(self, now_ms: int) -> list[Parcel]:
        """Return what is to be tried now, the oldest first."""
        return sorted((p for p in self.waiting if p.next_ms <= now_ms), key=_age)

    def report(self, report: Report) -> Delivery | None:
        """Take in how an attempt ended; None if that was heard before.

        What arrives again, since two workers tried it or a report was lost, is on record as such.
        """
        place = self._places.get(report.key)
        if place is None:
            return _again(report) if report.sent else None
        parcel = self._waiting[place[0]][place[1]]
        if report.attempt <= parcel.attempts and not report.sent:
            return None
        if report.sent or report.time_ms - parcel.notice.time_ms >= GIVEN_UP_MS:
            self._set(place, None)
            return _record(parcel, report, "sent" if report.sent else "given-up")
        next_ms = report.time_ms + pause_ms(report.attempt)
        self._set(place, replace(parcel, attempts=report.attempt, next_ms=next_ms))
        return _record(parcel, report, "failed")

    @property
    def waiting(self) -> list[Parcel]:
        """What has not arrived yet."""
        return [parcel for waiting in self._waiting.values() for parcel in waiting.values()]

    def cases(self, route: str) -> set[str]:
        """Return the cases of which a notice of a route has not arrived yet."""
        return {line.case.case for p in self.waiting if p.notice.route == route for line in p.notice.lines}

    def remember(self, place: Place) -> Parcel | None:
        """Return what stands at a place."""
        return self._waiting.get(place[0], {}).get(place[1])

    def restore(self, place: Place, parcel: Parcel | None) -> None:
        """Put it there again."""
        self._set(place, parcel)
        self.changed.discard(place)

    def _free(self, channel: str) -> int:
        """Return the lowest number of a free place."""
        waiting = self._waiting[channel]
        found = next(number for number in count(self._full.get(channel, 0)) if number not in waiting)
        self._full[channel] = found
        return found

    def _set(self, place: Place, parcel: Parcel | None) -> None:
        channel, number = place
        before = self._waiting.setdefault(channel, {}).pop(number, None)
        if before is not None:
            del self._places[before.key]
            self._full[channel] = min(number, self._full.get(channel, 0))
        if parcel is not None:
            self._waiting[channel][number] = parcel
            self._places[parcel.key] = place
        self.changed.add(place)


def _age(parcel: Parcel) -> tuple[int, str]:
    return parcel.notice.time_ms, parcel.key


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


def _again(report: Report) -> Delivery:
    return Delivery(
        key=report.key,
        route="",
        channel=report.key.rpartition("/")[2],
        kind="",
        cases=(),
        attempt=report.attempt,
        ending="sent",
        time_ms=report.time_ms,
        reference=report.reference,
        again=True,
    )
