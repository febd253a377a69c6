"""Windows that end with a closed pane, compiled: folded from panes and blocks, written as features."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.long_blocks import fold_long, start_of_running
from models.features.memory import Memory
from models.features.panes import BLOCK, fold, slope_within
from models.features.schema import write_features
from models.features.state import Emitted, KernelLayout
from models.telemetry.samples import Float32


@compiled
def emit(plan: KernelLayout, memory: Memory, asset: int, pane: int, samples: Float32, out: Emitted) -> None:
    """Write the vector of the windows that end with ``pane``, a closed pane of ``samples`` (slots, C)."""
    windows, longer, running = len(plan.lengths), len(plan.long), len(plan.running)
    moments = np.empty((windows + longer + running, BLOCK, plan.channels), np.float64)
    expected = np.ones(windows + longer + running, np.float64)
    pane_at, n, stats = memory.pane_at[asset], memory.n, memory.stats
    block_at, long_at = memory.block_at[asset], memory.long_at[asset]
    for w in range(windows):
        start = _start(plan, pane, plan.lengths[w])
        fold(pane_at, n, stats, block_at, memory.block, plan.group, start, pane + 1, moments[w])
        expected[w] = (pane + 1 - max(start, memory.first[asset])) * plan.slots
        if plan.lengths[w] == 1:
            slope_within(samples, moments[w])
    for w in range(longer):
        start = _start(plan, pane, plan.long[w])
        fold_long(plan, pane_at, n, stats, long_at, memory.long, start, pane + 1, moments[windows + w])
        expected[windows + w] = (pane + 1 - max(start, memory.first[asset])) * plan.slots
    for w in range(running):
        start = start_of_running(plan, pane_at, n, long_at, memory.long, pane, plan.running[w])
        fold_long(
            plan, pane_at, n, stats, long_at, memory.long, start, pane + 1, moments[windows + longer + w]
        )
    at = out.counts[0]
    out.counts[0] += 1
    out.row[at], out.pane[at] = asset, pane
    out.revision[at] = memory.revision[asset, pane % plan.kept]
    memory.revision[asset, pane % plan.kept] += 1
    write_features(moments, expected, plan.hops_per_day, plan.program, out.values[at])


@compiled
def _start(plan: KernelLayout, pane: int, length: int) -> int:
    """Return the first pane of a window that ends with ``pane``: a longer one begins with a block."""
    start = pane + 1 - length
    return start if length <= plan.exact else start // plan.group * plan.group
