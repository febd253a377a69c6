"""Sixty machines that are soon simulated: a telling sensor, two kinds of machines, and a recalibration.

Sensor ``s0`` rises by ten in the two days before every shutdown. ``s1`` tells old machines (30) from young
ones (20): of the old each shuts down some thirty days after the last time, of the young none does. From the
drift on both sensors of every machine read twelve less, as after an update of their gateways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.fleet.sampling import Sampling
from models.fleet.training import Training
from models.telemetry.samples import Event, Samples, TimeSlice
from tests.support.toy_fleet import fleet_of

HOUR_MS = 3_600_000
START_DAY = 20_000
OLD, YOUNG = 40, 20
ASSETS = tuple(f"m{i:02d}" for i in range(OLD + YOUNG))
EVERY_DAYS, WARNING_DAYS = 30, 2
RISE, SHIFT = 10.0, 12.0


@dataclass(frozen=True)
class Story:
    """When what happens, in days: history that the first model learns from, drift, and end."""

    history: int = 60
    drift: int = 90
    days: int = 210
    seed: int = 1

    def ms(self, day: int) -> int:
        """Return the beginning of a day."""
        return (START_DAY + day) * DAY_MS


def drifting_fleet() -> Fleet:
    """Return what the fleet is; its windows are of six hours and a day, its alerts look three days ahead."""
    return replace(
        fleet_of(lateness_s=0),
        sampling=Sampling(period_s=7200, hop_s=21_600, windows_s=(21_600, 86_400)),
        horizons_d=(1.0, 3.0),
        alerting=Alerting(horizon_d=3.0, false_alarms_per_asset_year=4.0),
        training=Training(
            rounds=20,
            calibration_share=0.25,
            parameters={"num_leaves": 4, "num_threads": 1, "max_bin": 63},
        ),
    )


def shutdowns(story: Story) -> dict[str, list[int]]:
    """Return the days on which each machine shuts down."""
    rng, found = np.random.default_rng(story.seed), {}
    for name in ASSETS[:OLD]:
        day, days = int(rng.integers(3, EVERY_DAYS)), []
        while day < story.days:
            days.append(day)
            day += int(rng.integers(EVERY_DAYS // 2, EVERY_DAYS * 3 // 2))
        found[name] = days
    return found


def slices(story: Story, from_day: int = 0, until_day: int | None = None) -> Iterator[TimeSlice]:
    """Yield one slice a day: both sensors every two hours, and the shutdowns with their restarts."""
    trips = shutdowns(story)
    kind = np.repeat([30.0, 20.0], [OLD, YOUNG]).astype(np.float32)
    for day in range(story.days if until_day is None else until_day):
        rng = np.random.default_rng([story.seed, day])
        start_ms = story.ms(day)
        asset = np.tile(np.arange(len(ASSETS), dtype=np.int32), 12)
        time_ms = np.repeat(start_ms + np.arange(0, 24, 2) * HOUR_MS, len(ASSETS))
        values = rng.normal(0, 2, (len(asset), 2)).astype(np.float32)
        near = [any(0 < trip - day <= WARNING_DAYS for trip in trips.get(name, ())) for name in ASSETS]
        values[:, 0] += 20.0 + RISE * np.array(near, np.float32)[asset]
        values[:, 1] += kind[asset]
        values -= np.float32(SHIFT if day >= story.drift else 0.0)
        happened = [Event(start_ms + 1, name, "shutdown") for name, days in trips.items() if day in days]
        restarts = [Event(start_ms + HOUR_MS + 1, e.asset, "restart") for e in happened]
        if day >= from_day:
            events = tuple(sorted(happened + restarts))
            yield TimeSlice(start_ms, start_ms + DAY_MS, Samples(ASSETS, asset, time_ms, values), events)
