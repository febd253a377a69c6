"""Labels that come late: windows wait until what became of their machine is known, in order of event time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from models.event_time import DAY_MS
from models.telemetry.event_log import FINDING, OUTCOME
from models.telemetry.planned_stops import CANCELLED, PLANNED, Stopped, stops_of
from models.telemetry.samples import Event

HAPPENINGS = ("outcome", "confirmed", "prevented", PLANNED, CANCELLED)
"""A shutdown; a fault found where one was foretold; work that hides what would have come; a planned stop, and
that it is none."""
_FOUND = {"confirmed": "confirmed", "confirmed-other": "confirmed", "early-degradation": "prevented"}
_MOST_HAPPENINGS = 128
_SPARE_DAYS = 60

# When something happened, which of the above, and the code of a planned stop.
Happening = tuple[int, str, str]
# The windows of one asset that wait, end and log-odds, and what happened to it.
Remembered = tuple[list[tuple[int, float]], list[Happening]]


def happening(event: Event, censor: Iterable[str]) -> Happening | None:
    """Return what an event is to a window that waits, None if nothing; ``censor`` are kinds that hide it.

    That nothing was found says nothing beyond what the horizon says by itself; nor does it if nobody looked.

    >>> happening(Event(5, "a", "finding", "not-inspected"), ["maintenance"]) is None
    True
    """
    if event.kind in (PLANNED, CANCELLED):
        return event.time_ms, event.kind, event.code
    found = _FOUND.get(event.code) if event.kind == FINDING else None
    what = "outcome" if event.kind == OUTCOME else "prevented" if event.kind in censor else found
    return (event.time_ms, what, "") if what else None


def became(happened: Sequence[Happening], end_ms: int, horizon_ms: int) -> bool | None:
    """Return whether what was foretold came within (end, end + horizon]; None if nobody can know.

    A confirmed fault counts as come, however soon it was mended; a shutdown does unless work, or a planned
    stop, came before it.

    >>> became([(3, "prevented", ""), (9, "outcome", "")], 5, 7)
    True
    >>> became([(8, "prevented", ""), (9, "outcome", "")], 5, 7) is None
    True
    """
    within = [(ms, what) for ms, what, _ in happened if 0 < ms - end_ms <= horizon_ms]
    if any(what == "confirmed" for _, what in within):
        return True
    stops = _stops(happened)
    if any(stop.from_ms <= end_ms < stop.until_ms for stop in stops):
        return None
    hidden = [ms for ms, what in within if what == "prevented"]
    hidden += [stop.from_ms for stop in stops if 0 < stop.from_ms - end_ms <= horizon_ms]
    came = [ms for ms, what in within if what == "outcome"]
    if hidden and min(hidden) <= min(came, default=min(hidden)):
        return None
    return bool(came)


def _stops(happened: Sequence[Happening]) -> Sequence[Stopped]:
    told = [Event(ms, "", what, code) for ms, what, code in happened if what in (PLANNED, CANCELLED)]
    return stops_of(told).get("", ()) if told else ()


@dataclass(frozen=True, slots=True, order=True)
class Matured:
    """A window whose label is known now."""

    end_ms: int
    asset: str
    log_odds: float
    label: bool


@dataclass(slots=True)
class Pending:
    """Windows that wait for their label: whether what they foretell came in (end, end + horizon].

    ``changed`` are the assets remembered otherwise since whoever saves them last cleared it. If the watermark
    stands still an asset's oldest windows are forgotten, sixty days beyond the horizon; what happened to it
    is known once, and of that the last 128.
    """

    horizon_ms: int
    changed: set[str] = field(default_factory=set)
    unlabelled: int = 0
    _waiting: dict[str, dict[int, float]] = field(default_factory=dict)
    _happened: dict[str, list[Happening]] = field(default_factory=dict)
    _due: list[tuple[int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def observe(self, asset: str, end_ms: int, log_odds: float) -> None:
        """Remember a window until its horizon has passed."""
        self._wait(asset, end_ms, log_odds)
        waiting, most = self._waiting[asset], self.horizon_ms // DAY_MS + _SPARE_DAYS
        if len(waiting) > most:
            del waiting[min(waiting)]
        self.changed.add(asset)

    def happen(self, asset: str, what: Happening) -> None:
        """Remember what happened to an asset."""
        known = self._happened.setdefault(asset, [])
        if what not in known:
            known.append(what)
            del known[:-_MOST_HAPPENINGS]
            self.changed.add(asset)

    def mature(self, watermark_ms: int) -> list[Matured]:
        """Return the windows whose horizon ended at or before the watermark and whose label is known.

        The oldest first, and of one moment by asset. ``unlabelled`` are those of which nobody can know it.
        """
        matured, self.unlabelled = [], 0
        while self._due and self._due[0][0] + self.horizon_ms <= watermark_ms:
            end_ms, asset = heapq.heappop(self._due)
            log_odds = self._waiting.get(asset, {}).pop(end_ms, None)
            if log_odds is None:
                continue
            self.changed.add(asset)
            label = became(self._happened.get(asset, ()), end_ms, self.horizon_ms)
            self.unlabelled += label is None
            if label is not None:
                matured.append(Matured(end_ms, asset, log_odds, label))
        self._forget(watermark_ms)
        return matured

    def remember(self, asset: str) -> Remembered:
        """Return the windows of an asset that wait, and what happened that they may meet."""
        return list(self._waiting.get(asset, {}).items()), list(self._happened.get(asset, ()))

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, happened = remembered
        for end_ms, log_odds in waiting:
            self._wait(asset, end_ms, log_odds)
        if happened:
            self._happened[asset] = list(happened)

    def clear(self) -> None:
        """Forget all windows and all that happened."""
        self.changed |= self._waiting.keys() | self._happened.keys()
        for held in (self._waiting, self._happened, self._due):
            held.clear()

    def _wait(self, asset: str, end_ms: int, log_odds: float) -> None:
        waiting = self._waiting.setdefault(asset, {})
        if end_ms not in waiting:
            heapq.heappush(self._due, (end_ms, asset))
        waiting[end_ms] = log_odds

    def _forget(self, watermark_ms: int) -> None:
        """Drop what happened before any window that still waits."""
        oldest_ms = self._due[0][0] if self._due else watermark_ms
        for asset, known in list(self._happened.items()):
            kept = [one for one in known if one[0] > oldest_ms]
            if len(kept) < len(known):
                self._happened[asset] = kept
                self.changed.add(asset)
            if not kept:
                del self._happened[asset]
