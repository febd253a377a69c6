"""What the kernel remembers, in parts under keys of their own, of which only those that changed are saved."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.errors import StateError
from models.features.memory import KernelState
from models.features.snapshot import Head, Kept, Loader, Panes, head_of, kept_of, panes_of
from models.features.state import NEVER
from models.telemetry.samples import Int32, Int64
from streams.stages.frozen_rows import frozen_rows
from streams.stages.packed_times import packed
from streams.state.snapshots import parsed

_HEAD, _KEPT, _PANES = b"h", b"k", b"p"
_TOGETHER = 64


class KernelMemory:
    """Saves the state of a kernel, and gives it back."""

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self._changed: dict[str, int] = {}
        self._loader: Loader | None = None

    def mark(self, assets: Sequence[str], touched: Int64) -> None:
        """Note that assets change: from pane ``touched`` (A,) on, or the first that is not closed yet."""
        for asset, pane in zip(assets, touched.tolist(), strict=True):
            row = self.state.index.get(asset)
            since = NEVER if row is None else min(pane, int(self.state.memory.at[row]) + 1)
            self._changed[asset] = min(since, self._changed.get(asset, since))

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Return the heads of the assets that were heard of since the last call, and what panes changed.

        They are copied now, and encoded as they are taken: some assets at a time, so that the copies go, too.
        """
        changed, self._changed = list(self._changed.items()), {}
        parts = (changed[i : i + _TOGETHER] for i in range(0, len(changed), _TOGETHER))
        return _encoded(deque([_Frozen(self.state, part) for part in parts]))

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember one head, the samples of a pane, or a block of panes."""
        loader = self._loader = self._loader or Loader(self.state)
        if key.startswith(_HEAD):
            loader.head(key[1:].decode(), parsed(value, Head))
        elif key.startswith(_KEPT):
            loader.kept(key.partition(b":")[2].decode(), parsed(value, Kept))
        elif key.startswith(_PANES):
            loader.panes(key.partition(b":")[2].decode(), parsed(value, Panes))
        else:
            raise StateError(f"key {key!r}: not one of this stage")

    def restored(self) -> None:
        """Fold the blocks of every asset."""
        if self._loader is not None:
            self._loader.finish()
        self._loader = None


class _Frozen:
    """What changed of some assets, from a pane each on, as of the moment at which this was made."""

    def __init__(self, state: KernelState, changed: Sequence[tuple[str, int]]) -> None:
        self.names = [name for name, _ in changed]
        self.since = [since for _, since in changed]
        self.rows = [state.index[name] for name in self.names]
        self.state = frozen_rows(state, np.array(self.rows, np.int64), np.array(self.since, np.int64))
        self._times = packed(self.state.memory.slot_ms)
        if self._times is not None:
            self._take(np.empty((0, self._times.sensors), np.int32))

    def _take(self, slot_ms: Int32) -> None:
        self.state.memory = self.state.memory._replace(slot_ms=slot_ms)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the parts of each asset under their keys."""
        if self._times is not None:
            self._take(self._times.whole())
        for i, asset in enumerate(self.names):
            name, plan = asset.encode(), self.state.plan
            head = msgspec.structs.replace(head_of(self.state, i), row=self.rows[i])
            yield _HEAD + name, msgspec.msgpack.encode(head)
            for kept in kept_of(self.state, i, self.since[i]):
                yield _KEPT + b"%d:" % (kept.pane % plan.kept) + name, msgspec.msgpack.encode(kept)
            for panes in panes_of(self.state, i, self.since[i]):
                place = panes.number % plan.long_blocks
                yield _PANES + b"%d:" % place + name, msgspec.msgpack.encode(panes)


def _encoded(parts: deque[_Frozen]) -> Iterator[tuple[bytes, bytes]]:
    while parts:
        yield from parts.popleft().records()
