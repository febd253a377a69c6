"""The panes of one asset, compiled: opened, condensed, folded into blocks, forgotten and given back."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.kinds import holds, read_kinds
from models.features.long_blocks import clear_long, write_long
from models.features.memory import BLOCKS, LONGS, NOWHERE, PANES, Memory, take
from models.features.normal import compute, derive
from models.features.panes import B_N, BLOCK, clear_block, clear_pane, fold, summarise
from models.features.slots import clear_slots
from models.features.state import NEVER, KernelLayout
from models.telemetry.samples import Float32, Float64, Int64

_NO_BLOCKS = 1 << 60


@compiled
def forget(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Begin anew before ``pane``: nothing that is remembered reaches into its windows."""
    for row in memory.pane_at[asset]:
        forget_pane(memory, row)
    for row in memory.block_at[asset]:
        _clear_block(memory, row)
    for row in memory.long_at[asset]:
        clear_long(memory, row)
    for i in range(plan.kept):
        clear_slots(plan, memory, asset, i)
    memory.last_ms[asset] = NEVER
    memory.at[asset] = pane - 1


@compiled
def forget_pane(memory: Memory, row: int) -> None:
    """Make a pane that stands in ``row``, or nowhere, one without samples."""
    if row != NOWHERE:
        clear_pane(memory.n[row], memory.stats[row])


@compiled
def _clear_block(memory: Memory, row: int) -> None:
    if row != NOWHERE:
        clear_block(memory.block[row])


@compiled
def condense(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
    """Make the samples of a pane that is still kept its statistics; return them (slots, C)."""
    place, scratch = pane % plan.ring, np.empty((2, plan.channels), np.float64)
    samples = complete(plan, memory, asset, pane)
    if memory.pane_at[asset, place] == NOWHERE:
        memory.pane_at[asset, place] = take(memory.used, PANES, len(memory.n))
    row = memory.pane_at[asset, place]
    summarise(samples, memory.n[row], memory.stats[row], scratch)
    return samples


@compiled
def complete(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
    """Return (slots, C) the readings of a pane that is still kept, with what is computed from them."""
    slot_at, out = memory.slot_at[asset, pane % plan.kept], np.empty((plan.slots, plan.channels), np.float32)
    level, offset = memory.level[asset], memory.offset[asset]
    expected = np.empty(len(plan.normal.points), np.float64)
    for s in range(plan.slots):
        row = slot_at[s]
        for c in range(plan.sensors):
            out[s, c] = memory.slots[row, c] if row != NOWHERE else np.nan
    if len(plan.kinds.sensor) + len(plan.kinds.events):
        _read_kinds(plan, memory, asset, pane, out)
    if plan.channels > plan.sensors:
        for s in range(plan.slots):
            derive(plan.formulas, out[s], plan.sensors)
            slot_ms = pane * plan.hop_ms + s * plan.period_ms
            compute(plan.normal, level, offset, slot_ms, out[s], plan.points, expected)
    return out


@compiled
def _read_kinds(plan: KernelLayout, memory: Memory, asset: int, pane: int, out: Float32) -> None:
    """Write what the readings of sensors come to that are no gauges, and remember the last of each."""
    _hand_on(plan, memory, asset, pane)
    after, start_ms = pane % (plan.kept + 1), pane * plan.hop_ms
    last, last_ms = memory.last[asset, after], memory.last_ms[asset, after]
    slot_at = memory.slot_at[asset, pane % plan.kept]
    period_ms = plan.period_ms
    read_kinds(plan.kinds, slot_at, memory.slots, memory.slot_ms, start_ms, period_ms, last, last_ms, out)


@compiled
def _hand_on(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Let what was read last before a pane be what was read last after it."""
    before, after = (pane - 1) % (plan.kept + 1), pane % (plan.kept + 1)
    for m in range(len(plan.kinds.sensor)):
        memory.last[asset, after, m] = memory.last[asset, before, m]
        memory.last_ms[asset, after, m] = memory.last_ms[asset, before, m]


@compiled
def pass_over(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Make a pane in which nothing was heard hold what was read before it, or nothing."""
    if holds(plan.kinds, memory.last_ms[asset, (pane - 1) % (plan.kept + 1)], pane * plan.hop_ms):
        condense(plan, memory, asset, pane)
    else:
        forget_pane(memory, memory.pane_at[asset, pane % plan.ring])
        _hand_on(plan, memory, asset, pane)


@compiled
def advance(plan: KernelLayout, memory: Memory, asset: int) -> None:
    """Count the pane after the last closed one as closed, and with the last of a block the block."""
    memory.at[asset] += 1
    if (memory.at[asset] + 1) % plan.group == 0:
        fold_block(plan, memory, asset, memory.at[asset] // plan.group)


@compiled
def fold_block(plan: KernelLayout, memory: Memory, asset: int, number: int) -> None:
    """Fold the panes of a block; one without samples takes no room."""
    totals, start = np.empty((BLOCK, plan.channels), np.float64), number * plan.group
    pane_at, block_at, long_at = memory.pane_at[asset], memory.block_at[asset], memory.long_at[asset]
    end = start + plan.group
    fold(pane_at, memory.n, memory.stats, block_at, memory.block, _NO_BLOCKS, start, end, totals)
    at, long_place = number % plan.blocks, number % plan.long_blocks
    if block_at[at] == NOWHERE and _holds_any(totals, 0):
        block_at[at] = take(memory.used, BLOCKS, len(memory.block))
    if block_at[at] != NOWHERE:
        memory.block[block_at[at]] = totals
    if long_at[long_place] == NOWHERE and _holds_any(totals, plan.points):
        long_at[long_place] = take(memory.used, LONGS, len(memory.long))
    if long_at[long_place] != NOWHERE:
        write_long(plan, totals, memory.long[long_at[long_place]])


@compiled
def _holds_any(totals: Float64, first: int) -> bool:
    """Return whether a channel from ``first`` on has samples."""
    return bool((totals[B_N, first:] > 0.0).any())


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
            forget_pane(memory, memory.pane_at[asset, place])
    for place in range(plan.blocks):
        if not closed - plan.blocks <= block_at[place] < closed:
            _clear_block(memory, memory.block_at[asset, place])
    for place in range(plan.long_blocks):
        if not closed - plan.long_blocks <= long_at[place] < closed:
            clear_long(memory, memory.long_at[asset, place])
