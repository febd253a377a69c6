"""The steps of the kernel, compiled: samples are taken, panes closed and corrected, windows emitted."""

from __future__ import annotations

from models.features.closed_panes import advance, complete, condense, fold_block, forget, pass_over
from models.features.compiling import compiled
from models.features.emission import emit
from models.features.memory import Memory
from models.features.slots import clear_slots, put, was_heard
from models.features.state import NEVER, Emitted, KernelLayout, PaneSamples
from models.telemetry.samples import Int64


@compiled
def take_fresh(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64, out: Emitted) -> int:
    """Take samples of open panes or newer ones; return how many of them said nothing new."""
    repeated, start = 0, 0
    while start < len(order):
        end = _end_of_pane(samples, order, start)
        asset, pane = samples.row[order[start]], samples.pane[order[start]]
        if not memory.is_open[asset] or memory.at[asset] + 1 != pane:
            _open(plan, memory, asset, pane, out)
        repeated += put(plan, memory, samples, order[start:end])
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
        forget(plan, memory, asset, pane)
    while memory.at[asset] + 1 < pane:
        skipped = memory.at[asset] + 1
        clear_slots(plan, memory, asset, skipped)
        pass_over(plan, memory, asset, skipped)
        advance(plan, memory, asset)
    clear_slots(plan, memory, asset, pane)
    memory.is_open[asset] = True


@compiled
def close_all(plan: KernelLayout, memory: Memory, assets: Int64, out: Emitted) -> None:
    """Close the open panes of ``assets``."""
    for asset in assets:
        close(plan, memory, asset, out)


@compiled
def close(plan: KernelLayout, memory: Memory, asset: int, out: Emitted) -> None:
    """Close the open pane of an asset and emit the windows that end with it."""
    pane = memory.at[asset] + 1
    samples = condense(plan, memory, asset, pane)
    advance(plan, memory, asset)
    memory.is_open[asset] = False
    out.counts[1] += plan.slots
    row = memory.pane_at[asset, pane % plan.ring]
    for c in range(plan.sensors):
        out.missing[c] += plan.slots - memory.n[row, c]
    if (pane + 1) % plan.emit_panes == 0:
        emit(plan, memory, asset, pane, samples, out)


@compiled
def correct(plan: KernelLayout, memory: Memory, samples: PaneSamples, order: Int64, out: Emitted) -> int:
    """Take late samples, asset by asset; emit the windows they change; return how many said nothing new."""
    repeated, changed, row = 0, NEVER, samples.row
    for k in range(len(order)):
        i = order[k]
        if put(plan, memory, samples, order[k : k + 1]):
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
        if was_heard(plan, memory, asset, pane):
            condense(plan, memory, asset, pane)
        else:
            pass_over(plan, memory, asset, pane)
        if (pane + 1) % plan.group == 0:
            fold_block(plan, memory, asset, pane // plan.group)
    for pane in range(first, memory.at[asset] + 1):
        if was_heard(plan, memory, asset, pane) and (pane + 1) % plan.emit_panes == 0:
            emit(plan, memory, asset, pane, complete(plan, memory, asset, pane), out)
