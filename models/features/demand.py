"""How many rows of each pool of the memory a call may take, compiled: they are made room for before it."""

from __future__ import annotations

import numpy as np

from models.features.arrivals import LATE, TOO_LATE
from models.features.compiling import compiled
from models.features.memory import BLOCKS, LONGS, NOWHERE, PANES, SLOTS, Memory
from models.features.state import NEVER, KernelLayout, PaneSamples
from models.telemetry.samples import Int64


@compiled
def rows_for(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64) -> Int64:
    """Return (4,) how many rows of each pool samples may take at most."""
    wanted, seen, newest, run, slot = np.zeros(4, np.int64), -1, NEVER, NEVER, -1
    for i in order:
        asset, pane, late = samples.row[i], samples.pane[i], samples.kind[i] == LATE
        if samples.kind[i] == TOO_LATE:
            continue
        if asset != seen:
            newest, run = _newest(memory, asset), NEVER
        if pane != run or samples.slot[i] != slot:
            wanted[SLOTS] += memory.slot_at[asset, pane % plan.kept, samples.slot[i]] == NOWHERE
        if pane != run and late:
            _count_rows(plan, memory, asset, pane, memory.at[asset] + 1, wanted)
            _count_held(plan, memory, asset, pane + 1, memory.at[asset] + 1, wanted)
        elif pane != run and newest != NEVER and newest < pane:
            _count_rows(plan, memory, asset, newest, pane, wanted)
            _count_held(plan, memory, asset, newest + 1, pane, wanted)
        newest = newest if late else pane
        seen, run, slot = asset, pane, samples.slot[i]
    return wanted


@compiled
def rows_to_close(plan: KernelLayout, memory: Memory, assets: Int64) -> Int64:
    """Return (4,) how many rows of each pool the open panes of ``assets`` may take when they close."""
    wanted = np.zeros(4, np.int64)
    for asset in assets:
        _count_rows(plan, memory, asset, memory.at[asset] + 1, memory.at[asset] + 2, wanted)
    return wanted


@compiled
def _newest(memory: Memory, asset: int) -> int:
    """Return the newest pane of an asset, open or closed."""
    return NEVER if memory.max_ms[asset] == NEVER else memory.at[asset] + memory.is_open[asset]


@compiled
def _count_rows(
    plan: KernelLayout, memory: Memory, asset: int, pane: int, before: int, wanted: Int64
) -> None:
    """Count what a pane with samples lacks, and its block, if all of that lies ``before`` this pane."""
    wanted[PANES] += memory.pane_at[asset, pane % plan.ring] == NOWHERE
    number = pane // plan.group
    if (number + 1) * plan.group <= before:
        wanted[BLOCKS] += memory.block_at[asset, number % plan.blocks] == NOWHERE
        wanted[LONGS] += memory.long_at[asset, number % plan.long_blocks] == NOWHERE


@compiled
def _count_held(
    plan: KernelLayout, memory: Memory, asset: int, first: int, before: int, wanted: Int64
) -> None:
    """Count what panes [first, before) in which nothing was heard may need for what holds in them."""
    if not plan.kinds.hold_ms.any() or first >= before or before - first > plan.reach:
        return
    wanted[PANES] += min(before - first, plan.ring)
    for number in range(first // plan.group, before // plan.group):
        wanted[BLOCKS] += memory.block_at[asset, number % plan.blocks] == NOWHERE
        wanted[LONGS] += memory.long_at[asset, number % plan.long_blocks] == NOWHERE
