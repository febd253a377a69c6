"""Readings: what single sensors said, gathered into rows; of one sensor in one slot the last stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """``n`` rows: ``asset`` (n,), ``time_ms`` (n,) and ``values`` (n, S), NaN if nothing was said."""

    asset: Int32
    time_ms: Int64
    values: Values

    def __len__(self) -> int:
        return len(self.asset)

    def take(self, rows: Int64) -> Rows:
        """Return the given rows."""
        return Rows(self.asset[rows], self.time_ms[rows], self.values[rows])


@dataclass(frozen=True, slots=True)
class Merged:
    """Rows in the order of machine and time, none twice.

    In ``twice`` rows a sensor is read again at the same time; ``replaced`` readings gave way to a later one
    of the same sensor and slot.
    """

    rows: Rows
    twice: int
    replaced: int


def spread(sensor: Int32, value: Values, sensors: int) -> Values:
    """Return (n, S) values of ``n`` readings of one sensor each; -1 is no sensor of ours."""
    values = np.full((len(sensor), sensors), np.nan)
    known = np.flatnonzero(sensor >= 0)
    values[known, sensor[known]] = value[known]
    return values


def joined(parts: list[Rows]) -> Rows:
    """Return the rows of all parts, of which there is at least one, one after the other."""
    return Rows(
        np.concatenate([part.asset for part in parts]),
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def merged(rows: Rows, period_ms: int = 1) -> Merged:
    """Merge the rows of one machine and slot of ``period_ms`` sensor by sensor.

    A sensor's last value by event time, then by arrival, stays; the row has the time of the last.

    >>> two = Rows(np.zeros(2, np.int32), np.array([60, 30]), np.array([[1.0, np.nan], [2.0, 3.0]]))
    >>> merged(two, 100).rows.values.tolist(), merged(two, 100).replaced
    ([[1.0, 3.0]], 1)
    """
    order = np.lexsort((rows.time_ms, rows.asset))
    rows = rows.take(order)
    slot = rows.time_ms // period_ms
    new = begins(rows.asset, slot)
    starts = np.flatnonzero(new)
    if len(starts) == len(rows):
        return Merged(rows, 0, 0)
    again = np.flatnonzero(~new)
    touched = np.unique(np.searchsorted(starts, again, side="right") - 1)
    ends = np.append(starts[1:], len(rows))
    last = rows.take(ends - 1)
    inside = np.concatenate([np.arange(starts[g], ends[g]) for g in touched.tolist()])
    first = np.append(0, np.cumsum(ends[touched] - starts[touched])[:-1])
    twice, replaced = _merge_into(last.values, touched, rows.take(inside), first)
    return Merged(last, twice, replaced)


def _merge_into(out: Values, places: Int64, rows: Rows, first: Int64) -> tuple[int, int]:
    """Write the last value of each sensor of the groups that begin at ``first`` into ``out`` at ``places``.

    Return how many rows repeated a sensor at the same time, and how many readings gave way otherwise.
    """
    number = np.arange(len(rows))
    same_time = ~begins(rows.asset, rows.time_ms)
    instant = np.cumsum(~same_time)
    repeats, replaced = np.zeros(len(rows), bool), 0
    for sensor in range(out.shape[1]):
        known = np.flatnonzero(~np.isnan(rows.values[:, sensor]))
        place = np.full(len(rows), -1)
        place[known] = number[known]
        last = np.maximum.reduceat(place, first)
        there = last >= first
        out[places[there], sensor] = rows.values[last[there], sensor]
        again = known[1:][np.diff(instant[known]) == 0]
        repeats[again] = True
        replaced += len(known) - int(there.sum()) - len(again)
    return int(repeats.sum()), replaced


def begins(asset: Int32, step: Int64) -> npt.NDArray[np.bool_]:
    """Return (n,) whether a row begins a group of equal machine and step."""
    new = np.ones(len(asset), bool)
    new[1:] = (np.diff(asset) != 0) | (np.diff(step) != 0)
    return new


def held(rows: Rows, hold_ms: Int64, period_ms: int) -> Rows:
    """Hold the last value of sensor ``s`` for up to ``hold_ms[s]`` (0: not), in slots of ``period_ms``.

    ``rows`` are in the order of machine and slot, one each. Slots in which nothing was said, but something is
    held, become rows, at the beginning of the slot; up to the machine's last row.
    """
    sensors = np.flatnonzero(hold_ms)
    if not len(sensors) or not len(rows):
        return rows
    rows = _with_gaps(rows, int(hold_ms.max()), period_ms)
    number = np.arange(len(rows))
    first = np.maximum.accumulate(np.where(begins(rows.asset, np.zeros_like(rows.time_ms)), number, 0))
    values = rows.values.copy()
    for sensor in sensors.tolist():
        known = ~np.isnan(rows.values[:, sensor])
        last = np.maximum.accumulate(np.where(known, number, -1))
        fresh = (last >= first) & (rows.time_ms - rows.time_ms[last] <= hold_ms[sensor])
        values[:, sensor] = np.where(fresh, rows.values[last, sensor], np.nan)
    said = ~np.isnan(values).all(axis=1)
    return Rows(rows.asset, rows.time_ms, values).take(np.flatnonzero(said))


def _with_gaps(rows: Rows, longest_ms: int, period_ms: int) -> Rows:
    """Return the rows with empty ones in the slots after each, as far as anything may be held."""
    slot = rows.time_ms // period_ms
    gap = np.append(np.where(np.diff(rows.asset) == 0, np.diff(slot) - 1, 0), 0)
    gap = np.clip(gap, 0, longest_ms // period_ms)
    if not gap.any():
        return rows
    source = np.repeat(np.arange(len(rows)), gap + 1)
    ahead = np.arange(len(source)) - np.repeat(np.cumsum(gap + 1) - gap - 1, gap + 1)
    new = ahead > 0
    time_ms = np.where(new, (slot[source] + ahead) * period_ms, rows.time_ms[source])
    values = rows.values[source]
    values[new] = np.nan
    return Rows(rows.asset[source], time_ms, values)
