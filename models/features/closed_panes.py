"""The panes of one asset, compiled: opened, condensed, folded into blocks, forgotten and given back."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.long_blocks import clear_long
from models.features.normal import compute, derive
from models.features.panes import B_MAX, B_MEAN, B_N, BLOCK, clear_block, clear_pane, fold, summarise
from models.features.slots import clear_slots
from models.features.state import LONG_MAX, LONG_MEAN, LONG_N, KernelLayout, Memory
from models.telemetry.samples import Float32, Int64

_NO_BLOCKS = 1 << 60


@compiled
def forget(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Begin anew before ``pane``: nothing that is remembered reaches into its windows."""
    for i in range(plan.ring):
        clear_pane(memory.n[asset, i], memory.stats[asset, i])
    for i in range(plan.blocks):
        clear_block(memory.block[asset, i])
    for i in range(plan.long_blocks):
        clear_long(memory.long[asset, i])
    for i in range(plan.kept):
        clear_slots(plan, memory, asset, i)
    memory.at[asset] = pane - 1


@compiled
def condense(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
    """Make the samples of a pane that is still kept its statistics; return them (slots, C)."""
    place, scratch = pane % plan.ring, np.empty((2, plan.channels), np.float64)
    samples = complete(plan, memory, asset, pane)
    summarise(samples, memory.n[asset, place], memory.stats[asset, place], scratch)
    return samples


@compiled
def complete(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
    """Return (slots, C) the readings of a pane that is still kept, with what is computed from them."""
    slots, out = memory.slots[asset, pane % plan.kept], np.empty((plan.slots, plan.channels), np.float32)
    level, offset = memory.level[asset], memory.offset[asset]
    expected = np.empty(len(plan.normal.points), np.float64)
    for s in range(plan.slots):
        for c in range(plan.sensors):
            out[s, c] = slots[s, c]
        if plan.channels > plan.sensors:
            derive(plan.formulas, out[s], plan.sensors)
            slot_ms = pane * plan.hop_ms + s * plan.period_ms
            compute(plan.normal, level, offset, slot_ms, out[s], plan.points, expected)
    return out


@compiled
def advance(plan: KernelLayout, memory: Memory, asset: int) -> None:
    """Count the pane after the last closed one as closed, and with the last of a block the block."""
    memory.at[asset] += 1
    if (memory.at[asset] + 1) % plan.group == 0:
        fold_block(plan, memory, asset, memory.at[asset] // plan.group)


@compiled
def fold_block(plan: KernelLayout, memory: Memory, asset: int, number: int) -> None:
    """Fold the panes of block ``number`` into its places among the blocks."""
    totals = np.empty((BLOCK, plan.channels), np.float64)
    block, start = memory.block[asset], number * plan.group
    fold(memory.n[asset], memory.stats[asset], block, _NO_BLOCKS, start, start + plan.group, totals)
    block[number % plan.blocks] = totals
    long = memory.long[asset, number % plan.long_blocks]
    for c in range(plan.points, plan.channels):
        long[LONG_N, c - plan.points] = totals[B_N, c]
        long[LONG_MEAN, c - plan.points] = totals[B_MEAN, c]
        long[LONG_MAX, c - plan.points] = totals[B_MAX, c]


@compiled
def make_whole(
    plan: KernelLayout, memory: Memory, asset: int, pane_at: Int64, block_at: Int64, long_at: Int64
) -> None:
    """Make an asset's memory whole again after its panes and blocks were given back.

    ``pane_at`` (ring,), ``block_at`` (blocks,) and ``long_at`` (long_blocks,) tell which pane or block stands
    at each place: what lies too far back, or has not closed, is cleared.
    """
    at, closed = memory.at[asset], (memory.at[asset] + 1) // plan.group
    for place in range(plan.ring):
        if not at - plan.ring < pane_at[place] <= at:
            clear_pane(memory.n[asset, place], memory.stats[asset, place])
    for place in range(plan.blocks):
        if not closed - plan.blocks <= block_at[place] < closed:
            clear_block(memory.block[asset, place])
    for place in range(plan.long_blocks):
        if not closed - plan.long_blocks <= long_at[place] < closed:
            clear_long(memory.long[asset, place])
