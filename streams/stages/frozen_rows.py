"""A copy of what the kernel remembers of some assets, as of now: what they send later does not change it.

It is copied, not encoded: that takes a hundredth of the time, and can wait.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features.memory import BLOCKS, LONGS, NOWHERE, PANES, SLOTS, KernelState, Memory
from models.features.state import KernelLayout
from models.telemetry.samples import Int32, Int64

Bools = npt.NDArray[np.bool_]
_OWN = ("at", "first", "max_ms", "is_open", "revision", "last", "last_ms")
_FROM_ELSEWHERE = ("level", "offset")  # they come from the expectation
_POOLS = {
    SLOTS: ("slot_at", ("slots", "slot_ms")),
    PANES: ("pane_at", ("n", "stats")),
    BLOCKS: ("block_at", ("block",)),
    LONGS: ("long_at", ("long",)),
}


def frozen_rows(state: KernelState, rows: Int64, since: Int64) -> KernelState:
    """Return a state of the assets in ``rows`` (A,) alone, in this order, and without their names.

    Of closed panes it has those from pane ``since`` (A,) on, and the blocks that they are in.
    """
    memory, plan = state.memory, state.plan
    own: dict[str, Any] = {name: getattr(memory, name)[rows] for name in _OWN}
    nothing: dict[str, Any] = {name: np.empty(0, np.float32) for name in _FROM_ELSEWHERE}
    parts: dict[str, Any] = {}
    used = np.zeros(len(memory.used), np.int64)
    wanted = _wanted(plan, own, since)
    for pool, (table, names) in _POOLS.items():
        at = _only(getattr(memory, table)[rows], wanted[pool])
        there = at != NOWHERE
        used[pool] = there.sum()
        parts |= {name: getattr(memory, name)[at[there]] for name in names}
        at[there] = np.arange(used[pool])
        parts[table] = at
    out = copy.copy(state)
    out.assets, out.index = [], {}
    out.memory = Memory(**own, **nothing, **parts, used=used)
    return out


def _wanted(plan: KernelLayout, own: dict[str, Any], since: Int64) -> dict[int, Bools]:
    """Return for each pool which places of each asset (A, places) are to be had."""
    at, first = own["at"], own["first"]
    oldest = np.maximum(at + 1 - plan.reach, first)
    number = np.maximum(since, oldest) // plan.group  # of the first block
    closed = (at + 1) // plan.group
    panes = np.maximum(number * plan.group, oldest)
    return {
        SLOTS: _at_each(at + own["is_open"], plan.kept) >= since[:, None],
        PANES: (_at_each(at, plan.ring) >= panes[:, None]) & (since <= at)[:, None],
        BLOCKS: _at_each(closed - 1, plan.blocks) >= number[:, None],
        LONGS: _at_each(closed - 1, plan.long_blocks) >= number[:, None],
    }


def _at_each(newest: Int64, places: int) -> Int64:
    """Return what stands at each place (A, places) of rings whose newest are ``newest`` (A,)."""
    return newest[:, None] - (newest[:, None] - np.arange(places)) % places


def _only(table: Int32, wanted: Bools) -> Int32:
    """Return a table (A, places, …) that leads nowhere from what is not wanted."""
    out: Int32 = np.where(wanted.reshape(*wanted.shape, *(1,) * (table.ndim - 2)), table, NOWHERE)
    return out
