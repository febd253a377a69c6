"""The slots of the panes that may still change, compiled: one reading of each sensor and sampling period."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.memory import NOWHERE, SLOTS, Memory, take
from models.features.state import HEARD, NOTHING, KernelLayout, PaneSamples
from models.telemetry.samples import Float32, Int32, Int64


@compiled
def clear_slots(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Make a pane one that nothing was heard in."""
    for row in memory.slot_at[asset, pane % plan.kept]:
        if row != NOWHERE:
            memory.slots[row] = np.nan
            memory.slot_ms[row] = NOTHING
    memory.revision[asset, pane % plan.kept] = 0


@compiled
def was_heard(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> bool:
    """Return whether a pane that is still kept holds samples, with readings or without."""
    for row in memory.slot_at[asset, pane % plan.kept]:
        if row != NOWHERE and (memory.slot_ms[row] != NOTHING).any():
            return True
    return False


@compiled
def put(plan: KernelLayout, memory: Memory, samples: PaneSamples, places: Int64) -> int:
    """Write samples of one asset and pane into their slots; return how many said nothing new."""
    asset, pane = samples.row[places[0]], samples.pane[places[0]]
    kept, start_ms = pane % plan.kept, pane * plan.hop_ms
    slot_at = memory.slot_at[asset, kept]
    for i in places:
        memory.max_ms[asset] = max(memory.max_ms[asset], samples.time_ms[i])
        if slot_at[samples.slot[i]] == NOWHERE:
            _take(memory, asset, kept, samples.slot[i])
    return _fill(
        samples.time_ms,
        samples.slot,
        samples.values,
        places,
        start_ms,
        slot_at,
        memory.slots,
        memory.slot_ms,
    )


@compiled
def _take(memory: Memory, asset: int, place: int, slot: int) -> None:
    """Give a sampling period of a kept pane room for its readings."""
    row = take(memory.used, SLOTS, len(memory.slots))
    memory.slot_at[asset, place, slot] = row
    memory.slots[row] = np.nan
    memory.slot_ms[row] = NOTHING


@compiled
def _fill(
    time_ms: Int64,
    slot_of: Int64,
    values: Float32,
    places: Int64,
    start_ms: int,
    slot_at: Int32,
    slots: Float32,
    slot_ms: Int32,
) -> int:
    """Write readings into slots, where the last of each sensor stays; return how many samples changed none.

    Of two readings of one sensor at the same time the one that came later counts. A sample without any says
    that the machine was heard of. Arrays, not the tuples that hold them: to pass those on for every sample
    costs more than the sample.
    """
    repeated = 0
    for i in places:
        after_ms, changed, readings = np.int32(time_ms[i] - start_ms), 0, 0
        slot = slot_at[slot_of[i]]
        for c in range(slots.shape[1]):
            readings += values[i, c] == values[i, c]
            newer = (values[i, c] == values[i, c]) & (after_ms >= slot_ms[slot, c])
            changed += newer & ((values[i, c] != slots[slot, c]) | (after_ms > slot_ms[slot, c]))
            slots[slot, c] = values[i, c] if newer else slots[slot, c]
            slot_ms[slot, c] = after_ms if newer else slot_ms[slot, c]
        if readings == 0 and slot_ms[slot, 0] == NOTHING:
            slot_ms[slot, 0] = HEARD
            changed = 1
        repeated += changed == 0
    return repeated
