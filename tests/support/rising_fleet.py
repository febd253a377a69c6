"""A made-up fleet to learn from: its one telling sensor rises two days before every shutdown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.fleet.sampling import Sampling
from models.fleet.training import Training
from models.learning.fitting import Fitted, fit
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.registry.bundle import write_bundle
from models.telemetry.samples import Event, Samples, TimeSlice
from tests.support.toy_fleet import fleet_of

HOUR_MS = 3_600_000
DAYS, UNTIL = 120, 90
ASSETS = tuple(f"a{i:02d}" for i in range(20))


def fleet(share: float = 0.25, daily_share: float | None = None) -> Fleet:
    return replace(
        fleet_of(),
        sampling=Sampling(period_s=7200, hop_s=21_600, windows_s=(21_600, 86_400)),
        horizons_d=(1.0, 3.0),
        alerting=Alerting(horizon_d=3.0, false_alarms_per_asset_year=1.0, daily_share=daily_share),
        training=Training(rounds=30, parameters={"num_leaves": 4}, calibration_share=share),
    )


def ignore(step: str, share: float) -> None:
    """Show no progress."""


def made_trips(seed: int) -> dict[str, list[int]]:
    """Return the four days on which each machine shuts down."""
    rng = np.random.default_rng(seed)
    return {a: sorted(rng.choice(np.arange(4, DAYS), 4, replace=False).tolist()) for a in ASSETS}


def logged(trips: dict[str, list[int]]) -> list[Event]:
    return sorted(Event(day * DAY_MS + 1, a, "shutdown") for a, days in trips.items() for day in days)


TRIPS = made_trips(1)
EVENTS = logged(TRIPS)


def slices(events: list[Event], rise: float = 10.0) -> list[TimeSlice]:
    """Return one slice a day; sensor s0 rises in the two days before ``TRIPS``, whatever was logged."""
    rng, out = np.random.default_rng(2), []
    for day in range(DAYS):
        start_ms, end_ms = day * DAY_MS, (day + 1) * DAY_MS
        time_ms = np.repeat(start_ms + np.arange(0, 24, 2) * HOUR_MS, len(ASSETS))
        asset = np.tile(np.arange(len(ASSETS), dtype=np.int32), 12)
        values = rng.normal(20, 2, (len(asset), 2)).astype(np.float32)
        near = [any(0 < trip - day <= 2 for trip in TRIPS[a]) for a in ASSETS]
        values[:, 0] += rise * np.array(near, np.float32)[asset]
        inside = tuple(e for e in events if start_ms <= e.time_ms < end_ms)
        restarts = tuple(Event(e.time_ms + HOUR_MS, e.asset, "restart") for e in inside)
        out.append(TimeSlice(start_ms, end_ms, Samples(ASSETS, asset, time_ms, values), inside + restarts))
    return out


def plan(toy: Fleet | None = None, **changes: Any) -> TrainingPlan:
    """Return the plan to learn from all days up to ``UNTIL``."""
    return replace(TrainingPlan(fleet=toy or fleet(), start_ms=0, until_ms=UNTIL * DAY_MS, seed=7), **changes)


def fitted(parts: list[TimeSlice], toy: Fleet, **changes: Any) -> Fitted:
    return fit(plan(toy, **changes), History(toy, parts), ignore)


def written(found: Fitted, folder: Path) -> dict[str, bytes]:
    lineage = {"dataset_sha256": found.dataset_sha256}
    write_bundle(folder, found.models, found.expectation, fleet="toy", metrics=found.metrics, lineage=lineage)
    return {path.name: path.read_bytes() for path in folder.iterdir()}
