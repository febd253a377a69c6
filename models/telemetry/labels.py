"""Labels of windows: when the next outcome of the machine follows, and what is known of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Event, Int32, Int64

DAY_MS = 86_400_000
YEAR_MS = 365.25 * DAY_MS
OUTCOME = "shutdown"
_NEVER = np.iinfo(np.int64).max

Bools = npt.NDArray[np.bool_]


def outcomes(events: Sequence[Event]) -> list[Event]:
    """Return the events that are predicted, in order of time."""
    return sorted(e for e in events if e.kind == OUTCOME)


def outcome_times(events: Sequence[Event]) -> dict[str, list[int]]:
    """Return the times of the outcomes of each asset that had one, in order."""
    times: dict[str, list[int]] = defaultdict(list)
    for event in outcomes(events):
        times[event.asset].append(event.time_ms)
    return times


def follows(times: Sequence[int], time_ms: int, horizon_ms: float) -> bool:
    """Return whether any of the times falls into (time, time + horizon].

    >>> follows([10], 10, 5), follows([10], 5, 5), follows([10], 4, 5)
    (False, True, False)
    """
    return any(0 < t - time_ms <= horizon_ms for t in times)


def time_to_next(assets: Sequence[str], asset: Int32, end_ms: Int64, events: Sequence[Event]) -> Int64:
    """Return (n,) milliseconds from each window end to the first later outcome of its asset.

    An outcome at the window end itself is past, not future. Where none follows: the largest int64.

    >>> trips = [Event(10, "a", "shutdown"), Event(30, "a", "shutdown")]
    >>> waits = time_to_next(("a",), np.zeros(3, np.int32), np.array([5, 10, 30]), trips)
    >>> waits[:2].tolist(), bool(waits[2] == np.iinfo(np.int64).max)
    ([5, 20], True)
    """
    number = next_outcome(assets, asset, end_ms, events)
    times = np.array([e.time_ms for e in outcomes(events)] + [_NEVER], np.int64)
    return np.where(number < 0, _NEVER, times[number] - end_ms)


def next_outcome(assets: Sequence[str], asset: Int32, end_ms: Int64, events: Sequence[Event]) -> Int64:
    """Return (n,) the number, in `outcomes`, of each window's first later outcome; -1 where none follows."""
    found = np.full(len(end_ms), -1, np.int64)
    own: dict[str, list[int]] = defaultdict(list)
    happened = outcomes(events)
    for number, event in enumerate(happened):
        own[event.asset].append(number)
    for code, name in enumerate(assets):
        if name in own:
            rows = np.flatnonzero(asset == code)
            times = np.array([happened[i].time_ms for i in own[name]], np.int64)
            padded = np.array([*own[name], -1], np.int64)
            found[rows] = padded[np.searchsorted(times, end_ms[rows], side="right")]
    return found


def within(wait_ms: Int64, horizon_d: float) -> Bools:
    """Return whether the outcome falls into (end, end + horizon]."""
    return wait_ms <= horizon_d * DAY_MS


def known(end_ms: Int64, horizon_d: float, until_ms: int | Int64) -> Bools:
    """Return whether all of (end, end + horizon] lies in what was observed, up to ``until_ms``."""
    return end_ms + horizon_d * DAY_MS <= until_ms


@dataclass(frozen=True, slots=True)
class HazardRows:
    """At-risk rows of a discrete-time hazard: window ``row``, ``interval`` and ``outcome``, each (m,)."""

    row: Int64
    interval: Int32
    outcome: Bools


def observed_until(
    assets: Sequence[str],
    asset: Int32,
    end_ms: Int64,
    events: Sequence[Event],
    *,
    kinds: Sequence[str],
    until_ms: int,
) -> Int64:
    """Return (n,) up to when each window's machine was left to itself: an event of ``kinds``, or the end.

    What would have happened without a planned stop, or without whoever acted on an alert, nobody knows: a
    window's future is censored there, or prevention would be learnt as health.

    >>> work = [Event(10, "a", "maintenance")]
    >>> ends = np.array([5, 10])
    >>> observed_until(("a",), np.zeros(2, int), ends, work, kinds=("maintenance",), until_ms=99).tolist()
    [10, 99]
    """
    observed = np.full(len(end_ms), until_ms, np.int64)
    times: dict[str, list[int]] = defaultdict(list)
    for event in sorted(events):
        if event.kind in kinds and event.time_ms < until_ms:
            times[event.asset].append(event.time_ms)
    for code, name in enumerate(assets):
        if name in times:
            rows = np.flatnonzero(asset == code)
            ends = np.array([*times[name], until_ms], np.int64)
            observed[rows] = ends[np.searchsorted(ends[:-1], end_ms[rows], side="right")]
    return observed


def hazard_rows(
    wait_ms: Int64, end_ms: Int64, horizons_d: Sequence[float], until_ms: int | Int64
) -> HazardRows:
    """Expand windows to one row per interval (h[j-1], h[j]] that is observed whole and entered at risk.

    A window whose interval reaches beyond ``until_ms``, (n,) or one for all, is censored there, whatever its
    outcome: keeping only the outcomes that came early would overstate the risk (Singer & Willett 1993).
    """
    rows, intervals, outcome = [], [], []
    for j, horizon_d in enumerate(horizons_d):
        before = np.zeros(len(wait_ms), bool) if j == 0 else within(wait_ms, horizons_d[j - 1])
        row = np.flatnonzero(~before & known(end_ms, horizon_d, until_ms))
        rows.append(row)
        intervals.append(np.full(len(row), j, np.int32))
        outcome.append(within(wait_ms[row], horizon_d))
    return HazardRows(np.concatenate(rows), np.concatenate(intervals), np.concatenate(outcome))


def is_down(assets: Sequence[str], asset: Int32, end_ms: Int64, events: Sequence[Event]) -> Bools:
    """Return whether a window ends while its machine is shut down: after an outcome, not yet restarted.

    A machine that stands still cannot trip; its windows teach nothing about risk.
    """
    down = np.zeros(len(end_ms), bool)
    changes: dict[str, list[tuple[int, bool]]] = {}
    for event in sorted(events):
        if event.kind in (OUTCOME, "restart"):
            changes.setdefault(event.asset, []).append((event.time_ms, event.kind == OUTCOME))
    for code, name in enumerate(assets):
        if name in changes:
            rows = np.flatnonzero(asset == code)
            times = np.array([t for t, _ in changes[name]], np.int64)
            state = np.array([False, *(d for _, d in changes[name])])
            down[rows] = state[np.searchsorted(times, end_ms[rows], side="right")]
    return down
