"""The steps of the kernel, compiled: one sample, one pane, one window after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.features.compiling import compiled
from models.features.normal import compute, derive
from models.features.panes import (
    B_MAX,
    B_MEAN,
    B_N,
    BLOCK,
    MAX,
    MEAN,
    clear_block,
    clear_pane,
    fold,
    slope_within,
    summarise,
)
from models.features.schema import write_features
from models.features.state import (
    HEARD,
    LONG_MAX,
    LONG_MEAN,
    LONG_N,
    NEVER,
    NOTHING,
    Emitted,
    KernelLayout,
    Memory,
    PaneSamples,
)
from models.telemetry.samples import Float32, Float64, Int32, Int64

FRESH, LATE, TOO_LATE = range(3)
_NO_BLOCKS = 1 << 60


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
    if pane - memory.at[asset] > plan.reach:
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
    for i in range(plan.long_blocks):
        clear_long(memory.long[asset, i])
    for i in range(plan.kept):
        _clear_slots(plan, memory, asset, i)
    memory.at[asset] = pane - 1


@compiled
def _clear_slots(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> None:
    memory.slots[asset, pane % plan.kept] = np.nan
    memory.slot_ms[asset, pane % plan.kept] = NOTHING
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
        slot = after_ms // period_ms
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


@compiled
def close_all(plan: KernelLayout, memory: Memory, assets: Int64, out: Emitted) -> None:
    """Close the open panes of ``assets``."""
    for asset in assets:
        close(plan, memory, asset, out)


@compiled
def close(plan: KernelLayout, memory: Memory, asset: int, out: Emitted) -> None:
    """Close the open pane of an asset and emit the windows that end with it."""
    pane = memory.at[asset] + 1
    samples = _condense(plan, memory, asset, pane)
    _advance(plan, memory, asset)
    memory.is_open[asset] = False
    out.counts[1] += plan.slots
    n = memory.n[asset, pane % plan.ring]
    for c in range(plan.sensors):
        out.missing[c] += plan.slots - n[c]
    if (pane + 1) % plan.emit_panes == 0:
        _emit(plan, memory, asset, pane, samples, out)


@compiled
def _condense(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
    """Make the samples of a pane that is still kept its statistics; return them (slots, C)."""
    place, scratch = pane % plan.ring, np.empty((2, plan.channels), np.float64)
    samples = _complete(plan, memory, asset, pane)
    summarise(samples, memory.n[asset, place], memory.stats[asset, place], scratch)
    return samples


@compiled
def _complete(plan: KernelLayout, memory: Memory, asset: int, pane: int) -> Float32:
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
    long = memory.long[asset, number % plan.long_blocks]
    for c in range(plan.points, plan.channels):
        long[LONG_N, c - plan.points] = totals[B_N, c]
        long[LONG_MEAN, c - plan.points] = totals[B_MEAN, c]
        long[LONG_MAX, c - plan.points] = totals[B_MAX, c]


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
        slot_ms = memory.slot_ms[asset, pane % plan.kept]
        heard = slot_ms.max() >= 0 or slot_ms.min() == HEARD
        if heard and (pane + 1) % plan.emit_panes == 0:
            _emit(plan, memory, asset, pane, _complete(plan, memory, asset, pane), out)


@compiled
def _emit(plan: KernelLayout, memory: Memory, asset: int, pane: int, samples: Float32, out: Emitted) -> None:
    """Write the vector of the windows that end with ``pane``, a closed pane of ``samples`` (slots, C)."""
    windows, longer = len(plan.lengths), len(plan.long)
    moments = np.empty((windows + longer, BLOCK, plan.channels), np.float64)
    expected = np.empty(windows + longer, np.float64)
    n, stats = memory.n[asset], memory.stats[asset]
    for w in range(windows):
        start = _start(plan, pane, plan.lengths[w])
        fold(n, stats, memory.block[asset], plan.group, start, pane + 1, moments[w])
        expected[w] = (pane + 1 - max(start, memory.first[asset])) * plan.slots
        if plan.lengths[w] == 1:
            slope_within(samples, moments[w])
    for w in range(longer):
        start = _start(plan, pane, plan.long[w])
        _fold_long(plan, n, stats, memory.long[asset], start, pane + 1, moments[windows + w])
        expected[windows + w] = (pane + 1 - max(start, memory.first[asset])) * plan.slots
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


@compiled
def _fold_long(
    plan: KernelLayout, n: Any, stats: Float32, long: Float32, start: int, end: int, out: Float64
) -> None:
    """Fold count, mean and maximum of the computed channels over the panes [start, end).

    Blocks that lie in the range whole stand for their panes, as in `fold`.
    """
    clear_block(out)
    first, last = -(-start // plan.group), end // plan.group
    if first >= last:
        _sum_long_panes(plan, n, stats, start, end, out)
    else:
        _sum_long_panes(plan, n, stats, start, first * plan.group, out)
        _sum_long_blocks(plan, long, first, last, out)
        _sum_long_panes(plan, n, stats, last * plan.group, end, out)
    for c in range(plan.points, plan.channels):
        out[B_MEAN, c] /= max(out[B_N, c], 1.0)


@compiled
def _sum_long_panes(plan: KernelLayout, n: Any, stats: Float32, start: int, end: int, out: Float64) -> None:
    for pane in range(start, end):
        at = pane % plan.ring
        for c in range(plan.points, plan.channels):
            out[B_N, c] += n[at, c]
            out[B_MEAN, c] += n[at, c] * np.float64(stats[at, MEAN, c])
            out[B_MAX, c] = max(out[B_MAX, c], stats[at, MAX, c])


@compiled
def _sum_long_blocks(plan: KernelLayout, long: Float32, first: int, last: int, out: Float64) -> None:
    for number in range(first, last):
        at = number % plan.long_blocks
        for k in range(long.shape[2]):
            c = plan.points + k
            out[B_N, c] += long[at, LONG_N, k]
            out[B_MEAN, c] += np.float64(long[at, LONG_N, k]) * long[at, LONG_MEAN, k]
            out[B_MAX, c] = max(out[B_MAX, c], long[at, LONG_MAX, k])


@compiled
def clear_long(long: Float32) -> None:
    """Make a block of the computed channels one without samples."""
    long[:] = 0.0
    long[LONG_MAX] = -np.inf


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
