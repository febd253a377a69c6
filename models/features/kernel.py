"""The one feature kernel: telemetry in, windowed features out, for training and for the stream alike.

Event time is cut into panes of one hop, half-open [start, end). A pane keeps the last reading of each sensor
and sampling period while it may still change; then five numbers a channel remain. A window is folded from its
panes, and from blocks of panes, in an order that depends only on the index of its last pane, so that its
value is the same bit for bit however the samples arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.features.arrivals import FRESH, LATE, TOO_LATE, prepare, room_for
from models.features.demand import rows_for, rows_to_close
from models.features.expectation import AppliedExpectation, Expectation, Fold, identity_of
from models.features.kinds import columns_of, wide_limits
from models.features.memory import KernelState
from models.features.schema import FeatureSchema
from models.features.state import Emitted, PaneSamples, plan_of, room, samples_of
from models.features.steps import close_all, correct, take_fresh
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Int32, Int64, Samples, limits
from models.telemetry.window_keys import WindowKeys


@dataclass(frozen=True, slots=True)
class Windows(WindowKeys):
    """Features ``values`` (n, F) of ``n`` windows.

    A window that late samples corrected comes again with a higher ``revision`` (n,).
    """

    assets: tuple[str, ...]
    asset: Int32
    revision: Int32
    values: Float32


@dataclass(slots=True)
class KernelCounts:
    """What the kernel saw: counts of samples, and per sensor (S,) of values.

    ``expected`` counts the samples that closed panes should have had, ``missing`` what of them had no value.
    """

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

    def add(self, other: KernelCounts) -> None:
        """Add another tally to this one."""
        self.samples += other.samples
        self.late += other.late
        self.too_late += other.too_late
        self.duplicates += other.duplicates
        self.expected += other.expected
        self.implausible += other.implausible
        self.missing += other.missing


class Kernel:
    """Windowed features of one fleet.

    `step` and `close` take a state, change it in place and return windows: they know no clock and no broker.
    """

    def __init__(
        self,
        fleet: Fleet,
        expectation: Expectation | None = None,
        emit_s: int | None = None,
        folds: Sequence[Fold] = (),
    ) -> None:
        """``emit_s``: emit only windows whose end is a multiple of it; training needs no more.

        ``folds`` stand for the expectation on the days that it was fitted on.
        """
        self.expectation = AppliedExpectation(fleet, expectation, folds)
        self.schema = FeatureSchema(fleet, identity_of(expectation))
        self.sensors = len(fleet.sensors)
        none = np.empty(0, np.int64)
        width = np.empty((0, len(self.schema)), np.float32)
        self._nothing = Windows((), none.astype(np.int32), none, none.astype(np.int32), width)
        self.plan = plan_of(fleet, self.schema, self.expectation, emit_s)
        self.limits = limits(fleet.sensors)
        self._nothing_wrong = np.zeros(self.plan.columns, np.int64)
        self._wide_limits = wide_limits(self.limits, self.plan.kinds)

    def start(self) -> KernelState:
        """Return the state before the first sample."""
        return KernelState(self.plan, self.expectation)

    def step(self, state: KernelState, samples: Samples) -> tuple[Windows, KernelCounts]:
        """Take in samples of any assets in any order; return the windows they closed or corrected.

        The result depends on the sequence of calls, not on the order of rows within one.
        Raises ValueError if the number of sensors differs from the fleet's.
        """
        if samples.values.shape[1] != self.sensors:
            raise ValueError(f"{samples.values.shape[1]} values a sample, expected {self.sensors}")
        tally = KernelCounts(self.sensors, samples=len(samples))
        row = state.rows(samples.assets)[samples.asset]
        pane_samples = samples_of(self.plan, row, samples.time_ms)
        read, wrong = columns_of(samples.values, self.plan.kinds, self.limits), self._nothing_wrong.copy()
        ordered = prepare(self.plan, state.memory, read, self._wide_limits, pane_samples, wrong)
        tally.implausible += wrong[: self.sensors]
        order = np.arange(len(row)) if ordered else np.lexsort((samples.time_ms, row))
        return self._take(state, pane_samples, order, tally), tally

    def _take(self, state: KernelState, samples: PaneSamples, order: Int64, tally: KernelCounts) -> Windows:
        plan = self.plan
        out = room(room_for(plan, state.memory, samples, order), plan)
        state.reserve(rows_for(plan, state.memory, samples, order))
        memory = state.memory
        old = samples.kind[order]
        if old.any():
            tally.late, tally.too_late = int((old == LATE).sum()), int((old == TOO_LATE).sum())
            tally.duplicates += correct(plan, memory, samples, order[old == LATE], out)
            order = order[old == FRESH]
        tally.duplicates += take_fresh(plan, memory, samples, order, out)
        return self._windows(state, out, tally)

    def close(self, state: KernelState, watermark_ms: int) -> tuple[Windows, KernelCounts]:
        """Close every pane that ends at or before ``watermark_ms``, also of assets that fell silent."""
        known, tally = len(state.assets), KernelCounts(self.sensors)
        ends = (state.memory.at[:known] + 2) * self.plan.hop_ms
        due = np.flatnonzero(state.memory.is_open[:known] & (ends <= watermark_ms))
        out = room(len(due), self.plan)
        state.reserve(rows_to_close(self.plan, state.memory, due))
        close_all(self.plan, state.memory, due, out)
        return self._windows(state, out, tally), tally

    def _windows(self, state: KernelState, out: Emitted, tally: KernelCounts) -> Windows:
        n = int(out.counts[0])
        if out.counts[1]:
            tally.expected += int(out.counts[1])
            tally.missing += out.missing
        if not n:
            return self._nothing
        named, asset = np.unique(out.row[:n], return_inverse=True)
        return Windows(
            tuple(state.assets[i] for i in named.tolist()),
            asset.astype(np.int32),
            (out.pane[:n] + 1) * self.plan.hop_ms,
            out.revision[:n],
            out.values[:n],
        )
