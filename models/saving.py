"""Saving what the kernel remembers of an asset, and giving it back: to the bit, in parts that change seldom.

A head changes with every sample; it holds the samples of the panes that may still change. Panes are saved by
blocks, which change only until their last pane has closed and may not be corrected any more.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from models.errors import StateError
from models.frames import Int64
from models.kernel import KernelState
from models.memory import NEVER
from models.panes import STATS
from models.steps import fold_blocks

_GONE = "expected what another version, or another fleet file, would have written"


class Head(msgspec.Struct, frozen=True, array_like=True):
    """One asset; of its slots those that are filled: number (int32), time (int64) and values (float32)."""

    at: int
    first: int
    max_ms: int
    is_open: bool
    revision: bytes
    filled: bytes
    slot_ms: bytes
    slots: bytes


class Panes(msgspec.Struct, frozen=True, array_like=True):
    """Closed panes of one block, from pane ``first`` on."""

    first: int
    n: bytes
    stats: bytes


def head_of(state: KernelState, row: int) -> Head:
    """Return all of an asset but its closed panes."""
    memory, channels = state.memory, state.plan.channels
    slot_ms = memory.slot_ms[row].ravel()
    filled = np.flatnonzero(slot_ms != NEVER).astype("<i4")
    return Head(
        at=int(memory.at[row]),
        first=int(memory.first[row]),
        max_ms=int(memory.max_ms[row]),
        is_open=bool(memory.is_open[row]),
        revision=memory.revision[row].tobytes(),
        filled=filled.tobytes(),
        slot_ms=slot_ms[filled].tobytes(),
        slots=memory.slots[row].reshape(-1, channels)[filled].tobytes(),
    )


def panes_of(state: KernelState, row: int, since: int) -> Iterator[tuple[int, Panes]]:
    """Yield number and panes of every block with a closed pane at or after ``since`` and the first sample."""
    plan, memory = state.plan, state.memory
    at = int(memory.at[row])
    oldest = max(at + 1 - plan.ring, int(memory.first[row]))
    for number in range(max(since, oldest) // plan.group, at // plan.group + 1):
        first = max(number * plan.group, oldest)
        places = np.arange(first, min((number + 1) * plan.group, at + 1)) % plan.ring
        yield number, Panes(first, memory.n[row, places].tobytes(), memory.stats[row, places].tobytes())


class Loader:
    """Fills an empty state from what was saved, in any order; call `finish` at the end.

    Raises StateError where a part does not fit the plan.
    """

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self._pane_at: dict[str, Int64] = {}
        self._heads: set[str] = set()

    def head(self, asset: str, head: Head) -> None:
        """Give an asset its head."""
        (row,), plan, memory = self.state.rows((asset,)), self.state.plan, self.state.memory
        filled = _numbers(head.filled, "<i4", (-1,))
        memory.at[row], memory.first[row], memory.max_ms[row] = head.at, head.first, head.max_ms
        memory.is_open[row] = head.is_open
        memory.revision[row] = _numbers(head.revision, "<i4", (plan.kept,))
        memory.slot_ms[row], memory.slots[row] = NEVER, np.nan
        memory.slot_ms[row].reshape(-1)[filled] = _numbers(head.slot_ms, "<i8", filled.shape)
        values = _numbers(head.slots, "<f4", (len(filled), plan.channels))
        memory.slots[row].reshape(-1, plan.channels)[filled] = values
        self._heads.add(asset)

    def panes(self, asset: str, panes: Panes) -> None:
        """Give an asset closed panes; of two for one place the newer stays."""
        (row,), plan, memory = self.state.rows((asset,)), self.state.plan, self.state.memory
        n = _numbers(panes.n, memory.n.dtype.str, (-1, plan.channels))
        stats = _numbers(panes.stats, "<f4", (len(n), STATS, plan.channels))
        pane_at = self._pane_at.setdefault(asset, np.full(plan.ring, NEVER))
        for i, pane in enumerate(range(panes.first, panes.first + len(n))):
            place = pane % plan.ring
            if pane >= pane_at[place]:
                pane_at[place] = pane
                memory.n[row, place], memory.stats[row, place] = n[i], stats[i]

    def finish(self) -> None:
        """Clear panes that lie too far back, and fold the blocks again."""
        nothing = np.full(self.state.plan.ring, NEVER)
        for asset in self.state.assets:
            if asset not in self._heads:
                raise StateError(f"asset {asset}: panes without a head: {_GONE}")
            row = self.state.index[asset]
            fold_blocks(self.state.plan, self.state.memory, row, self._pane_at.get(asset, nothing))


def _numbers(
    data: bytes, kind: str, shape: tuple[int, ...]
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    try:
        return np.frombuffer(data, kind).reshape(shape)
    except ValueError as error:
        raise StateError(f"{len(data)} bytes where {shape} {kind} should be: {_GONE}") from error
