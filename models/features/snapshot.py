"""Saving what the kernel remembers of an asset, and giving it back: to the bit, in parts that change seldom.

A head changes with every sample; it holds the samples of the open pane. The samples of each closed pane that
may still be corrected are a part of their own. Panes are saved by blocks, which change only until their last
pane has closed and may not be corrected any more.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from models.errors import StateError
from models.features.closed_panes import make_whole
from models.features.kernel import KernelState
from models.features.panes import STATS
from models.features.state import NEVER, NOTHING
from models.telemetry.samples import Int64

_GONE = "expected what another version, or another fleet file, would have written"


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Readings of one pane: place (int32), time (int32) and value (float32) of those that there are."""

    pane: int
    filled: bytes
    slot_ms: bytes
    slots: bytes


class Head(msgspec.Struct, frozen=True, array_like=True):
    """One asset, with the samples of its open pane where there is one.

    What is said of several assets at once is said in the order of their ``row``.
    """

    row: int
    at: int
    first: int
    max_ms: int
    revision: bytes
    open: Kept | None


class Panes(msgspec.Struct, frozen=True, array_like=True):
    """Closed panes of block ``number`` that are still remembered, from pane ``first`` on.

    ``block`` and ``long`` are what they, and those before, were folded into; empty until the last has closed,
    ``block`` also once it lies too far back.
    """

    number: int
    first: int
    n: bytes
    stats: bytes
    block: bytes
    long: bytes


def head_of(state: KernelState, row: int) -> Head:
    """Return all of an asset but its closed panes."""
    memory = state.memory
    at = int(memory.at[row])
    return Head(
        row=row,
        at=at,
        first=int(memory.first[row]),
        max_ms=int(memory.max_ms[row]),
        revision=memory.revision[row].tobytes(),
        open=_kept(state, row, at + 1) if memory.is_open[row] else None,
    )


def kept_of(state: KernelState, row: int, since: int) -> Iterator[Kept]:
    """Yield the samples of every closed pane from ``since`` on that may still be corrected and has any."""
    first, last = _kept_panes(state, row)
    for pane in range(max(since, first), last + 1):
        kept = _kept(state, row, pane)
        if kept.filled:
            yield kept


def panes_of(state: KernelState, row: int, since: int) -> Iterator[Panes]:
    """Yield every block with a closed pane at or after ``since`` and the first sample."""
    plan, memory = state.plan, state.memory
    at = int(memory.at[row])
    closed = (at + 1) // plan.group
    oldest = max(at + 1 - plan.reach, int(memory.first[row]))
    if since > at:
        return
    for number in range(max(since, oldest) // plan.group, at // plan.group + 1):
        first = max(number * plan.group, oldest, at + 1 - plan.ring)
        places = np.arange(first, min((number + 1) * plan.group, at + 1)) % plan.ring
        block, long = b"", b""
        if number < closed:
            long = memory.long[row, number % plan.long_blocks].tobytes()
        if closed - plan.blocks <= number < closed:
            block = memory.block[row, number % plan.blocks].tobytes()
        yield Panes(
            number, first, memory.n[row, places].tobytes(), memory.stats[row, places].tobytes(), block, long
        )


def _kept_panes(state: KernelState, row: int) -> tuple[int, int]:
    """Return the first and the last closed pane of which the samples are kept: an open one takes a place."""
    at = int(state.memory.at[row])
    return at + 1 - state.plan.kept + int(state.memory.is_open[row]), at


def _kept(state: KernelState, row: int, pane: int) -> Kept:
    place = pane % state.plan.kept
    slot_ms = state.memory.slot_ms[row, place]
    filled = np.flatnonzero(slot_ms != NOTHING).astype("<i4")
    slots = state.memory.slots[row, place]
    return Kept(pane, filled.tobytes(), slot_ms.ravel()[filled].tobytes(), slots.ravel()[filled].tobytes())


class Loader:
    """Fills an empty state from what was saved, in any order; call `finish` at the end.

    Raises StateError where a part does not fit the plan.
    """

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self._pane_at: dict[str, Int64] = {}
        self._kept_at: dict[str, Int64] = {}
        self._block_at: dict[str, tuple[Int64, Int64]] = {}
        self._row: dict[str, int] = {}

    def head(self, asset: str, head: Head) -> None:
        """Give an asset its head."""
        (row,), plan, memory = self.state.rows((asset,)), self.state.plan, self.state.memory
        memory.at[row], memory.first[row], memory.max_ms[row] = head.at, head.first, head.max_ms
        memory.is_open[row] = head.open is not None
        memory.revision[row] = _numbers(head.revision, "<i4", (plan.kept,))
        if head.open is not None:
            self.kept(asset, head.open)
        self._row[asset] = head.row

    def kept(self, asset: str, kept: Kept) -> None:
        """Give an asset the samples of one pane; of two for one place the newer stays."""
        (row,), plan, memory = self.state.rows((asset,)), self.state.plan, self.state.memory
        place = kept.pane % plan.kept
        kept_at = self._kept_at.setdefault(asset, np.full(plan.kept, NEVER))
        if kept.pane < kept_at[place]:
            return
        kept_at[place] = kept.pane
        filled = _numbers(kept.filled, "<i4", (-1,))
        memory.slot_ms[row, place], memory.slots[row, place] = NOTHING, np.nan
        memory.slot_ms[row, place].ravel()[filled] = _numbers(kept.slot_ms, "<i4", filled.shape)
        memory.slots[row, place].ravel()[filled] = _numbers(kept.slots, "<f4", filled.shape)

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
        if panes.long or panes.block:
            self._fold(asset, row, panes)

    def _fold(self, asset: str, row: int, panes: Panes) -> None:
        """Give an asset what a block was folded into."""
        plan, memory = self.state.plan, self.state.memory
        nowhere = np.full(plan.blocks, NEVER), np.full(plan.long_blocks, NEVER)
        for at, array, data in zip(
            self._block_at.setdefault(asset, nowhere),
            (memory.block[row], memory.long[row]),
            (panes.block, panes.long),
            strict=True,
        ):
            place = panes.number % len(at)
            if data and panes.number >= at[place]:
                at[place], array[place] = panes.number, _numbers(data, "<f4", array[place].shape)

    def finish(self) -> None:
        """Give each asset its row, and clear what lies too far back."""
        self._arrange()
        plan = self.state.plan
        nothing = np.full(plan.ring, NEVER)
        nowhere = np.full(plan.blocks, NEVER), np.full(plan.long_blocks, NEVER)
        for row, asset in enumerate(self.state.assets):
            self._clear(asset, row)
            panes, blocks = self._pane_at.get(asset, nothing), self._block_at.get(asset, nowhere)
            make_whole(plan, self.state.memory, row, panes, *blocks)

    def _arrange(self) -> None:
        for asset in self.state.assets:
            if asset not in self._row:
                raise StateError(f"asset {asset}: panes without a head: {_GONE}")
        in_order = sorted(self._row, key=self._row.__getitem__)
        for row, asset in enumerate(in_order):
            if self._row[asset] != row:
                raise StateError(f"asset {asset}: row {self._row[asset]}, but {row} come before it: {_GONE}")
        self.state.arrange(in_order)

    def _clear(self, asset: str, row: int) -> None:
        """Clear the samples of panes that are not kept any more."""
        memory, (first, last) = self.state.memory, _kept_panes(self.state, row)
        for place, pane in enumerate(self._kept_at.get(asset, ())):
            if not first <= pane <= last + 1:
                memory.slot_ms[row, place], memory.slots[row, place] = NOTHING, np.nan


def _numbers(
    data: bytes, kind: str, shape: tuple[int, ...]
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    try:
        return np.frombuffer(data, kind).reshape(shape)
    except ValueError as error:
        raise StateError(f"{len(data)} bytes instead of {shape} {kind} should be: {_GONE}") from error
