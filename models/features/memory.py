"""What the kernel remembers of each asset: as much as it has sent, in pools of equal parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.features.compiling import compiled
from models.features.expectation import AppliedExpectation
from models.features.panes import BLOCK, STATS
from models.features.state import NEVER, NOTHING, KernelLayout
from models.telemetry.samples import Float32, Float64, Int32, Int64

SLOTS, PANES, BLOCKS, LONGS = range(4)
NOWHERE = -1  # in place of a row of a pool: nothing is remembered there
LONG_N, LONG_MEAN, LONG_MAX = range(3)
_FIRST_CAPACITY = 16


class Memory(NamedTuple):
    """One row per asset, and four pools, of which ``used`` (4,) rows are taken; the rest is room.

    ``at`` is an asset's last closed pane; pane ``at + 1`` holds samples where ``is_open``. ``first`` is its
    first pane, ``max_ms`` its newest event time. ``last`` and ``last_ms`` (kept + 1, M), at
    ``pane % (kept + 1)``, are what the sensors of `Kinds` had read last when a pane closed, and when, `NEVER`
    if they had read nothing. ``level`` and ``offset`` (K, R) come from the expectation, and are not saved.
    Tables say which row of a pool something stands in, `NOWHERE` if nothing was ever sent:

    - ``slot_at`` (kept, slots): the readings of the kept panes at ``pane % kept``, as is ``revision``. A row
      of ``slots`` (S,) are the last of each sensor in one sampling period, of ``slot_ms`` their times after
      the pane's start; it is `NOTHING` if there is none, the first `HEARD` if a sample came without any.
    - ``pane_at`` (ring,): ``n`` and ``stats`` of the closed panes at ``pane % ring``.
    - ``block_at`` (blocks,): ``block`` at ``number % blocks``.
    - ``long_at`` (long_blocks,): count, mean and maximum of the blocks of computed channels, ``long``.
    """

    at: Int64
    first: Int64
    max_ms: Int64
    is_open: npt.NDArray[np.bool_]
    revision: Int32
    slot_at: Int32
    pane_at: Int32
    block_at: Int32
    long_at: Int32
    last: Float64
    last_ms: Int64
    level: Float32
    offset: Float32
    slots: Float32
    slot_ms: Int32
    n: npt.NDArray[Any]
    stats: Float32
    block: Float32
    long: Float32
    used: Int64


_OF_AN_ASSET = Memory._fields[:13]
_POOLS = (("slots", "slot_ms"), ("n", "stats"), ("block",), ("long",))
_TABLES = ("slot_at", "pane_at", "block_at", "long_at")
_BEFORE = {
    "max_ms": NEVER,
    "last_ms": NEVER,
    **dict.fromkeys(_TABLES, NOWHERE),
}  # of an asset that was never heard of; else 0


class KernelState:
    """All that the kernel remembers: asset ``name`` has row ``index[name]`` of ``memory``."""

    def __init__(self, plan: KernelLayout, expectation: AppliedExpectation) -> None:
        self.plan, self._expectation = plan, expectation
        self.assets: list[str] = []
        self.index: dict[str, int] = {}
        self.memory = _nothing(plan)

    def rows(self, names: Iterable[str]) -> Int64:
        """Return the row of each named asset, making room for the new ones."""
        known = len(self.assets)
        out = [self._row(name) for name in names]
        have = len(self.memory.at)
        if len(self.assets) > have:
            self._grow(_OF_AN_ASSET, _more(have, len(self.assets)))
        for row in range(known, len(self.assets)):
            self.memory.level[row], self.memory.offset[row] = self._expectation.own(self.assets[row])
        return np.array(out, np.int64)

    def reserve(self, wanted: Int64) -> None:
        """Make room in each pool for so many rows more (4,), before compiled steps take them."""
        for pool in np.flatnonzero(wanted).tolist():
            names = _POOLS[pool]
            have, need = len(getattr(self.memory, names[0])), int(self.memory.used[pool] + wanted[pool])
            if need > have:
                self._grow(names, _more(have, need))

    def pool(self, pool: int) -> tuple[npt.NDArray[Any], ...]:
        """Return the arrays of a pool."""
        return tuple(getattr(self.memory, name) for name in _POOLS[pool])

    def holds(self, pool: int, *place: int) -> bool:
        """Return whether an asset's place, its row first, has a row of ``pool``."""
        return bool(getattr(self.memory, _TABLES[pool])[place] != NOWHERE)

    def place(self, pool: int, *place: int) -> int:
        """Return the row of ``pool`` that an asset's place has, its row first; it gets one if it has none."""
        if not self.holds(pool, *place):
            self.reserve(np.bincount([pool], minlength=len(_POOLS)))
            row = take(self.memory.used, pool, len(self.pool(pool)[0]))
            getattr(self.memory, _TABLES[pool])[place] = row
            if pool == SLOTS:
                self.memory.slots[row], self.memory.slot_ms[row] = np.nan, NOTHING
        return int(getattr(self.memory, _TABLES[pool])[place])

    def arrange(self, names: Sequence[str]) -> None:
        """Give the assets, all of which are named, their rows in this order; in place, row by row."""
        for row, name in enumerate(names):
            if self.index[name] != row:
                self._swap(row, self.index[name])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.memory)

    def _row(self, name: str) -> int:
        row = self.index.get(name)
        if row is None:
            row = self.index[name] = len(self.assets)
            self.assets.append(name)
        return row

    def _swap(self, one: int, other: int) -> None:
        for array in self.memory[: len(_OF_AN_ASSET)]:
            array[[one, other]] = array[[other, one]]
        names = self.assets
        names[one], names[other] = names[other], names[one]
        self.index[names[one]], self.index[names[other]] = one, other

    def _grow(self, names: Sequence[str], capacity: int) -> None:
        """Make room; array by array and in place, so that next to nothing is held twice."""
        arrays = self.memory._asdict()
        self.memory = _nothing(self.plan)
        for name in names:
            array = arrays.pop(name)
            have = len(array)
            shape = (capacity, *array.shape[1:])
            try:
                array.resize(shape)  # moves pages, if it is large; what is new is 0
            except ValueError:  # somebody holds it, such as a frame of the compiler that is not collected yet
                array = np.concatenate([array, np.zeros((capacity - have, *shape[1:]), array.dtype)])
            if name in _BEFORE:
                array[have:] = _BEFORE[name]
            arrays[name] = array
            del array
        self.memory = Memory(**arrays)


def _more(have: int, need: int) -> int:
    return max(_FIRST_CAPACITY, have + have // 64, need)


def _nothing(plan: KernelLayout) -> Memory:
    """Return the memory of no asset."""
    return Memory(**_no_assets(plan), **_no_rows(plan), used=np.zeros(len(_POOLS), np.int64))


def _no_assets(plan: KernelLayout) -> dict[str, Any]:
    own = plan.normal.sigma.shape
    return {
        "at": _none(np.int64),
        "first": _none(np.int64),
        "max_ms": _none(np.int64),
        "is_open": _none(np.bool_),
        "revision": _none(np.int32, plan.kept),
        "slot_at": _none(np.int32, plan.kept, plan.slots),
        "pane_at": _none(np.int32, plan.ring),
        "block_at": _none(np.int32, plan.blocks),
        "long_at": _none(np.int32, plan.long_blocks),
        "last": _none(np.float64, plan.kept + 1, len(plan.kinds.sensor)),
        "last_ms": _none(np.int64, plan.kept + 1, len(plan.kinds.sensor)),
        "level": _none(np.float32, *own),
        "offset": _none(np.float32, *own),
    }


def _no_rows(plan: KernelLayout) -> dict[str, Any]:
    channels = plan.channels
    return {
        "slots": _none(np.float32, plan.columns),
        "slot_ms": _none(np.int32, plan.columns),
        "n": _none(np.min_scalar_type(plan.slots), channels),
        "stats": _none(np.float32, STATS, channels),
        "block": _none(np.float32, BLOCK, channels),
        "long": _none(np.float32, 3, channels - plan.points),
    }


def _none(kind: npt.DTypeLike, *shape: int) -> npt.NDArray[Any]:
    return np.zeros((0, *shape), kind)


@compiled
def take(used: Int64, pool: int, rows: int) -> int:
    """Take the next row of a pool of ``rows``. Raises IndexError if no room was made for it before."""
    row = used[pool]
    if row >= rows:
        raise IndexError("a pool of the kernel's memory is full")
    used[pool] = row + 1
    return int(row)
