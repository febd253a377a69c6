"""What the kernel remembers, as arrays: how large they are, and what one asset costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.features.panes import B_MAX, B_MIN, BLOCK, MAX, MIN, STATS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Int32, Int64

NEVER = np.iinfo(np.int64).min
_DAY_S = 86_400


class KernelLayout(NamedTuple):
    """The numbers of a fleet that the compiled steps need; ``lengths`` (W,) are windows in panes, rising.

    ``slots`` samples a pane, ``kept`` panes that late samples may still change, ``ring`` panes in all,
    ``blocks`` blocks of ``group`` panes. A channel is a sensor, a residual, or how near a trip is.
    """

    hop_ms: int
    period_ms: int
    lateness_ms: int
    slots: int
    kept: int
    ring: int
    group: int
    blocks: int
    sensors: int
    channels: int
    features: int
    emit_panes: int
    hops_per_day: float
    lengths: Int64


class Memory(NamedTuple):
    """One row per asset. ``at`` is its last closed pane; pane ``at + 1`` holds samples where ``is_open``.

    ``first`` is its first pane, ``max_ms`` its newest event time. ``slots`` and ``slot_ms`` are the samples
    of the kept panes and their times, at ``pane % kept``, as is ``revision``; ``n`` and ``stats`` are the
    closed panes at ``pane % ring``, ``block`` the blocks at ``number % blocks``.
    """

    at: Int64
    first: Int64
    max_ms: Int64
    is_open: npt.NDArray[np.bool_]
    slots: Float32
    slot_ms: Int64
    revision: Int32
    n: npt.NDArray[Any]
    stats: Float32
    block: Float32


class PaneSamples(NamedTuple):
    """Samples of one call: asset row, time, pane and kind (n,) of each, and its values (n, C)."""

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


def plan_of(fleet: Fleet, features: int, channels: int, emit_s: int | None = None) -> KernelLayout:
    """Return the plan of a fleet; ``emit_s``: emit only windows whose end is a multiple of it."""
    sampling = fleet.sampling
    hop_s = sampling.hop_s
    lengths = np.array([w // hop_s for w in sampling.windows_s], np.int64)
    kept = max(2, -(-sampling.lateness_s // hop_s) + 1)  # the pane that closed last is still looked at
    group = max(2, math.isqrt(int(lengths[-1])))
    return KernelLayout(
        hop_ms=hop_s * 1000,
        period_ms=sampling.period_ms,
        lateness_ms=sampling.lateness_s * 1000,
        slots=hop_s * 1000 // sampling.period_ms,
        kept=kept,
        ring=int(lengths[-1]) + kept,
        group=group,
        blocks=(int(lengths[-1]) + kept) // group + 1,
        sensors=len(fleet.sensors),
        channels=channels,
        features=features,
        emit_panes=(emit_s or hop_s) // hop_s,
        hops_per_day=_DAY_S / hop_s,
        lengths=lengths,
    )


def allocate(
    plan: KernelLayout, capacity: int, names: Sequence[str] = Memory._fields
) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays for ``capacity`` assets that have never been heard of."""
    return {name: _MAKERS[name](plan, capacity) for name in names}


def samples_of(plan: KernelLayout, row: Int64, time_ms: Int64) -> PaneSamples:
    """Return samples with room for what is still to be told of them."""
    n = len(row)
    values = np.empty((n, plan.channels), np.float32)
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
    return np.full((capacity, plan.kept, plan.slots, plan.channels), np.nan, np.float32)


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


_MAKERS: dict[str, Any] = {
    "at": lambda _, capacity: np.zeros(capacity, np.int64),
    "first": lambda _, capacity: np.zeros(capacity, np.int64),
    "max_ms": lambda _, capacity: np.full(capacity, NEVER, np.int64),
    "is_open": lambda _, capacity: np.zeros(capacity, bool),
    "slots": _slots,
    "slot_ms": lambda plan, capacity: np.full((capacity, plan.kept, plan.slots), NEVER, np.int64),
    "revision": lambda plan, capacity: np.zeros((capacity, plan.kept), np.int32),
    "n": _n,
    "stats": _stats,
    "block": _block,
}
