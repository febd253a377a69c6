"""Who was told of a case, and which channels fail, as a store has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.cases.case import Case
from models.event_time import DAY_MS
from streams.stores.selection import TIME, Condition, Selection
from streams.stores.store import Reader, Row

SENT = "sent"
_MOST = 500


@dataclass(frozen=True, slots=True)
class Told:
    """A notice for one channel: why it was sent, since when it was tried, and how the last attempt ended.

    ``ending`` is sent, failed (it is tried again) or given-up; ``reason`` says why not.
    """

    channel: str
    route: str
    kind: str
    first_ms: int
    last_ms: int
    attempts: int
    ending: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """When a channel took something last, and when, and why, it did not; None if it never was so."""

    channel: str
    sent_ms: int | None
    failed_ms: int | None
    reason: str

    @property
    def fails(self) -> bool:
        """Whether the last attempt failed."""
        return self.failed_ms is not None and (self.sent_ms is None or self.failed_ms > self.sent_ms)


def told_of(reader: Reader, case: Case) -> list[Told]:
    """Return who was told of a case since it opened, the newest first."""
    since = Condition(TIME, ">", float(case.opened_ms - DAY_MS))
    about = Condition("cases", "has", case.case)
    chosen = Selection("deliveries", TIME, (since, about), descending=True, most=_MOST, every=True)
    notices: dict[str, list[Row]] = {}
    for row in reader.select(chosen).rows:
        if case.case in str(row.fields.get("cases", "")).split(", "):
            notices.setdefault(str(row.fields.get("key", "")), []).append(row)
    found = [_told(sorted(rows, key=lambda row: row.time_ms)) for rows in notices.values()]
    return sorted(found, key=lambda told: (-told.last_ms, told.channel))


def channel_states(reader: Reader) -> list[ChannelState]:
    """Return how each channel that was ever used stands, those that fail first."""
    rows: dict[str, list[Row]] = {}
    for row in reader.latest("deliveries"):
        rows.setdefault(row.word("channel"), []).append(row)
    states = [_state(channel, some) for channel, some in rows.items()]
    return sorted(states, key=lambda state: (not state.fails, state.channel))


def _told(rows: Sequence[Row]) -> Told:
    first, last = rows[0], _last(rows)
    attempt = last.fields.get("attempt")
    return Told(
        channel=first.word("channel"),
        route=first.word("route"),
        kind=first.word("kind"),
        first_ms=first.time_ms,
        last_ms=last.time_ms,
        attempts=int(attempt) if isinstance(attempt, float) else len(rows),
        ending=last.word("ending"),
        reason=last.word("reason"),
    )


def _last(rows: Sequence[Row]) -> Row:
    """Return the attempt that counts: that which was taken, whatever came after it."""
    taken = [row for row in rows if row.word("ending") == SENT]
    return taken[0] if taken else rows[-1]


def _state(channel: str, rows: Iterable[Row]) -> ChannelState:
    taken = [row for row in rows if row.word("ending") == SENT]
    failed = [row for row in rows if row.word("ending") != SENT]
    last = max(failed, key=lambda row: row.time_ms, default=None)
    sent_ms = max((row.time_ms for row in taken), default=None)
    return ChannelState(channel, sent_ms, last.time_ms if last else None, last.word("reason") if last else "")
