"""The one feature kernel: telemetry in, windowed features out, for training and for the stream alike.

Event time is cut into panes of one hop, half-open [start, end). A pane keeps one sample per sampling period
while it may still change; then eight mergeable statistics per sensor remain. A window of W panes is merged in
an order that depends only on the index of its last pane (van Herk 1992, Gil & Werman 1993: the suffix of the
previous block of W panes, then the prefix of the present one), three merges a hop instead of W, so that its
value is the same bit for bit however the samples arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.expectation import Expectation, Residuals, identity_of
from models.features import FeatureSchema
from models.fleet import Fleet
from models.frames import Float32, Float64, Frames, Int32, Int64
from models.panes import empty, merge, summarise

_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Windows:
    """Features of ``n`` windows: ``values`` (n, F) of the window that ends, exclusive, at ``end_ms`` (n,).

    ``asset`` (n,) indexes into ``assets``. A window that late samples corrected comes again with a higher
    ``revision`` (n,).
    """

    assets: tuple[str, ...]
    asset: Int32
    end_ms: Int64
    revision: Int32
    values: Float32

    def __len__(self) -> int:
        return len(self.asset)


@dataclass(slots=True)
class Tally:
    """What the kernel saw: counts of samples, and per sensor (S,) of values."""

    sensors: int
    samples: int = 0
    late: int = 0
    too_late: int = 0
    duplicates: int = 0
    expected: int = 0
    implausible: Int64 = field(init=False)
    missing: Int64 = field(init=False)

    def __post_init__(self) -> None:
        self.implausible = np.zeros(self.sensors, np.int64)
        self.missing = np.zeros(self.sensors, np.int64)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in ("samples", "late", "too_late", "duplicates", "expected"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.implausible += other.implausible
        self.missing += other.missing


class KernelState:
    """All that the kernel remembers of the assets it has seen; arrays grow with their number.

    ``at`` is the last closed pane of an asset; pane ``at + 1`` holds samples where ``is_open``.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.assets: list[str] = []
        self.index: dict[str, int] = {}
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        k, sensors = self.kernel, self.kernel.channels
        self.at = np.zeros(capacity, np.int64)
        self.first = np.zeros(capacity, np.int64)
        self.max_ms = np.full(capacity, _NEVER, np.int64)
        self.is_open = np.zeros(capacity, bool)
        self.slots = np.full((capacity, k.kept, k.slots, sensors), np.nan, np.float32)
        self.slot_ms = np.full((capacity, k.kept, k.slots), _NEVER, np.int64)
        self.revision = np.zeros((capacity, k.kept), np.int32)
        self.panes = empty(capacity, k.ring, sensors=sensors)
        self.prefix = [empty(capacity, sensors=sensors) for _ in k.lengths]
        self.suffix = [empty(capacity, length, sensors=sensors) for length in k.lengths]

    def _arrays(self) -> list[Float64]:
        fixed = (self.at, self.first, self.max_ms, self.is_open, self.slots, self.slot_ms, self.revision)
        return [*fixed, self.panes, *self.prefix, *self.suffix]

    def rows(self, names: tuple[str, ...]) -> Int64:
        """Return the row of each named asset, making room for the new ones."""
        for name in names:
            if name not in self.index:
                self.index[name] = len(self.assets)
                self.assets.append(name)
        if len(self.assets) > len(self.at):
            self._grow(max(16, 2 * len(self.at), len(self.assets)))
        return np.array([self.index[name] for name in names], np.int64)

    def _grow(self, capacity: int) -> None:
        old = self._arrays()
        self._allocate(capacity)
        for source, target in zip(old, self._arrays(), strict=True):
            target[: len(source)] = source


class Kernel:
    """Windowed features of one fleet.

    `step` and `close` take a state, change it in place and return windows: they know no clock and no broker.
    """

    def __init__(
        self, fleet: Fleet, expectation: Expectation | None = None, emit_s: int | None = None
    ) -> None:
        """``emit_s``: emit only windows whose end is a multiple of it; training needs no more."""
        sampling = fleet.sampling
        self.residuals = Residuals(fleet, expectation) if expectation else None
        self.schema = FeatureSchema(fleet, identity_of(expectation))
        self.sensors = len(fleet.sensors)
        self.channels = self.sensors + len(self.schema.residuals)
        self.emit_panes = (emit_s or sampling.hop_s) // sampling.hop_s
        self.low = np.array([s.low for s in fleet.sensors], np.float32)
        self.high = np.array([s.high for s in fleet.sensors], np.float32)
        self.hop_ms = sampling.hop_s * 1000
        self.period_ms = sampling.period_s * 1000
        self.lateness_ms = sampling.lateness_s * 1000
        self.slots = sampling.hop_s // sampling.period_s
        self.lengths = tuple(w // sampling.hop_s for w in sampling.windows_s)
        self.kept = -(-sampling.lateness_s // sampling.hop_s) + 1
        self.ring = self.lengths[-1] + self.kept

    def start(self) -> KernelState:
        """Return the state before the first sample."""
        return KernelState(self)

    def step(self, state: KernelState, frames: Frames) -> tuple[Windows, Tally]:
        """Take in samples of any assets in any order; return the windows they closed or corrected.

        The result depends on the sequence of calls, not on the order of rows within one.
        Raises ValueError where the number of sensors differs from the fleet's.
        """
        if frames.values.shape[1] != self.sensors:
            raise ValueError(f"{frames.values.shape[1]} values a sample, expected {self.sensors}")
        tally = Tally(self.sensors, samples=len(frames))
        rows = state.rows(frames.assets)[frames.asset]
        pane = frames.time_ms // self.hop_ms
        values = self._with_residuals(frames, self._plausible(frames.values, tally))
        opened = state.max_ms[rows] != _NEVER
        old = opened & (pane <= state.at[rows])
        too_late = old & ((pane + 1) * self.hop_ms + self.lateness_ms <= state.max_ms[rows])
        tally.too_late = int(too_late.sum())
        out = _Emission(self, state, tally)
        late, fresh = old & ~too_late, ~old
        samples = _Samples(rows, pane, frames.time_ms, values)
        self._take_late(out, samples.only(late))
        self._take_fresh(out, samples.only(fresh))
        return out.windows(), tally

    def close(self, state: KernelState, watermark_ms: int) -> tuple[Windows, Tally]:
        """Close every pane that ends at or before ``watermark_ms``, also of assets that fell silent."""
        out = _Emission(self, state, Tally(self.sensors))
        ends = (state.at + 2) * self.hop_ms
        self._close(out, np.flatnonzero(state.is_open & (ends <= watermark_ms)))
        return out.windows(), out.tally

    def _plausible(self, values: Float32, tally: Tally) -> Float32:
        with np.errstate(invalid="ignore"):
            wrong = (values < self.low) | (values > self.high)
        tally.implausible += wrong.sum(axis=0)
        return np.where(wrong, np.float32(np.nan), values)

    def _with_residuals(self, frames: Frames, values: Float32) -> Float32:
        if self.residuals is None:
            return values
        return np.concatenate([values, self.residuals.of(frames.assets, frames.asset, values)], axis=1)

    def _take_fresh(self, out: _Emission, samples: _Samples) -> None:
        """Take samples of the open pane or newer ones, pane by pane in the order of event time."""
        for pane in np.unique(samples.pane):
            part = samples.only(samples.pane == pane)
            self._open(out, np.unique(part.row), int(pane))
            self._store(out, part)

    def _open(self, out: _Emission, rows: Int64, pane: int) -> None:
        """Make ``pane`` the open pane of ``rows``, closing what was open and passing over what is empty."""
        state = out.state
        new = rows[state.max_ms[rows] == _NEVER]
        state.at[new], state.first[new] = pane - 1, pane
        moving = rows[state.is_open[rows] & (state.at[rows] + 1 < pane)]
        self._close(out, moving)
        self._skip(state, rows[state.at[rows] + 1 < pane], pane)
        fresh = rows[~state.is_open[rows]]
        self._clear(state, fresh, pane % self.kept)
        state.is_open[fresh] = True

    def _clear(self, state: KernelState, rows: Int64, kept: int | slice) -> None:
        state.slots[rows, kept] = np.nan
        state.slot_ms[rows, kept] = _NEVER
        state.revision[rows, kept] = 0

    def _skip(self, state: KernelState, rows: Int64, pane: int) -> None:
        """Advance ``rows`` over empty panes, so that ``pane`` is the next one."""
        far = rows[pane - state.at[rows] > 2 * self.ring]
        for array in (state.panes, *state.prefix, *state.suffix):
            array[far] = empty(sensors=self.channels)
        self._clear(state, far, slice(None))
        state.at[far] = pane - 1
        before = state.at[rows]
        for start in np.unique(before):
            group = rows[before == start]
            for skipped in range(int(start) + 1, pane):
                self._clear(state, group, skipped % self.kept)
                self._advance(state, group, skipped, empty(len(group), sensors=self.channels))

    def _store(self, out: _Emission, samples: _Samples) -> _Samples:
        """Write samples into their slots, the latest of several in one; return those that were written."""
        state = out.state
        order = np.lexsort((samples.time_ms, samples.row))
        samples = samples.only(order)
        slot = samples.time_ms % self.hop_ms // self.period_ms
        kept = samples.pane % self.kept
        repeated = np.zeros(len(order), bool)
        same = (samples.row[1:] == samples.row[:-1]) & (samples.pane[1:] == samples.pane[:-1])
        repeated[:-1] = same & (slot[1:] == slot[:-1])
        newer = ~repeated & (samples.time_ms > state.slot_ms[samples.row, kept, slot])
        out.tally.duplicates += int(len(order) - newer.sum())
        np.maximum.at(state.max_ms, samples.row, samples.time_ms)
        samples, kept, slot = samples.only(newer), kept[newer], slot[newer]
        state.slots[samples.row, kept, slot] = samples.values
        state.slot_ms[samples.row, kept, slot] = samples.time_ms
        return samples

    def _close(self, out: _Emission, rows: Int64) -> None:
        """Close the open pane of ``rows`` and emit the windows that end with it."""
        state = out.state
        before = state.at[rows]
        for at in np.unique(before):
            group, pane = rows[before == at], int(at) + 1
            samples = state.slots[group, pane % self.kept]
            self._advance(state, group, pane, summarise(samples, pane))
            state.is_open[group] = False
            out.count(samples)
            if (pane + 1) % self.emit_panes == 0:
                windows = [self._current(state, i, group, pane) for i in range(len(self.lengths))]
                out.emit(group, pane, windows)

    def _advance(self, state: KernelState, rows: Int64, pane: int, statistics: Float64) -> None:
        """Append one closed pane to ``rows``: ring, prefixes and, where a block ends, suffixes."""
        state.panes[rows, pane % self.ring] = statistics
        state.at[rows] = pane
        for i, length in enumerate(self.lengths):
            begins = pane % length == 0
            state.prefix[i][rows] = statistics if begins else merge(state.prefix[i][rows], statistics)
            if (pane + 1) % length == 0:
                self._fold_suffix(state, i, rows, pane)

    def _fold_suffix(self, state: KernelState, i: int, rows: Int64, last: int) -> None:
        """Fill the suffixes of the block that ends with pane ``last``, from its end backwards."""
        length = self.lengths[i]
        folded = state.panes[rows, last % self.ring]
        for position in range(length - 1, 0, -1):
            if position < length - 1:
                folded = merge(state.panes[rows, (last - length + 1 + position) % self.ring], folded)
            state.suffix[i][rows, position] = folded

    def _current(self, state: KernelState, i: int, rows: Int64, pane: int) -> Float64:
        """Return window ``i`` that ends with ``pane``, the last closed pane of ``rows``."""
        position = (pane + 1) % self.lengths[i]
        prefix: Float64 = state.prefix[i][rows]
        if position == 0:
            return prefix
        return merge(state.suffix[i][rows, position], prefix)

    def _take_late(self, out: _Emission, samples: _Samples) -> None:
        """Correct closed panes, and emit again every window they are part of."""
        if not len(samples.row):
            return
        out.tally.late += len(samples.row)
        written = self._store(out, samples)
        for row in np.unique(written.row):
            self._correct(out, np.array([row]), np.unique(written.pane[written.row == row]))

    def _correct(self, out: _Emission, row: Int64, panes: Int64) -> None:
        state, at = out.state, int(out.state.at[row[0]])
        state.first[row] = min(int(state.first[row[0]]), int(panes[0]))
        for pane in panes.tolist():
            state.panes[row, pane % self.ring] = summarise(state.slots[row, pane % self.kept], pane)
        for i in range(len(self.lengths)):
            state.prefix[i][row] = self._fold_prefix(state, i, row, at)
            block_end = (at + 1) // self.lengths[i] * self.lengths[i] - 1
            self._fold_suffix(state, i, row, block_end)
        for pane in range(int(panes[0]), at + 1):
            if (state.slot_ms[row, pane % self.kept] != _NEVER).any():
                out.emit(row, pane, [self._as_of(state, i, row, pane) for i in range(len(self.lengths))])

    def _fold_prefix(self, state: KernelState, i: int, row: Int64, pane: int) -> Float64:
        """Fold the panes from the start of the block of ``pane`` up to it, in that order."""
        start = pane // self.lengths[i] * self.lengths[i]
        folded: Float64 = state.panes[row, start % self.ring]
        for later in range(start + 1, pane + 1):
            folded = merge(folded, state.panes[row, later % self.ring])
        return folded

    def _as_of(self, state: KernelState, i: int, row: Int64, pane: int) -> Float64:
        """Return window ``i`` that ends with ``pane``, any closed pane still kept, from the ring alone."""
        length = self.lengths[i]
        prefix = self._fold_prefix(state, i, row, pane)
        start, block = pane + 1 - length, pane // length * length
        if start == block:
            return prefix
        folded: Float64 = state.panes[row, (block - 1) % self.ring]
        for earlier in range(block - 2, start - 1, -1):
            folded = merge(state.panes[row, earlier % self.ring], folded)
        return merge(folded, prefix)


@dataclass(frozen=True, slots=True)
class _Samples:
    """Samples with the row of their asset and the index of their pane."""

    row: Int64
    pane: Int64
    time_ms: Int64
    values: Float32

    def only(self, which: Int64 | np.typing.NDArray[np.bool_]) -> _Samples:
        return _Samples(self.row[which], self.pane[which], self.time_ms[which], self.values[which])


class _Emission:
    """Gathers the windows of one call."""

    def __init__(self, kernel: Kernel, state: KernelState, tally: Tally) -> None:
        self.kernel, self.state, self.tally = kernel, state, tally
        self._parts: list[tuple[Int64, int, Int32, Float32]] = []

    def count(self, samples: Float32) -> None:
        """Count the values missing in panes (G, slots, S) that close."""
        self.tally.expected += samples.shape[0] * samples.shape[1]
        self.tally.missing += np.isnan(samples[..., : self.kernel.sensors]).sum(axis=(0, 1))

    def emit(self, rows: Int64, pane: int, windows: list[Float64]) -> None:
        """Turn window statistics into features of the window that ends with ``pane``."""
        kernel, state = self.kernel, self.state
        age = pane - state.first[rows] + 1
        expected = [np.minimum(age, length) * float(kernel.slots) for length in kernel.lengths]
        kept = pane % kernel.kept
        revision = state.revision[rows, kept].copy()
        state.revision[rows, kept] += 1
        self._parts.append((rows, pane, revision, kernel.schema.vectors(windows, expected)))

    def windows(self) -> Windows:
        """Return all that was emitted, a later revision of the same window after an earlier one."""
        width = len(self.kernel.schema)
        nothing = (np.empty(0, np.int64), 0, np.empty(0, np.int32), np.empty((0, width), np.float32))
        parts = self._parts or [nothing]
        rows = np.concatenate([p[0] for p in parts])
        named, asset = np.unique(rows, return_inverse=True)
        ends = [np.full(len(p[0]), (p[1] + 1) * self.kernel.hop_ms, np.int64) for p in parts]
        return Windows(
            tuple(self.state.assets[i] for i in named.tolist()),
            asset.astype(np.int32),
            np.concatenate(ends),
            np.concatenate([p[2] for p in parts]),
            np.concatenate([p[3] for p in parts]),
        )
