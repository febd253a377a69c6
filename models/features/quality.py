"""What is wrong with the data, apart from the machine.

A sensor says nothing, is stuck, jumps, is out of range or reads in another unit. A signal comes once, when it
begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.features.compiling import compiled
from models.features.kernel import Windows
from models.features.memory import NOWHERE, KernelState, Memory
from models.features.panes import MAX, MEAN, MIN
from models.features.state import NEVER, KernelLayout
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Float64, Int32, Int64, Samples, limits

_MISSING, _STUCK, _JUMP, _UNIT = 1, 2, 4, 8
_SAME = 0.02  # of the plausible range: a level that is as before
_PANES = 5  # that a change of unit needs: two before, one that may hold both, two after
_NEAR = 0.1  # of the plausible range: so near the usual level lies what was only converted wrongly

# What a value would have been sent as by somebody who thinks in the other unit: factor and offset.
UNITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "degC": {"degF": (1.8, 32.0), "K": (1.0, 273.15)},
    "K": {"degF difference": (1.8, 0.0)},
    "bar": {"kPa": (100.0, 0.0), "psi": (14.5038, 0.0), "Pa": (1e5, 0.0)},
    "kPa": {"bar": (0.01, 0.0), "psi": (0.145038, 0.0)},
    "L/s": {"m3/h": (3.6, 0.0), "US gal/min": (15.8503, 0.0)},
    "kW": {"W": (1000.0, 0.0), "hp": (1.34102, 0.0)},
    "%": {"share": (0.01, 0.0)},
}


@dataclass(frozen=True, slots=True)
class QualitySignal:
    """Something began with the data of one sensor in the pane that ends at ``time_ms``.

    ``kind`` is ``missing``, ``stuck``, ``jump``, ``out-of-range`` or ``unit``.
    """

    kind: str
    asset: str
    sensor: int
    time_ms: int
    value: float
    text: str


class Rules(NamedTuple):
    """Per sensor (S,): panes after which it is stuck (0: never), largest change a millisecond, and range.

    ``other`` (S, U, 2) are factor and offset of the units that it may be taken for, NaN for none.
    """

    stuck_panes: Int64
    per_ms: Float64
    span: Float64
    other: Float64
    running: int
    above: float


class QualityMonitor:
    """Looks at what the kernel took in; its own memory are the sensors that were out of range last."""

    def __init__(self, fleet: Fleet, plan: KernelLayout) -> None:
        self.fleet, self.plan = fleet, plan
        self.rules, self.limits = _rules(fleet, plan), limits(fleet.sensors)
        self.wrong: dict[tuple[str, int], int] = {}

    def closed(self, state: KernelState, windows: Windows) -> Iterator[QualitySignal]:
        """Yield what began in the panes that windows (of revision 0) end with."""
        first = np.flatnonzero(windows.revision == 0)
        rows = state.rows(windows.assets)[windows.asset[first]]
        panes = windows.end_ms[first] // self.plan.hop_ms - 1
        found = np.zeros((len(first), self.plan.sensors), np.uint8)
        inspect(self.plan, state.memory, self.rules, rows, panes, found)
        for i, sensor in np.argwhere(found).tolist():
            asset = windows.assets[windows.asset[first[i]]]
            yield from self._named(int(found[i, sensor]), asset, sensor, int(windows.end_ms[first[i]]))
            if found[i, sensor] & _UNIT:
                value, before = (
                    float(
                        state.memory.stats[state.memory.pane_at[rows[i], at % self.plan.ring], MEAN, sensor]
                    )
                    for at in (int(panes[i]), int(panes[i]) - 3)
                )
                yield self._changed(asset, sensor, int(windows.end_ms[first[i]]), value, before)

    def out_of_range(self, state: KernelState, samples: Samples) -> Iterator[QualitySignal]:
        """Yield the sensors of raw samples that read out of range, and did not in the pane before."""
        low, high = self.limits
        with np.errstate(invalid="ignore"):
            wrong = np.argwhere((samples.values < low) | (samples.values > high))
        for i, sensor in wrong.tolist():
            asset, pane = samples.assets[samples.asset[i]], int(samples.time_ms[i]) // self.plan.hop_ms
            before = self.wrong.get((asset, sensor), NEVER)
            self.wrong[asset, sensor] = max(before, pane)
            if pane > before + 1:
                yield self._doubted(
                    state, asset, sensor, int(samples.time_ms[i]), float(samples.values[i, sensor])
                )

    def forget(self, pane: int) -> None:
        """Forget sensors that have not been out of range since ``pane``."""
        self.wrong = {key: last for key, last in self.wrong.items() if last >= pane}

    def _named(self, bits: int, asset: str, sensor: int, end_ms: int) -> Iterator[QualitySignal]:
        what = self.fleet.sensors[sensor]
        if bits & _MISSING:
            yield QualitySignal("missing", asset, sensor, end_ms, 1.0, f"{what.label} says nothing")
        if bits & _STUCK:
            hours = (what.stuck_s or 0) / 3600
            yield QualitySignal(
                "stuck", asset, sensor, end_ms, hours, f"{what.label} did not move for {hours:g} h"
            )
        if bits & _JUMP:
            most = what.max_per_minute or 0.0
            text = f"{what.label} moved faster than {most:g} {what.unit} a minute"
            yield QualitySignal("jump", asset, sensor, end_ms, most, text)

    def _changed(self, asset: str, sensor: int, end_ms: int, value: float, before: float) -> QualitySignal:
        """Name the unit in which a sensor reads on as before."""
        what = self.fleet.sensors[sensor]
        units = UNITS[what.unit]
        unit = min(units, key=lambda u: abs((value - units[u][1]) / units[u][0] - before))
        meant = (value - units[unit][1]) / units[unit][0]
        text = f"{what.label} went to {value:.4g}: in {unit} that is {meant:.4g} {what.unit}, as before"
        return QualitySignal("unit", asset, sensor, end_ms, value, text)

    def _doubted(
        self, state: KernelState, asset: str, sensor: int, time_ms: int, value: float
    ) -> QualitySignal:
        what = self.fleet.sensors[sensor]
        usual = usual_level(state, asset, sensor)
        for unit, (factor, offset) in UNITS.get(what.unit, {}).items():
            meant = (value - offset) / factor
            if what.low <= meant <= what.high and abs(meant - usual) <= _NEAR * (what.high - what.low):
                text = f"{what.label} reads {value:g}: in {unit} that is {meant:.4g} {what.unit}, as usual"
                return QualitySignal("unit", asset, sensor, time_ms, value, text)
        text = f"{what.label} reads {value:g} {what.unit}: expected {what.low:g} to {what.high:g}"
        return QualitySignal("out-of-range", asset, sensor, time_ms, value, text)


def usual_level(state: KernelState, asset: str, sensor: int) -> float:
    """Return the mean of a sensor over the closed panes that are remembered; NaN if there are none."""
    row = state.index.get(asset)
    if row is None:
        return float("nan")
    memory, n, mean = state.memory, *np.zeros((2, state.plan.ring))
    there = memory.pane_at[row] != NOWHERE
    n[there] = memory.n[memory.pane_at[row, there], sensor]
    mean[there] = memory.stats[memory.pane_at[row, there], MEAN, sensor]
    total = n.sum()
    return float((n * mean).sum() / total) if total else float("nan")


def _rules(fleet: Fleet, plan: KernelLayout) -> Rules:
    panes = [-(-(s.stuck_s or 0) * 1000 // plan.hop_ms) for s in fleet.sensors]
    rate = [((s.kind == "gauge" and s.max_per_minute) or np.inf) / 60_000 for s in fleet.sensors]
    running = fleet.keys.index(fleet.running.sensor) if fleet.running else -1
    above = fleet.running.above if fleet.running else 0.0
    span = np.array([s.high - s.low for s in fleet.sensors])
    most = np.minimum(panes, plan.ring - 1)
    return Rules(most, np.array(rate, np.float64), span, _other_units(fleet), running, above)


def _other_units(fleet: Fleet) -> Float64:
    """Return (S, U, 2) the units that a step may come of: those nearer to the own are everyday changes."""
    out = np.full((len(fleet.sensors), max(map(len, UNITS.values())), 2), np.nan)
    for i, sensor in enumerate(fleet.sensors):
        for u, (factor, offset) in enumerate(UNITS.get(sensor.unit, {}).values()):
            if sensor.kind == "gauge" and (offset or not 2 / 3 < factor < 1.5):
                out[i, u] = factor, offset
    return out


@compiled
def inspect(
    plan: KernelLayout, memory: Memory, rules: Rules, rows: Int64, panes: Int64, found: npt.NDArray[np.uint8]
) -> None:
    """Write into ``found`` (n, S) what began in the panes (n,) of the assets ``rows`` (n,).

    Nothing is said of a pane that is not remembered any more, since one step closed that many after it.
    """
    for i in range(len(rows)):
        n, stats, pane_at = memory.n, memory.stats, memory.pane_at[rows[i]]
        remembered = plan.ring - (memory.at[rows[i]] - panes[i])
        if remembered < 2:
            continue
        now, before = pane_at[panes[i] % plan.ring], pane_at[(panes[i] - 1) % plan.ring]
        heard = before != NOWHERE and n[before, : plan.sensors].max() > 0
        runs = rules.running < 0 or stats[now, MEAN, rules.running] > rules.above
        for c in range(plan.sensors):
            if heard and n[now, c] == 0 and n[before, c] > 0:
                found[i, c] |= _MISSING
            if (
                runs
                and rules.stuck_panes[c] > 0
                and _flat_panes(n, stats, pane_at, panes[i], remembered, c) == rules.stuck_panes[c]
            ):
                found[i, c] |= _STUCK
            if remembered >= _PANES and _reads_in_other_unit(n, stats, pane_at, rules, panes[i], c):
                found[i, c] |= _UNIT
        if panes[i] > memory.at[rows[i]] + 1 - plan.kept:
            _jumps(plan, memory, rules, rows[i], panes[i], found[i])


@compiled
def _reads_in_other_unit(
    n: npt.NDArray[np.uint16], stats: Float32, pane_at: Int32, rules: Rules, pane: int, c: int
) -> bool:
    """Return whether ``c`` stepped, two panes ago at the latest, to what its level is in another unit."""
    ring, same = len(pane_at), _SAME * rules.span[c]
    for back in (0, 1, 3, 4):
        if not _readings(n, pane_at[(pane - back) % ring], c):
            return False
    now, last = _mean(stats, pane_at, pane, c), _mean(stats, pane_at, pane - 1, c)
    level, before = _mean(stats, pane_at, pane - 3, c), _mean(stats, pane_at, pane - 4, c)
    if abs(before - level) > same or abs(now - level) <= _NEAR * rules.span[c]:
        return False
    known = _readings(n, pane_at[(pane - 2) % ring], c) > 0
    between = _mean(stats, pane_at, pane - 2, c) if known else now
    for u in range(rules.other.shape[1]):
        factor, offset = rules.other[c, u]
        new = not known or not abs((between - offset) / factor - level) <= same
        meant, meant_last = (now - offset) / factor, (last - offset) / factor
        if new and abs(meant - level) <= same and abs(meant_last - level) <= same:
            return True
    return False


@compiled
def _readings(n: npt.NDArray[np.uint16], row: int, c: int) -> int:
    """Return how many readings of ``c`` a pane has that stands in ``row``, or nowhere."""
    return n[row, c] if row != NOWHERE else 0


@compiled
def _mean(stats: Float32, pane_at: Int32, pane: int, c: int) -> float:
    """Return the mean of ``c`` in a pane that has readings of it."""
    return float(stats[pane_at[pane % len(pane_at)], MEAN, c])


@compiled
def _flat_panes(
    n: npt.NDArray[np.uint16], stats: Float32, pane_at: Int32, pane: int, remembered: int, c: int
) -> int:
    """Count the panes up to ``pane``, of those ``remembered``, in which ``c`` had one and the same value."""
    value, panes = stats[pane_at[pane % len(pane_at)], MIN, c], 0
    for back in range(remembered):
        at = pane_at[(pane - back) % len(pane_at)]
        if not _readings(n, at, c) or stats[at, MIN, c] != value or stats[at, MAX, c] != value:
            break
        panes += 1
    return panes


@compiled
def _jumps(
    plan: KernelLayout, memory: Memory, rules: Rules, row: int, pane: int, found: npt.NDArray[np.uint8]
) -> None:
    slots, slot_ms = memory.slots, memory.slot_ms
    for c in range(plan.sensors):
        last = NOWHERE
        for s in memory.slot_at[row, pane % plan.kept]:
            if s == NOWHERE or slot_ms[s, c] < 0:
                continue
            if last != NOWHERE:
                ms = slot_ms[s, c] - slot_ms[last, c]
                found[c] |= _JUMP if abs(slots[s, c] - slots[last, c]) > rules.per_ms[c] * ms else 0
            last = s
