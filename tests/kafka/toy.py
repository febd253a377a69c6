"""A small fleet with everything that a stage can be asked for, and the models that score it.

Machines trip after a day and a half of rising s0 and falling s1, and restart. Two stay near tripping without
doing so, so that the level of their scores moves. Instruments are stuck, silent and out of range, and rows
come late, some too late.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.fleet.fleet import Fleet, parse_fleet
from models.learning.fitting import fit
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.registry.bundle import write_bundle
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Promotions, Role
from models.risk.model_set import ModelSet
from models.telemetry.samples import Event, Float32, Int64, Samples, TimeSlice
from tests.support.model_pools import divided

PARTITIONS, ASSETS, SENSORS = 4, 16, 6
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HOP_MS, HOPS = 4 * HOUR_MS, 324
PER_HOP = HOP_MS // HOUR_MS
START_MS = 1_700_000_000_000 // DAY_MS * DAY_MS
NAMES = tuple(f"a{i}" for i in range(ASSETS))
FIRST, RIVAL, SECOND = "1", "2", "3"
_STEADY_DAY = 30
_PRECURSOR_H = 36


@functools.cache
def fleet() -> Fleet:
    """Return a fleet of a few sensors and short windows."""
    sampling = {
        "period_s": 3600,
        "hop_s": HOP_MS // 1000,
        "windows_s": [14_400, 43_200, 86_400],
        "lateness_s": 28_800,
        "silent_s": 2 * 86_400,
    }
    limits = {"unit": "K", "low": -100.0, "high": 100.0, "stuck_s": 2 * 86_400}
    sensors = [{"key": f"s{i}", "label": f"s{i}", **limits} for i in range(SENSORS)]
    raw = {"name": "toy", "asset": "toy", "asset_pattern": "a[0-9]+", "outcome": "stop"}
    alerting = {"horizon_d": 1.0, "raise_count": 2, "of": 3, "cooldown_d": 0.5}
    parameters = {"num_leaves": 6, "min_data_in_leaf": 5, "num_threads": 1}
    training = {"rounds": 30, "cause_rounds": 5, "stride_s": 43_200, "parameters": parameters}
    tables = {"sampling": sampling, "alerting": alerting, "training": training}
    return parse_fleet({**raw, "horizons_d": [1.0, 2.0], **tables, "sensors": sensors}, "toy")


@dataclass(frozen=True)
class Telemetry:
    """Hourly rows (hours × assets): values, when each came, whether it came at all; and the events."""

    values: Float32
    arrival_ms: Int64
    kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    events: tuple[Event, ...]

    def slices(self) -> Iterator[TimeSlice]:
        """Yield a slice a hop."""
        hours = len(self.values)
        time_ms = np.repeat(START_MS + np.arange(hours) * HOUR_MS, ASSETS)
        asset = np.tile(np.arange(ASSETS, dtype=np.int32), hours)
        arrival_ms, values = self.arrival_ms.ravel(), self.values.reshape(-1, SENSORS)
        for start_ms in range(START_MS, START_MS + hours * HOUR_MS, HOP_MS):
            here = self.kept.ravel() & (arrival_ms >= start_ms) & (arrival_ms < start_ms + HOP_MS)
            rows = np.flatnonzero(here)
            rows = rows[np.argsort(arrival_ms[rows], kind="stable")]
            samples = Samples(NAMES, asset[rows], time_ms[rows], values[rows])
            events = tuple(e for e in self.events if start_ms <= e.time_ms < start_ms + HOP_MS)
            yield TimeSlice(start_ms, start_ms + HOP_MS, samples, events, arrival_ms[rows])


@functools.cache
def telemetry(seed: int = 7, hops: int = HOPS) -> Telemetry:
    """Return what the fleet sends."""
    rng, hours = np.random.default_rng(seed), hops * PER_HOP
    values = rng.normal(20, 3, (hours, ASSETS, SENSORS)).astype(np.float32)
    events = [event for asset in range(ASSETS) for event in _trips(values, asset, rng)]
    if seed == 7:
        _spoil(values)
    values[rng.random(values.shape) < 0.02] = np.nan
    late_h = rng.choice([0, 1, 3, 6, 30], (hours, ASSETS), p=[0.947, 0.02, 0.02, 0.01, 0.003])
    arrival_ms = START_MS + (np.arange(hours)[:, None] + late_h) * HOUR_MS + 60_000
    kept = (rng.random((hours, ASSETS)) > 0.02) & ~np.isnan(values).all(axis=2)
    return Telemetry(values, arrival_ms, kept, tuple(sorted(events)))


def _trips(values: Float32, asset: int, rng: np.random.Generator) -> Iterator[Event]:
    """Yield shutdowns and restarts of one machine, and change its values before and while it stands."""
    hours, at = len(values), int(rng.integers(60, 200))
    while at < hours - 10 and asset not in (1, 2):
        begin = max(at - _PRECURSOR_H, 0)
        ramp = np.linspace(0, 1, at - begin, dtype=np.float32)
        values[begin:at, asset, 0] += 25 * ramp
        values[begin:at, asset, 1] -= 15 * ramp
        values[at : at + 8, asset, 2] = 0
        yield Event(START_MS + at * HOUR_MS, f"a{asset}", "shutdown", "high-s0" if at % 2 else "low-s1")
        yield Event(START_MS + (at + 8) * HOUR_MS, f"a{asset}", "restart")
        at += int(rng.integers(150, 420))


def _spoil(values: Float32) -> None:
    """Move the level of two machines, and let instruments fail."""
    values[_STEADY_DAY * 24 :, 1:3, 0] += 25
    values[_STEADY_DAY * 24 :, 1:3, 1] -= 15
    values[200:400, 4, 3] = 21.5
    values[300:380, 5, 4] = np.nan
    values[350:360, 6, 5] = 150
    values[420:560, 7] = np.nan


@functools.cache
def models() -> dict[str, ModelSet]:
    """Return the versions, by name; the last has a model of its own for one machine."""
    first, rival, second = (_trained(seed, rounds) for seed, rounds in ((1, 30), (2, 10), (3, 40)))
    pack = Path(tempfile.mkdtemp(prefix="toy-")) / "segments.pack"
    return {FIRST: first, RIVAL: rival, SECOND: divided(second.fleet, first.fleet, pack, "a0")}


def _trained(seed: int, rounds: int) -> ModelSet:
    """Fit a model on another history of the fleet."""
    training = replace(fleet().training, rounds=rounds)
    history = History(fleet(), telemetry(100 + seed, HOPS).slices())
    until_ms = START_MS + HOPS * HOP_MS
    trained = replace(fleet(), training=training)
    plan = TrainingPlan(fleet=trained, start_ms=START_MS, until_ms=until_ms, seed=seed)
    return fit(plan, history, lambda *_: None).models


class Desk:
    """Promotes the versions under one home folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "bundles" / fleet().name
        self.promotions = Promotions(self.folder)
        self.sha256 = {
            version: write_bundle(self.folder / version, one, None, fleet="toy", metrics={}, lineage={})
            for version, one in models().items()
        }

    def promote(self, version: str, role: Role) -> Promotion:
        """Point the workers at a version."""
        promotion = Promotion(
            fleet="toy",
            version=version,
            role=role,
            sha256=self.sha256[version],
            reason="r",
            promoted_ms=1,
            number=self.promotions.next_number,
        )
        self.promotions.claim(promotion)
        self.promotions.enforce(role)
        return promotion

    def begin(self) -> None:
        """Promote the first champion and its challenger."""
        self.promote(FIRST, CHAMPION)
        self.promote(RIVAL, CHALLENGER)
