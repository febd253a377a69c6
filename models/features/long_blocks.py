"""Count, mean and maximum of the computed channels over long windows, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.features.compiling import compiled
from models.features.memory import LONG_MAX, LONG_MEAN, LONG_N, NOWHERE, Memory
from models.features.panes import B_MAX, B_MEAN, B_N, MAX, MEAN, clear_block
from models.features.state import KernelLayout
from models.telemetry.samples import Float32, Float64, Int32


@compiled
def fold_long(
    plan: KernelLayout,
    pane_at: Int32,
    n: Any,
    stats: Float32,
    long_at: Int32,
    long: Float32,
    start: int,
    end: int,
    out: Float64,
) -> None:
    """Fold count, mean and maximum of the computed channels over the panes [start, end).

    Blocks that lie in the range whole stand for their panes, as in `fold`.
    """
    clear_block(out)
    first, last = -(-start // plan.group), end // plan.group
    if first >= last:
        _sum_long_panes(plan, pane_at, n, stats, start, end, out)
    else:
        _sum_long_panes(plan, pane_at, n, stats, start, first * plan.group, out)
        _sum_long_blocks(plan, long_at, long, first, last, out)
        _sum_long_panes(plan, pane_at, n, stats, last * plan.group, end, out)
    for c in range(plan.points, plan.channels):
        out[B_MEAN, c] /= max(out[B_N, c], 1.0)


@compiled
def _sum_long_panes(
    plan: KernelLayout, pane_at: Int32, n: Any, stats: Float32, start: int, end: int, out: Float64
) -> None:
    for pane in range(start, end):
        at = pane_at[pane % plan.ring]
        if at < 0:
            continue
        for c in range(plan.points, plan.channels):
            out[B_N, c] += n[at, c]
            out[B_MEAN, c] += n[at, c] * np.float64(stats[at, MEAN, c])
            out[B_MAX, c] = max(out[B_MAX, c], stats[at, MAX, c])


@compiled
def _sum_long_blocks(
    plan: KernelLayout, long_at: Int32, long: Float32, first: int, last: int, out: Float64
) -> None:
    for number in range(first, last):
        at = long_at[number % plan.long_blocks]
        if at < 0:
            continue
        for k in range(long.shape[2]):
            c = plan.points + k
            out[B_N, c] += long[at, LONG_N, k]
            out[B_MEAN, c] += np.float64(long[at, LONG_N, k]) * long[at, LONG_MEAN, k]
            out[B_MAX, c] = max(out[B_MAX, c], long[at, LONG_MAX, k])


@compiled
def start_of_running(
    plan: KernelLayout, pane_at: Int32, n: Any, long_at: Int32, long: Float32, pane: int, length: int
) -> int:
    """Return the first pane of the window up to ``pane`` that holds ``length`` panes of a running machine.

    It begins with a block, as longer windows do: of one that always ran, with that of a window by the clock.
    If it ran less since then, the window is as long as the longest one.
    """
    number = (pane + 1) // plan.group
    last = (pane + 1 - plan.farthest) // plan.group
    ran = 0.0
    for one in range(number * plan.group, pane + 1):
        at = pane_at[one % plan.ring]
        if at >= 0:
            ran += n[at, plan.awake]
    while ran < length * plan.slots and number > last:
        number -= 1
        at = long_at[number % plan.long_blocks]
        if at >= 0:
            ran += long[at, LONG_N, plan.awake - plan.points]
    return number * plan.group


@compiled
def write_long(plan: KernelLayout, totals: Float64, long: Float32) -> None:
    """Write what a block was folded into."""
    for c in range(plan.points, plan.channels):
        long[LONG_N, c - plan.points] = totals[B_N, c]
        long[LONG_MEAN, c - plan.points] = totals[B_MEAN, c]
        long[LONG_MAX, c - plan.points] = totals[B_MAX, c]


@compiled
def clear_long(memory: Memory, row: int) -> None:
    """Make a block of the computed channels one without samples."""
    if row != NOWHERE:
        memory.long[row] = 0.0
        memory.long[row, LONG_MAX] = -np.inf
