"""What the kernel remembers, as arrays: how large they are, and what one asset costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.features.expectation import AppliedExpectation
from models.features.normal import Formulas, Normal
from models.features.panes import B_MAX, B_MIN, BLOCK, MAX, MIN, STATS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Int32, Int64

NEVER = np.iinfo(np.int64).min
_DAY_S = 86_400
_EXACT_PANES = 48
NOTHING, HEARD = -1, -2  # in place of the time of a reading
LONG_N, LONG_MEAN, LONG_MAX = range(3)


class FeatureLayout(Protocol):
    """What the kernel has to know of a feature vector."""

    names: tuple[str, ...]
    channels: int
    program: Int64


class KernelLayout(NamedTuple):
    """The numbers of a fleet that the compiled steps need; ``lengths`` (W,) are windows in panes, rising.

    ``slots`` samples a pane, ``kept`` panes that late samples may still change, ``ring`` panes in all,
    ``blocks`` blocks of ``group`` panes. A window of more than ``exact`` panes begins with a block. The first
    ``sensors`` channels are read, those up to ``points`` are derived from them, the others are computed with
    the expectation: of these alone ``long_blocks`` blocks are remembered for the windows ``long`` (L,).
    Nothing is remembered of what lies more than ``reach`` panes back.
    """

    hop_ms: int
    period_ms: int
    lateness_ms: int
    slots: int
    kept: int
    ring: int
    group: int
    blocks: int
    long_blocks: int
    reach: int
    exact: int
    sensors: int
    points: int
    channels: int
    features: int
    emit_panes: int
    hops_per_day: float
    lengths: Int64
    long: Int64
    program: Int64
    formulas: Formulas
    normal: Normal


class Memory(NamedTuple):
    """One row per asset. ``at`` is its last closed pane; pane ``at + 1`` holds samples where ``is_open``.

    ``first`` is its first pane, ``max_ms`` its newest event time. ``slots`` are the readings of the kept
    panes, the last of each sensor and sampling period, and ``slot_ms`` their times after the pane's start; it
    is `NOTHING` if there is none, the first of a period `HEARD` if a sample came without any. Both stand at
    ``pane % kept``, as does ``revision``; ``n`` and ``stats`` are the closed panes at ``pane % ring``,
    ``block`` the blocks at ``number % blocks``; ``long`` are count, mean and maximum of the blocks of
    computed channels at ``number % long_blocks``. ``level`` and ``offset`` (K, R) come from the expectation,
    and are not saved.
    """

    at: Int64
    first: Int64
    max_ms: Int64
    is_open: npt.NDArray[np.bool_]
    slots: Float32
    slot_ms: Int32
    revision: Int32
    n: npt.NDArray[Any]
    stats: Float32
    block: Float32
    long: Float32
    level: Float32
    offset: Float32


class PaneSamples(NamedTuple):
    """Samples of one call: asset row, time, pane and kind (n,) of each, and its values (n, S)."""

    row: Int64
    time_ms: Int64
    pane: Int64
    kind: Int64
    values: Float32


class Emitted(NamedTuple):
    """Room for the windows of one call: asset row, last pane, revision and vector of each.

    ``counts`` are how many there are and how many samples the panes that closed should have had; ``missing``
    (S,) is how many values of these were missing.
    """

    row: Int64
    pane: Int64
    revision: Int32
    values: Float32
    counts: Int64
    missing: Int64


def plan_of(
    fleet: Fleet, schema: FeatureLayout, expectation: AppliedExpectation, emit_s: int | None = None
) -> KernelLayout:
    """Return the plan of a fleet; ``emit_s``: emit only windows whose end is a multiple of it."""
    sampling = fleet.sampling
    hop_s = sampling.hop_s
    lengths = np.array([w // hop_s for w in sampling.windows_s], np.int64)
    computed = schema.channels > len(fleet.points)
    long = np.array([w // hop_s for w in sampling.long_windows_s if computed], np.int64)
    kept = max(2, -(-sampling.lateness_s // hop_s) + 1)  # the pane that closed last is still looked at
    both = np.append(lengths, long)
    exact, group = _cut(both)
    stuck = max((s.stuck_s or 0) // hop_s for s in fleet.sensors)
    ring = int(max(both[both <= exact].max(initial=1), group, stuck)) + kept
    long_blocks = max(int(both.max()) + kept, ring) // group + 2
    return KernelLayout(
        hop_ms=hop_s * 1000,
        period_ms=sampling.period_ms,
        lateness_ms=sampling.lateness_s * 1000,
        slots=hop_s * 1000 // sampling.period_ms,
        kept=kept,
        ring=ring,
        group=group,
        blocks=(int(lengths[-1]) + kept) // group + 2,
        long_blocks=long_blocks,
        reach=long_blocks * group,
        exact=exact,
        sensors=len(fleet.sensors),
        points=len(fleet.points),
        channels=schema.channels,
        features=len(schema.names),
        emit_panes=(emit_s or hop_s) // hop_s,
        hops_per_day=_DAY_S / hop_s,
        lengths=lengths,
        long=long,
        program=schema.program,
        formulas=expectation.formulas,
        normal=expectation.normal,
    )


def _cut(lengths: Int64) -> tuple[int, int]:
    """Return the longest exact window, and the panes of a block: a sixth of the shortest beyond it.

    So panes are remembered for a short time alone, and a longer window is longer than it says by less than a
    sixth. If all are short, blocks only save steps.
    """
    beyond = lengths[lengths > _EXACT_PANES]
    if not len(beyond):
        return int(lengths.max()), max(2, math.isqrt(int(lengths.max())))
    return _EXACT_PANES, max(2, int(beyond.min()) // 6)


def allocate(
    plan: KernelLayout, capacity: int, names: Sequence[str] = Memory._fields
) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays for ``capacity`` assets that have never been heard of."""
    return {name: _MAKERS[name](plan, capacity) for name in names}


def samples_of(plan: KernelLayout, row: Int64, time_ms: Int64) -> PaneSamples:
    """Return samples with room for what is still to be told of them."""
    n = len(row)
    values = np.empty((n, plan.sensors), np.float32)
    return PaneSamples(row, time_ms, np.empty(n, np.int64), np.empty(n, np.int64), values)


def room(windows: int, plan: KernelLayout) -> Emitted:
    """Return room for ``windows`` windows."""
    return Emitted(
        np.empty(windows, np.int64),
        np.empty(windows, np.int64),
        np.empty(windows, np.int32),
        np.empty((windows, plan.features), np.float32),
        np.zeros(2, np.int64),
        np.zeros(plan.sensors, np.int64),
    )


def _slots(plan: KernelLayout, capacity: int) -> Float32:
    return np.full((capacity, plan.kept, plan.slots, plan.sensors), np.nan, np.float32)


def _slot_ms(plan: KernelLayout, capacity: int) -> Int32:
    return np.full((capacity, plan.kept, plan.slots, plan.sensors), NOTHING, np.int32)


def _own(plan: KernelLayout, capacity: int) -> Float32:
    return np.zeros((capacity, *plan.normal.sigma.shape), np.float32)


def _n(plan: KernelLayout, capacity: int) -> npt.NDArray[Any]:
    return np.zeros((capacity, plan.ring, plan.channels), np.min_scalar_type(plan.slots))


def _stats(plan: KernelLayout, capacity: int) -> Float32:
    out = np.zeros((capacity, plan.ring, STATS, plan.channels), np.float32)
    out[:, :, MIN], out[:, :, MAX] = np.inf, -np.inf
    return out


def _block(plan: KernelLayout, capacity: int) -> Float32:
    out = np.zeros((capacity, plan.blocks, BLOCK, plan.channels), np.float32)
    out[:, :, B_MIN], out[:, :, B_MAX] = np.inf, -np.inf
    return out


def _long(plan: KernelLayout, capacity: int) -> Float32:
    out = np.zeros((capacity, plan.long_blocks, 3, plan.channels - plan.points), np.float32)
    out[:, :, LONG_MAX] = -np.inf
    return out


_MAKERS: dict[str, Any] = {
    "at": lambda _, capacity: np.zeros(capacity, np.int64),
    "first": lambda _, capacity: np.zeros(capacity, np.int64),
    "max_ms": lambda _, capacity: np.full(capacity, NEVER, np.int64),
    "is_open": lambda _, capacity: np.zeros(capacity, bool),
    "slots": _slots,
    "slot_ms": _slot_ms,
    "revision": lambda plan, capacity: np.zeros((capacity, plan.kept), np.int32),
    "n": _n,
    "stats": _stats,
    "block": _block,
    "long": _long,
    "level": _own,
    "offset": _own,
}
