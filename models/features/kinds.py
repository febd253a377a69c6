"""Sensors that are no gauges: counters, states, events, and points that are sent when they change.

Readings stand in the slots of a pane as they came. What they come to is found when the pane is condensed,
from them and from the last reading before it: so it is the same however they arrived, and a late one corrects
what follows from it. A total is remembered to the bit of its float64: three float32 add up to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.event_time import DAY_MS
from models.features.compiling import compiled
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Float64, Int32, Int64, Values, hold_ms

PARTS = 2  # columns of a counter beside its own
_NEVER = np.iinfo(np.int64).min


class Kinds(NamedTuple):
    """Numbers of the sensors (M,) of which the last reading is remembered, and of the events (E,).

    Per remembered sensor (M,): for how long it holds (0: not at all); if it is a counter the first column of
    its parts, else -1, where it begins again (0: nowhere) and the most it rises a millisecond; if it is a
    state the channel of its changes, else -1. ``slots_a_day`` is what one change or event a slot comes to.
    """

    sensor: Int64
    hold_ms: Int64
    part: Int64
    wrap_at: Float64
    most: Float64
    changes: Int64
    events: Int64
    slots_a_day: float


def kinds_of(fleet: Fleet) -> Kinds:
    """Return the sensors of a fleet that are no gauges, or hold."""
    kept = [i for i, s in enumerate(fleet.sensors) if s.hold_s or s.kind in ("counter", "state")]
    sensors = [fleet.sensors[i] for i in kept]
    counters = [i for i in kept if fleet.sensors[i].kind == "counter"]
    first = {i: len(fleet.sensors) + PARTS * k for k, i in enumerate(counters)}
    keys = fleet.point_keys
    return Kinds(
        sensor=np.array(kept, np.int64),
        hold_ms=hold_ms(sensors),
        part=np.array([first.get(i, -1) for i in kept], np.int64),
        wrap_at=np.array([s.wrap_at or 0.0 for s in sensors], np.float64),
        most=np.array([(s.max_per_minute or np.inf) / 60_000 for s in sensors], np.float64),
        changes=np.array([keys.index(s.changes) if s.kind == "state" else -1 for s in sensors], np.int64),
        events=np.array([i for i, s in enumerate(fleet.sensors) if s.kind == "event"], np.int64),
        slots_a_day=DAY_MS / fleet.sampling.period_ms,
    )


def columns_of(values: Values, kinds: Kinds, limits: Float32) -> Float32:
    """Return readings (n, S) as float32 columns: the sensors, then what of each total float32 leaves out."""
    columns: Float32 = values.astype(np.float32, copy=False)
    counters = kinds.sensor[kinds.part >= 0]
    if not len(counters):
        return columns
    total, first = values[:, counters].astype(np.float64), columns[:, counters]
    with np.errstate(invalid="ignore"):
        out = (first < limits[0, counters]) | (first > limits[1, counters])
        second = (total - first).astype(np.float32)
        third = (total - first - second).astype(np.float32)
    second[out], third[out] = np.nan, np.nan
    parts = np.stack([second, third], axis=2).reshape(len(values), -1)
    return np.concatenate([columns, parts], axis=1)


def wide_limits(limits: Float32, kinds: Kinds) -> Float32:
    """Return the limits (2, S) of sensors with those of the parts of totals, which have none."""
    parts = PARTS * int((kinds.part >= 0).sum())
    return np.concatenate([limits, np.tile(np.array([[-np.inf], [np.inf]], np.float32), parts)], axis=1)


@compiled
def holds(kinds: Kinds, last_ms: Int64, time_ms: int) -> bool:
    """Return whether any of what was read last, at ``last_ms`` (M,), holds at a time."""
    for m in range(len(kinds.sensor)):
        if last_ms[m] != _NEVER and time_ms - last_ms[m] <= kinds.hold_ms[m]:
            return True
    return False


@compiled
def read_kinds(
    kinds: Kinds,
    slot_at: Int32,
    slots: Float32,
    slot_ms: Int32,
    start_ms: int,
    period_ms: int,
    last: Float64,
    last_ms: Int64,
    out: Float32,
) -> None:
    """Write into ``out`` (slots, C) what the readings of the pane that begins at ``start_ms`` come to.

    They stand in the rows ``slot_at`` (slots,) of ``slots`` and ``slot_ms``, -1 if nothing was heard.
    ``last`` and ``last_ms`` (M,) are the last readings before the pane; they become those after it.
    """
    for m in range(len(kinds.sensor)):
        c = kinds.sensor[m]
        for s in range(len(slot_at)):
            row = slot_at[s]
            if row >= 0 and slot_ms[row, c] >= 0:
                now_ms, now = start_ms + slot_ms[row, c], _exact(slots[row], c, kinds.part[m])
                _hear(kinds, m, last[m], last_ms[m], now, now_ms, out[s])
                last[m], last_ms[m] = now, now_ms
            else:
                age_ms = start_ms + s * period_ms - last_ms[m]
                _hold(kinds, m, last_ms[m] != _NEVER and age_ms <= kinds.hold_ms[m], last[m], out[s])
    for k in range(len(kinds.events)):
        _count(kinds, slot_at, slots, slot_ms, kinds.events[k], out)


@compiled
def _hear(kinds: Kinds, m: int, before: float, before_ms: int, now: float, now_ms: int, out: Float32) -> None:
    """Write into ``out`` (C,) what a reading comes to beside itself: a counter's rise, a state's change."""
    if kinds.part[m] >= 0:
        out[kinds.sensor[m]] = _rise_a_day(kinds, m, before, before_ms, now, now_ms)
    if kinds.changes[m] >= 0:
        changed = before_ms != _NEVER and now != before
        out[kinds.changes[m]] = kinds.slots_a_day if changed else 0.0


@compiled
def _hold(kinds: Kinds, m: int, holds: bool, before: float, out: Float32) -> None:
    """Write into ``out`` (C,) what was read before if it holds, else that nothing was."""
    out[kinds.sensor[m]] = before if holds else np.nan
    if kinds.changes[m] >= 0:
        out[kinds.changes[m]] = 0.0 if holds else np.nan


@compiled
def _exact(row: Float32, c: int, part: int) -> float:
    """Return a reading; of a counter the sum of its parts, which is its float64."""
    if part < 0:
        return float(row[c])
    return (np.float64(row[c]) + np.float64(row[part])) + np.float64(row[part + 1])


@compiled
def _rise_a_day(kinds: Kinds, m: int, before: float, before_ms: int, now: float, now_ms: int) -> float:
    """Return by how much a counter rises a day from one reading to the next; NaN if that is not known.

    A fall is a wrap if from there on, and round, it is less than half of the way; else somebody set the
    counter, and what it counted meanwhile is not known.
    """
    if before_ms == _NEVER:
        return np.nan
    rise, wrap = now - before, kinds.wrap_at[m]
    if rise < 0.0 and wrap > 0.0:
        rise += wrap
        if rise > 0.5 * wrap:
            return np.nan
    if rise < 0.0 or rise > kinds.most[m] * (now_ms - before_ms):
        return np.nan
    return rise * (DAY_MS / (now_ms - before_ms))


@compiled
def _count(kinds: Kinds, slot_at: Int32, slots: Float32, slot_ms: Int32, c: int, out: Float32) -> None:
    """Write how many events a day each slot comes to: none if only others said something, NaN if nobody."""
    for s in range(len(slot_at)):
        row = slot_at[s]
        heard = row >= 0 and (slot_ms[row].max() >= 0 or slot_ms[row].min() < -1)
        if row >= 0 and slot_ms[row, c] >= 0:
            out[s, c] = slots[row, c] * kinds.slots_a_day
        else:
            out[s, c] = 0.0 if heard else np.nan
