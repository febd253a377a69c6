"""The steps of the kernel, compiled: one sample, one pane, one window after the other."""

from __future__ import annotations

import numpy as np

from models.features.compiling import compiled
from models.features.panes import (
    BLOCK,
    clear_block,
    clear_pane,
    fold,
    slope_within,
    summarise,
)
from models.features.schema import write_features
from models.features.state import NEVER, Emitted, KernelLayout, Memory, PaneSamples
from models.telemetry.samples import Float32, Int64

FRESH, LATE, TOO_LATE = range(3)
_NO_BLOCKS = 1 << 60


@compiled
def prepare(
    plan: KernelLayout, memory: Memory, raw: Float32, limits: Float32, samples: PaneSamples, wrong: Int64
) -> bool:
    """Fill all of ``samples`` but what is derived, and ``wrong`` (S,); return whether they come in order."""
    plausible(raw, limits[0], limits[1], samples.values, wrong)
    classify(plan, memory, samples)
    return is_ordered(samples)


@compiled
def plausible(raw: Float32, low: Float32, high: Float32, values: Float32, wrong: Int64) -> None:
    """Copy ``raw`` (n, S) into ``values``, missing where out of range, which is counted in ``wrong`` (S,)."""
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
    """Tell the pane of each sample, and what it is to that pane by what was known before this call."""
    for i in range(len(samples.row)):
        asset, pane = samples.row[i], samples.time_ms[i] // plan.hop_ms
        samples.pane[i] = pane
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


@compiled
def take_fresh(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64, out: Emitted) -> int:
    """Take samples of open panes or newer ones; return how many of them said nothing new."""
    repeated, start = 0, 0
    while start < len(order):
        end = _end_of_pane(samples, order, start)
        asset, pane = samples.row[order[start]], samples.pane[order[start]]
        if not memory.is_open[asset] or memory.at[asset] + 1 != pane:
            _open(plan, memory, asset, pane, out)
        repeated += _put(plan, memory, samples, order[start:end])
        start = end
    return repeated


@compiled
def _end_of_pane(samples: PaneSamples, order: Int64, start: int) -> int:
    """Return where the samples of one asset and pane that stand together in ``order`` from ``start`` end."""
    row, pane = samples.row, samples.pane
    asset, number = row[order[start]], pane[order[start]]
    end = start + 1
    while end < len(order) and row[order[end]] == asset and pane[order[end]] == number:
        end += 1
    return end


@compiled
def _open(plan: KernelLayout, memory: Memory, asset: int, pane: int, out: Emitted) -> None:
    """Make ``pane`` the open pane of an asset, closing what was open and passing over what is empty."""
    if memory.max_ms[asset] == NEVER:
        memory.at[asset], memory.first[asset] = pane - 1, pane
    if memory.is_open[asset]:
        close(plan, memory, asset, out)
    if pane - memory.at[asset] > plan.ring:
        _forget(plan, memory, asset, pane)
    while memory.at[asset] + 1 < pane:
        skipped = memory.at[asset] + 1
        _clear_slots(plan, memory, asset, skipped)
        clear_pane(memory.n[asset, skipped % plan.ring], memory.stats[asset, skipped % plan.ring])
        _advance(plan, memory, asset)
    _clear_slots(plan, memory, asset, pane)
    memory.is_open[asset] = True


@compiled
def _forget(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Begin anew before ``pane``: nothing that is remembered reaches into its windows."""
    for i in range(plan.ring):
        clear_pane(memory.n[asset, i], memory.stats[asset, i])
    for i in range(plan.blocks):
        clear_block(memory.block[asset, i])
    for i in range(plan.kept):
        _clear_slots(plan, memory, asset, i)
    memory.at[asset] = pane - 1


@compiled
def _clear_slots(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    memory.slots[asset, pane % plan.kept] = np.nan
    memory.slot_ms[asset, pane % plan.kept] = NEVER
    memory.revision[asset, pane % plan.kept] = 0


@compiled
def _put(plan: KernelLayout, memory: Memory, samples: PaneSamples, places: Int64) -> int:
    """Write samples of one asset and pane into their slots; return how many said nothing new."""
    asset, pane = samples.row[places[0]], samples.pane[places[0]]
    kept, start_ms = pane % plan.kept, pane * plan.hop_ms
    slots, slot_ms = memory.slots[asset, kept], memory.slot_ms[asset, kept]
    for i in places:
        memory.max_ms[asset] = max(memory.max_ms[asset], samples.time_ms[i])
    return _fill(samples.time_ms, samples.values, places, start_ms, plan.period_ms, slots, slot_ms)


@compiled
def _fill(
    time_ms: Int64,
    values: Float32,
    places: Int64,
    start_ms: int,
    period_ms: int,
    slots: Float32,
    slot_ms: Int64,
) -> int:
    """Write samples into slots, where the newest stays; return how many did not.

    Arrays, not the tuples that hold them: to pass those on for every sample costs more than the sample.
    """
    repeated = 0
    for i in places:
        slot = (time_ms[i] - start_ms) // period_ms
        if time_ms[i] <= slot_ms[slot]:
            repeated += 1
            continue
        slot_ms[slot] = time_ms[i]
        for c in range(slots.shape[1]):  # an assignment of the whole would make a copy first
            slots[slot, c] = values[i, c]
    return repeated


@compiled
def close_all(plan: KernelLayout, memory: Memory, assets: Int64, out: Emitted) -> None:
    """Close the open panes of ``assets``."""
    for asset in assets:
        close(plan, memory, asset, out)


@compiled
def close(plan: KernelLayout, memory: Memory, asset: int, out: Emitted) -> None:
    """Close the open pane of an asset and emit the windows that end with it."""
    pane = memory.at[asset] + 1
    _condense(plan, memory, asset, pane)
    _advance(plan, memory, asset)
    memory.is_open[asset] = False
    out.counts[1] += plan.slots
    n = memory.n[asset, pane % plan.ring]
    for c in range(plan.sensors):
        out.missing[c] += plan.slots - n[c]
    if (pane + 1) % plan.emit_panes == 0:
        _emit(plan, memory, asset, pane, out)


@compiled
def _condense(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    """Make the samples of a pane that is still kept its statistics."""
    place, scratch = pane % plan.ring, np.empty((2, plan.channels), np.float64)
    summarise(
        memory.slots[asset, pane % plan.kept], memory.n[asset, place], memory.stats[asset, place], scratch
    )


@compiled
def _advance(plan: KernelLayout, memory: Memory, asset: int) -> None:
    """Count the pane after the last closed one as closed, and with the last of a block the block."""
    memory.at[asset] += 1
    if (memory.at[asset] + 1) % plan.group == 0:
        _fold_block(plan, memory, asset, memory.at[asset] // plan.group)


@compiled
def _fold_block(plan: KernelLayout, memory: Memory, asset: int, number: int) -> None:
    totals = np.empty((BLOCK, plan.channels), np.float64)
    block, start = memory.block[asset], number * plan.group
    fold(memory.n[asset], memory.stats[asset], block, _NO_BLOCKS, start, start + plan.group, totals)
    block[number % plan.blocks] = totals


@compiled
def correct(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64, out: Emitted) -> int:
    """Take late samples, asset by asset; emit the windows they change; return how many said nothing new."""
    repeated, changed, row = 0, NEVER, samples.row
    for k in range(len(order)):
        i = order[k]
        if _put(plan, memory, samples, order[k : k + 1]):
            repeated += 1
        elif changed == NEVER:
            changed = samples.pane[i]
        if changed != NEVER and (k + 1 == len(order) or row[order[k + 1]] != row[i]):
            _emit_again(plan, memory, row[i], changed, out)
            changed = NEVER
    return repeated


@compiled
def _emit_again(plan: KernelLayout, memory: Memory, asset: int, first: int, out: Emitted) -> None:
    """Condense the panes from ``first`` on again; emit the windows that end with one that holds samples."""
    memory.first[asset] = min(memory.first[asset], first)
    for pane in range(first, memory.at[asset] + 1):
        _condense(plan, memory, asset, pane)
        if (pane + 1) % plan.group == 0:
            _fold_block(plan, memory, asset, pane // plan.group)
    for pane in range(first, memory.at[asset] + 1):
        if memory.slot_ms[asset, pane % plan.kept].max() != NEVER and (pane + 1) % plan.emit_panes == 0:
            _emit(plan, memory, asset, pane, out)


@compiled
def _emit(plan: KernelLayout, memory: Memory, asset: int, pane: int, out: Emitted) -> None:
    """Write the vector of the windows that end with ``pane``, a closed pane that is still kept."""
    windows = len(plan.lengths)
    moments = np.empty((windows, BLOCK, plan.channels), np.float64)
    expected = np.empty(windows, np.float64)
    for w in range(windows):
        length = plan.lengths[w]
        start = pane + 1 - length
        fold(
            memory.n[asset], memory.stats[asset], memory.block[asset], plan.group, start, pane + 1, moments[w]
        )
        expected[w] = min(pane - memory.first[asset] + 1, length) * plan.slots
        if length == 1:
            slope_within(memory.slots[asset, pane % plan.kept], moments[w])
    at = out.counts[0]
    out.counts[0] += 1
    out.row[at], out.pane[at] = asset, pane
    out.revision[at] = memory.revision[asset, pane % plan.kept]
    memory.revision[asset, pane % plan.kept] += 1
    write_features(moments, expected, plan.hops_per_day, plan.sensors, out.values[at])


@compiled
def fold_blocks(plan: KernelLayout, memory: Memory, asset: int, pane_at: Int64) -> None:
    """Make an asset's memory whole again after its panes were given back.

    ``pane_at`` (ring,) tells which pane stands at each place: one that is not among the last ``ring`` closed
    ones is cleared.
    """
    at = memory.at[asset]
    for place in range(plan.ring):
        if not at - plan.ring < pane_at[place] <= at:
            clear_pane(memory.n[asset, place], memory.stats[asset, place])
    for number in range((at + 1 - plan.ring) // plan.group, (at + 1) // plan.group):
        _fold_block(plan, memory, asset, number)
