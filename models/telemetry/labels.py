"""Labels of windows: when the next outcome of the machine follows, and what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.event_time import DAY_MS
from models.telemetry.event_log import OUTCOME, RESTART, EventLog
from models.telemetry.samples import Int32, Int64
from models.telemetry.window_keys import WindowKeys

_NEVER = np.iinfo(np.int64).max

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Labels:
    """What became of ``n`` windows that end at ``end_ms`` (n,).

    ``wait_ms`` (n,) is the time to the machine's next outcome, the largest int64 if none follows;
    ``observed_ms`` (n,) is up to when the machine was seen and left to itself.
    """

    end_ms: Int64
    wait_ms: Int64
    observed_ms: Int64

    def take(self, rows: Int64 | Bools) -> Labels:
        """Return those of the given rows."""
        return Labels(self.end_ms[rows], self.wait_ms[rows], self.observed_ms[rows])

    def as_of(self, time_ms: int) -> Labels:
        """Return what was known at a time."""
        return Labels(self.end_ms, self.wait_ms, np.minimum(self.observed_ms, time_ms))

    def follows(self, horizon_d: float) -> Bools:
        """Return (n,) whether an outcome falls into (end, end + horizon]."""
        return within(self.wait_ms, horizon_d)

    def known(self, horizon_d: float) -> Bools:
        """Return (n,) whether all of (end, end + horizon] was observed."""
        return self.end_ms + horizon_d * DAY_MS <= self.observed_ms


def label(keys: WindowKeys, log: EventLog, until_ms: int, censor: Sequence[str] = ()) -> Labels:
    """Return what became of windows, as far as ``until_ms``, or an event of a kind in ``censor``, allows.

    What would have happened without a planned stop, or without whoever acted on an alert, nobody knows: a
    window's future is censored there, or prevention would be learnt as health. Planned stops always censor,
    and of a window that ends within one nothing is known. Work that repairs what an outcome left does not.
    """
    observed_ms = np.minimum(
        _observed_until(keys, without_repairs(log, censor), until_ms),
        log.planned_stops.left_alone_until(keys, until_ms),
    )
    return Labels(keys.end_ms, time_to_next(keys, log), observed_ms)


def time_to_next(keys: WindowKeys, log: EventLog) -> Int64:
    """Return (n,) milliseconds from each window end to the first later outcome of its machine.

    An outcome at the window end itself is past, not future. If none follows: the largest int64.

    >>> from models.telemetry.samples import Event
    >>> trips = EventLog([Event(10, "a", "shutdown"), Event(30, "a", "shutdown")])
    >>> waits = time_to_next(WindowKeys(("a",), np.zeros(3, np.int32), np.array([5, 10, 30])), trips)
    >>> waits[:2].tolist(), bool(waits[2] == np.iinfo(np.int64).max)
    ([5, 20], True)
    """
    number = log.outcomes.next_after(keys)
    times = np.append(log.outcomes.time_ms, _NEVER)
    return np.where(number < 0, _NEVER, times[number] - keys.end_ms)


def _observed_until(keys: WindowKeys, log: EventLog, until_ms: int) -> Int64:
    """Return (n,) when each machine's next event of the log came, or ``until_ms`` if that was earlier."""
    times = np.append(log.time_ms, until_ms)
    out: Int64 = np.minimum(times[log.next_after(keys)], until_ms)
    return out


def without_repairs(log: EventLog, kinds: Sequence[str]) -> EventLog:
    """Return the events of some kinds, but those of a machine that stands after an outcome: they mend it.

    It stands until its restart; if it logs none, up to and with the first of these events.

    >>> from models.telemetry.samples import Event
    >>> told = [Event(3, "a", "shutdown"), Event(4, "a", "maintenance"), Event(9, "a", "maintenance")]
    >>> [event.time_ms for event in without_repairs(EventLog(told), ["maintenance"])]
    [9]
    """
    restarting, stands = assets_with_restarts(log), set[str]()
    kept = []
    for event in log:
        if event.kind == OUTCOME:
            stands.add(event.asset)
        elif event.kind == RESTART:
            stands.discard(event.asset)
        elif event.kind in kinds and event.asset not in stands:
            kept.append(event)
        elif event.kind in kinds and event.asset not in restarting:
            stands.discard(event.asset)
    return EventLog(kept)


def assets_with_restarts(log: EventLog) -> frozenset[str]:
    """Return the machines of which the log has a restart."""
    return frozenset(event.asset for event in log.only(RESTART))


def is_down(keys: WindowKeys, log: EventLog, downtime_s: int | None = None) -> Bools:
    """Return (n,) whether a window ends while its machine is down: after an outcome, until it runs.

    A machine that stands still cannot trip; its windows teach nothing about risk. It runs again with a
    restart event, or after ``downtime_s``, whichever comes first. Without that a machine that logs no
    restarts (nothing in the log is one, or it had several outcomes and none) runs right after the outcome.
    """
    changes = log.only(OUTCOME, RESTART)
    last = changes.last_until(keys)
    stopped: Bools = np.array([*(e.kind == OUTCOME for e in changes), False])[last]
    silent = _without_restarts(log)
    ends = np.array([downtime_s is not None or silent(name) for name in keys.assets], bool)[keys.asset]
    since_ms = keys.end_ms - np.append(changes.time_ms, 0)[last]
    runs: Bools = ends & (since_ms > (downtime_s or 0) * 1000)
    return stopped & ~runs


def _without_restarts(log: EventLog) -> Callable[[str], bool]:
    """Return what says whether a machine's restarts are not logged."""
    restarting = assets_with_restarts(log)
    outcomes = Counter(event.asset for event in log.only(OUTCOME))
    return lambda asset: not restarting or (asset not in restarting and outcomes[asset] > 1)


def within(wait_ms: Int64, horizon_d: float) -> Bools:
    """Return whether an outcome that comes after ``wait_ms`` falls into (end, end + horizon]."""
    return wait_ms <= horizon_d * DAY_MS


@dataclass(frozen=True, slots=True)
class HazardRows:
    """At-risk rows of a discrete-time hazard: window ``row``, ``interval`` and ``outcome``, each (m,)."""

    row: Int64
    interval: Int32
    outcome: Bools

    def take(self, chosen: Int64 | Bools) -> HazardRows:
        """Return some of the rows."""
        return HazardRows(self.row[chosen], self.interval[chosen], self.outcome[chosen])


def hazard_rows(labels: Labels, horizons_d: Sequence[float]) -> HazardRows:
    """Expand windows to one row per interval (h[j-1], h[j]] that is observed whole and entered at risk.

    A window whose interval reaches beyond what was observed is censored there, whatever its outcome: keeping
    only the outcomes that came early would overstate the risk (Singer & Willett 1993).
    """
    rows, intervals, outcome = [], [], []
    for j, horizon_d in enumerate(horizons_d):
        over = labels.follows(horizons_d[j - 1]) if j else np.zeros(len(labels.end_ms), bool)
        row = np.flatnonzero(~over & labels.known(horizon_d))
        rows.append(row)
        intervals.append(np.full(len(row), j, np.int32))
        outcome.append(labels.follows(horizon_d)[row])
    return HazardRows(np.concatenate(rows), np.concatenate(intervals), np.concatenate(outcome))
