"""What the compiled steps are told: the numbers of a fleet, the samples of a call, and room for windows."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from models.features.expectation import AppliedExpectation
from models.features.kinds import PARTS, Kinds, kinds_of
from models.features.normal import Formulas, Normal
from models.fleet.fleet import Fleet
from models.fleet.sampling import EXACT_PANES
from models.telemetry.samples import Float32, Int32, Int64

NEVER = np.iinfo(np.int64).min
_DAY_S = 86_400
NOTHING, HEARD = -1, -2  # in place of the time of a reading


class FeatureLayout(Protocol):
    """What the kernel has to know of a feature vector."""

    names: tuple[str, ...]
    channels: int
    awake: int
    program: Int64


class KernelLayout(NamedTuple):
    """The numbers of a fleet that the compiled steps need; ``lengths`` (W,) are windows in panes, rising.

    ``slots`` samples a pane, ``kept`` panes that late samples may still change, ``ring`` panes in all,
    ``blocks`` blocks of ``group`` panes. A window of more than ``exact`` panes begins with a block. The first
    ``sensors`` channels are read, from ``columns`` of a sample, those up to ``points`` come of them, the
    others are computed with the expectation: of these alone ``long_blocks`` blocks are remembered for the
    windows ``long`` (L,) and for those of ``running`` (R,) panes in which the machine ran, which look back
    ``farthest`` panes at most: it ran in the samples of the channel ``awake``. Nothing is remembered of what
    lies more than ``reach`` panes back.
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
    columns: int
    points: int
    channels: int
    awake: int
    farthest: int
    features: int
    emit_panes: int
    hops_per_day: float
    lengths: Int64
    long: Int64
    running: Int64
    program: Int64
    formulas: Formulas
    normal: Normal
    kinds: Kinds


class PaneSamples(NamedTuple):
    """Samples of one call: asset row, time, pane, slot of it and kind (n,) of each, and its values (n, S)."""

    row: Int64
    time_ms: Int64
    pane: Int64
    slot: Int64
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
    sampling, hop_s = fleet.sampling, fleet.sampling.hop_s
    computed = schema.channels > len(fleet.points)
    lengths = np.array([w // hop_s for w in sampling.windows_s], np.int64)
    long = np.array([w // hop_s for w in sampling.long_windows_s if computed], np.int64)
    running = np.array([w // hop_s for w in sampling.running_windows_s if schema.awake >= 0], np.int64)
    kinds = kinds_of(fleet)
    return KernelLayout(
        hop_ms=hop_s * 1000,
        period_ms=sampling.period_ms,
        lateness_ms=sampling.lateness_s * 1000,
        slots=hop_s * 1000 // sampling.period_ms,
        **_remembered(fleet, lengths, np.append(long, running)),
        sensors=len(fleet.sensors),
        columns=len(fleet.sensors) + PARTS * int((kinds.part >= 0).sum()),
        points=len(fleet.points),
        channels=schema.channels,
        awake=schema.awake,
        farthest=int(np.append(lengths, long).max()),
        features=len(schema.names),
        emit_panes=(emit_s or hop_s) // hop_s,
        hops_per_day=_DAY_S / hop_s,
        lengths=lengths,
        long=long,
        running=running,
        program=schema.program,
        formulas=expectation.formulas,
        normal=expectation.normal,
        kinds=kinds,
    )


def _remembered(fleet: Fleet, lengths: Int64, long: Int64) -> dict[str, int]:
    """Return how many panes and blocks have to be remembered for windows of these ``lengths`` in panes."""
    hop_s, both = fleet.sampling.hop_s, np.append(lengths, long)
    kept = max(2, -(-fleet.sampling.lateness_s // hop_s) + 1)  # the pane that closed last is still looked at
    exact, group = _cut(both)
    stuck = max((s.stuck_s or 0) // hop_s for s in fleet.sensors)
    ring = int(max(both[both <= exact].max(initial=1), group, stuck)) + kept
    long_blocks = max(int(both.max()) + kept, ring) // group + 2
    return {
        "kept": kept,
        "ring": ring,
        "group": group,
        "blocks": (int(lengths[-1]) + kept) // group + 2,
        "long_blocks": long_blocks,
        "reach": long_blocks * group,
        "exact": exact,
    }


def _cut(lengths: Int64) -> tuple[int, int]:
    """Return the longest exact window, and the panes of a block: a sixth of the shortest beyond it.

    So panes are remembered for a short time alone, and a longer window is longer than it says by less than a
    sixth. If all are short, blocks only save steps.
    """
    beyond = lengths[lengths > EXACT_PANES]
    if not len(beyond):
        return int(lengths.max()), max(2, math.isqrt(int(lengths.max())))
    return EXACT_PANES, max(2, int(beyond.min()) // 6)


def samples_of(plan: KernelLayout, row: Int64, time_ms: Int64) -> PaneSamples:
    """Return samples with room for what is still to be told of them."""
    n = len(row)
    values = np.empty((n, plan.columns), np.float32)
    pane, slot, kind = np.empty((3, n), np.int64)
    return PaneSamples(row, time_ms, pane, slot, kind, values)


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
