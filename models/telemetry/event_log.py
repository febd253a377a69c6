"""The events of a fleet in order of time, searched machine by machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from models.telemetry.planned_stops import PLANNED, stops_of
from models.telemetry.samples import Event, Int64
from models.telemetry.window_keys import WindowKeys

OUTCOME, RESTART = "shutdown", "restart"
FINDING = "finding"
"""What people found at a machine, whose code is the outcome of a case."""
FOUND = ("confirmed", "confirmed-other", "early-degradation")
"""Findings that say there was a fault."""


def follows(times: Sequence[int], time_ms: int, horizon_ms: float) -> bool:
    """Return whether any of the times falls into (time, time + horizon].

    >>> follows([10], 10, 5), follows([10], 5, 5), follows([10], 4, 5)
    (False, True, False)
    """
    return any(0 < t - time_ms <= horizon_ms for t in times)


class PlannedStops:
    """Planned stops of machines, as events tell them."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        told = stops_of(events)
        spans = sorted(
            (stopped.from_ms, asset, stopped.until_ms) for asset in told for stopped in told[asset]
        )
        self._until_ms = np.array([until_ms for *_, until_ms in spans], np.int64)
        self._begins = EventLog(Event(from_ms, asset, PLANNED) for from_ms, asset, _ in spans)
        self._of = told

    def covers(self, asset: str, time_ms: int) -> bool:
        """Return whether a machine is stopped at a time."""
        return self.until_ms(asset, time_ms) is not None

    def until_ms(self, asset: str, time_ms: int) -> int | None:
        """Return when the stop ends in which a machine is at a time, None if it is in none."""
        spans = self._of.get(asset, ())
        return next((s.until_ms for s in spans if s.from_ms <= time_ms < s.until_ms), None)

    def touches(self, asset: str, time_ms: int, until_ms: float) -> bool:
        """Return whether a machine is stopped at any time in [time, until)."""
        return any(s.from_ms < until_ms and time_ms < s.until_ms for s in self._of.get(asset, ()))

    def left_alone_until(self, keys: WindowKeys, until_ms: int) -> Int64:
        """Return (n,) when the next stop begins after each window's end, or ``until_ms`` if that is earlier.

        Of a window that ends within a stop: its own end.
        """
        begins = np.append(self._begins.time_ms, until_ms)
        last = self._begins.last_until(keys)
        within = (last >= 0) & (np.append(self._until_ms, 0)[last] > keys.end_ms)
        out: Int64 = np.where(within, keys.end_ms, begins[self._begins.next_after(keys)])
        return np.minimum(out, until_ms)


class EventLog:
    """Events in order of time; an event's number is its place among them."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events = tuple(sorted(events))
        self.time_ms = np.array([e.time_ms for e in self.events], np.int64)
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, event in enumerate(self.events):
            self._numbers[event.asset].append(number)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __getitem__(self, number: int) -> Event:
        return self.events[number]

    @cached_property
    def outcomes(self) -> EventLog:
        """The events that are predicted: what happens within a planned stop is none."""
        stops = self.planned_stops
        return EventLog(e for e in self.only(OUTCOME) if not stops.covers(e.asset, e.time_ms))

    @cached_property
    def planned_stops(self) -> PlannedStops:
        """The planned stops that events tell of."""
        return PlannedStops(self.events)

    def only(self, *kinds: str) -> EventLog:
        """Return the events of some kinds."""
        return EventLog(e for e in self.events if e.kind in kinds)

    def between(self, from_ms: int, until_ms: int) -> EventLog:
        """Return the events in (from, until]."""
        return EventLog(e for e in self.events if from_ms < e.time_ms <= until_ms)

    def follows(self, asset: str, time_ms: int, horizon_ms: float) -> bool:
        """Return whether an event of a machine falls into (time, time + horizon]."""
        return follows([self[number].time_ms for number in self._numbers.get(asset, ())], time_ms, horizon_ms)

    def next_after(self, keys: WindowKeys) -> Int64:
        """Return (n,) the number of the first event of each window's machine after its end, else -1.

        >>> log = EventLog([Event(10, "a", "shutdown"), Event(30, "a", "shutdown")])
        >>> log.next_after(WindowKeys(("a",), np.zeros(3, np.int32), np.array([5, 10, 30]))).tolist()
        [0, 1, -1]
        """
        found = np.full(len(keys), -1, np.int64)
        for rows, own, happened in self._happened(keys):
            found[rows] = np.append(own, -1)[happened]
        return found

    def last_until(self, keys: WindowKeys) -> Int64:
        """Return (n,) the number of the last event of each window's machine at or before its end, else -1."""
        found = np.full(len(keys), -1, np.int64)
        for rows, own, happened in self._happened(keys):
            found[rows] = np.append(-1, own)[happened]
        return found

    def _happened(self, keys: WindowKeys) -> Iterator[tuple[Int64, Sequence[int], Int64]]:
        """Yield the rows of each machine, its events, and how many of them had happened at each row's end."""
        order = np.argsort(keys.asset, kind="stable")
        first = np.searchsorted(keys.asset[order], np.arange(len(keys.assets) + 1))
        for code, name in enumerate(keys.assets):
            own, rows = self._numbers.get(name), order[first[code] : first[code + 1]]
            if own and len(rows):
                yield rows, own, np.searchsorted(self.time_ms[own], keys.end_ms[rows], side="right")
