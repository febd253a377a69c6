"""Saving what the kernel remembers of an asset, and giving it back: to the bit, in parts that change seldom.

A head changes with every sample; it holds the samples of the open pane. The samples of each closed pane that
may still be corrected are a part of their own. Panes are saved by blocks, which change only until their last
pane has closed and may not be corrected any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from models.errors import StateError
from models.features.closed_panes import make_whole
from models.features.memory import BLOCKS, LONG_MAX, LONG_N, LONGS, NOWHERE, PANES, SLOTS, KernelState
from models.features.panes import B_MAX, B_MIN, B_N, BLOCK, MAX, MIN, STATS
from models.features.state import NEVER, NOTHING
from models.telemetry.samples import Float32, Int32, Int64

_GONE = "expected what another version, or another fleet file, would have written"


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Readings of one pane: place (int32), time (int32) and value (float32) of those that there are."""

    pane: int
    filled: bytes
    slot_ms: bytes
    slots: bytes


class Head(msgspec.Struct, frozen=True, array_like=True):
    """One asset, with the samples of its open pane if there is one.

    What is said of several assets at once is said in the order of their ``row``.
    """

    row: int
    at: int
    first: int
    max_ms: int
    revision: bytes
    open: Kept | None
    last: bytes = b""
    last_ms: bytes = b""


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
        last=memory.last[row].tobytes(),
        last_ms=memory.last_ms[row].tobytes(),
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
        rows = memory.pane_at[row, places]
        n, stats = _filled(memory.n, rows, _NO_READINGS), _filled(memory.stats, rows, _EMPTY_PANE)
        block, long = b"", b""
        if number < closed:
            long_at = memory.long_at[row, [number % plan.long_blocks]]
            long = _filled(memory.long, long_at, _EMPTY_LONG).tobytes()
        if closed - plan.blocks <= number < closed:
            block_at = memory.block_at[row, [number % plan.blocks]]
            block = _filled(memory.block, block_at, _EMPTY_BLOCK).tobytes()
        yield Panes(number, first, n.tobytes(), stats.tobytes(), block, long)


def _empty(parts: int, low: int | None, high: int) -> Float32:
    """Return (parts, 1) what stands for no samples: 0, but for the least and the greatest of them."""
    out = np.zeros((parts, 1), np.float32)
    out[high] = -np.inf
    if low is not None:
        out[low] = np.inf
    return out


_NO_READINGS = np.zeros((), np.uint8)
_EMPTY_PANE, _EMPTY_BLOCK = _empty(STATS, MIN, MAX), _empty(BLOCK, B_MIN, B_MAX)
_EMPTY_LONG = _empty(3, None, LONG_MAX)


def _filled(pool: npt.NDArray[Any], rows: Int32, empty: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (len(rows), …) the rows of a pool, ``empty`` for those that stand nowhere."""
    out = np.empty((len(rows), *pool.shape[1:]), pool.dtype)
    there = rows != NOWHERE
    out[there], out[~there] = pool[rows[there]], empty
    return out


def _kept_panes(state: KernelState, row: int) -> tuple[int, int]:
    """Return the first and the last closed pane of which the samples are kept: an open one takes a place."""
    at = int(state.memory.at[row])
    return at + 1 - state.plan.kept + int(state.memory.is_open[row]), at


def _kept(state: KernelState, row: int, pane: int) -> Kept:
    memory, columns = state.memory, state.plan.columns
    slot_at = memory.slot_at[row, pane % state.plan.kept]
    there = np.flatnonzero(slot_at != NOWHERE)
    slots, slot_ms = memory.slots[slot_at[there]], memory.slot_ms[slot_at[there]]
    at, sensor = np.nonzero(slot_ms != NOTHING)
    filled = (there[at] * columns + sensor).astype("<i4")
    return Kept(pane, filled.tobytes(), slot_ms[at, sensor].tobytes(), slots[at, sensor].tobytes())


class Loader:
    """Fills an empty state from what was saved, in any order; call `finish` at the end.

    Raises StateError if a part does not fit the plan.
    """

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self._pane_at: dict[str, Int64] = {}
        self._kept_at: dict[str, Int64] = {}
        self._block_at: dict[str, tuple[Int64, Int64]] = {}
        self._row: dict[str, int] = {}

    def head(self, asset: str, head: Head) -> None:
        """Give an asset its head."""
        (row,) = self.state.rows((asset,))
        self._number(int(row), head)
        if head.open is not None:
            self.kept(asset, head.open)
        self._row[asset] = head.row

    def _number(self, row: int, head: Head) -> None:
        memory = self.state.memory
        memory.at[row], memory.first[row], memory.max_ms[row] = head.at, head.first, head.max_ms
        memory.is_open[row] = head.open is not None
        memory.revision[row] = _numbers(head.revision, "<i4", (self.state.plan.kept,))
        memory.last[row] = _numbers(head.last, "<f8", memory.last[row].shape)
        memory.last_ms[row] = _numbers(head.last_ms, "<i8", memory.last_ms[row].shape)

    def kept(self, asset: str, kept: Kept) -> None:
        """Give an asset the samples of one pane; of two for one place the newer stays."""
        (row,), plan = self.state.rows((asset,)), self.state.plan
        place = kept.pane % plan.kept
        kept_at = self._kept_at.setdefault(asset, np.full(plan.kept, NEVER))
        if kept.pane < kept_at[place]:
            return
        kept_at[place] = kept.pane
        filled = _numbers(kept.filled, "<i4", (-1,))
        slot_ms = _numbers(kept.slot_ms, "<i4", filled.shape)
        slots = _numbers(kept.slots, "<f4", filled.shape)
        self._clear(row, place)
        slot, sensor = np.divmod(filled, plan.columns)
        if len(slot) and not 0 <= slot.min() <= slot.max() < plan.slots:
            raise StateError(f"asset {asset}: readings of slot {slot.max()}: {_GONE}")
        for s in np.unique(slot).tolist():
            self.state.place(SLOTS, row, place, s)
        at = self.state.memory.slot_at[row, place, slot]
        self.state.memory.slot_ms[at, sensor], self.state.memory.slots[at, sensor] = slot_ms, slots

    def panes(self, asset: str, panes: Panes) -> None:
        """Give an asset closed panes; of two for one place the newer stays."""
        (row,), plan = self.state.rows((asset,)), self.state.plan
        n = _numbers(panes.n, self.state.memory.n.dtype.str, (-1, plan.channels))
        stats = _numbers(panes.stats, "<f4", (len(n), STATS, plan.channels))
        pane_at = self._pane_at.setdefault(asset, np.full(plan.ring, NEVER))
        for i, pane in enumerate(range(panes.first, panes.first + len(n))):
            place = pane % plan.ring
            if pane >= pane_at[place]:
                pane_at[place] = pane
                self._remember(PANES, row, place, n[i], n[i], stats[i])
        if panes.long or panes.block:
            self._fold(asset, row, panes)

    def _fold(self, asset: str, row: int, panes: Panes) -> None:
        """Give an asset what a block was folded into."""
        plan = self.state.plan
        nowhere = np.full(plan.blocks, NEVER), np.full(plan.long_blocks, NEVER)
        block_at, long_at = self._block_at.setdefault(asset, nowhere)
        place = panes.number % plan.blocks
        if panes.block and panes.number >= block_at[place]:
            block = _numbers(panes.block, "<f4", (BLOCK, plan.channels))
            block_at[place] = panes.number
            self._remember(BLOCKS, row, place, block[B_N], block)
        place = panes.number % plan.long_blocks
        if panes.long and panes.number >= long_at[place]:
            long = _numbers(panes.long, "<f4", (3, plan.channels - plan.points))
            long_at[place] = panes.number
            self._remember(LONGS, row, place, long[LONG_N], long)

    def _remember(
        self, pool: int, row: int, place: int, n: npt.NDArray[Any], *parts: npt.NDArray[Any]
    ) -> None:
        """Write a part of which ``n`` are the numbers of samples; one without any takes no room."""
        if n.any() or self.state.holds(pool, row, place):
            at = self.state.place(pool, row, place)
            for array, part in zip(self.state.pool(pool), parts, strict=True):
                array[at] = part

    def finish(self) -> None:
        """Give each asset its row, and clear what lies too far back."""
        self._arrange()
        plan = self.state.plan
        nothing = np.full(plan.ring, NEVER)
        nowhere = np.full(plan.blocks, NEVER), np.full(plan.long_blocks, NEVER)
        for row, asset in enumerate(self.state.assets):
            self._forget(asset, row)
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

    def _forget(self, asset: str, row: int) -> None:
        """Clear the samples of panes that are not kept any more."""
        first, last = _kept_panes(self.state, row)
        for place, pane in enumerate(self._kept_at.get(asset, ())):
            if not first <= pane <= last + 1:
                self._clear(row, place)

    def _clear(self, row: int, place: int) -> None:
        memory = self.state.memory
        at = memory.slot_at[row, place]
        at = at[at != NOWHERE]
        memory.slot_ms[at], memory.slots[at] = NOTHING, np.nan


def _numbers(data: bytes, kind: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        return np.frombuffer(data, kind).reshape(shape)
    except ValueError as error:
        raise StateError(f"{len(data)} bytes instead of {shape} {kind} should be: {_GONE}") from error
