"""Samples as they come, compiled: what is out of range, which pane each is of, and whether it comes late."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.memory import Memory
from models.features.state import NEVER, KernelLayout, PaneSamples
from models.telemetry.samples import Float32, Int64

FRESH, LATE, TOO_LATE = range(3)


@compiled
def prepare(
    plan: KernelLayout, memory: Memory, raw: Float32, limits: Float32, samples: PaneSamples, wrong: Int64
) -> bool:
    """Fill all of ``samples``, and ``wrong`` (S,); return whether they come in order."""
    plausible(raw, limits[0], limits[1], samples.values, wrong)
    classify(plan, memory, samples)
    return is_ordered(samples)


@compiled
def plausible(raw: Float32, low: Float32, high: Float32, values: Float32, wrong: Int64) -> None:
    """Copy ``raw`` (n, S) into ``values``, missing if out of range, which is counted in ``wrong`` (S,)."""
    for i in range(raw.shape[0]):
        found = 0
        for c in range(raw.shape[1]):
            out = (raw[i, c] < low[c]) | (raw[i, c] > high[c])  # not `or`: a branch would stop vector code
            values[i, c] = np.nan if out else raw[i, c]
            found += out
        if found:
            for c in range(raw.shape[1]):
                wrong[c] += (raw[i, c] < low[c]) | (raw[i, c] > high[c])


@compiled
def classify(plan: KernelLayout, memory: Memory, samples: PaneSamples) -> None:
    """Tell pane and slot of each sample, and what it is to that pane by what was known before this call."""
    for i in range(len(samples.row)):
        asset, pane = samples.row[i], samples.time_ms[i] // plan.hop_ms
        samples.pane[i] = pane
        samples.slot[i] = (samples.time_ms[i] - pane * plan.hop_ms) // plan.period_ms
        samples.kind[i] = FRESH
        if memory.max_ms[asset] != NEVER and pane <= memory.at[asset]:
            over = (pane + 1) * plan.hop_ms + plan.lateness_ms <= memory.max_ms[asset]
            samples.kind[i] = TOO_LATE if over else LATE


@compiled
def is_ordered(samples: PaneSamples) -> bool:
    """Return whether samples come asset by asset, each in the order of time."""
    row, time_ms = samples.row, samples.time_ms
    for i in range(1, len(row)):
        if row[i] < row[i - 1] or (row[i] == row[i - 1] and time_ms[i] < time_ms[i - 1]):
            return False
    return True


@compiled
def room_for(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64) -> int:
    """Return how many windows samples may emit at most."""
    windows, seen, seen_pane = 0, -1, 0
    for i in order:
        asset, pane = samples.row[i], samples.pane[i]
        if samples.kind[i] == TOO_LATE or (asset == seen and pane == seen_pane):
            continue
        if asset != seen:
            windows += plan.kept if samples.kind[i] == LATE else 0
            windows += memory.is_open[asset] and (memory.at[asset] + 2) % plan.emit_panes == 0
        windows += (pane + 1) % plan.emit_panes == 0
        seen, seen_pane = asset, pane
    return windows
