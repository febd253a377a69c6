"""Means of six running hours, and the hourly sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.fleet.fleet import load_fleet
from models.telemetry.samples import Samples, TimeSlice
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.validation.survey import running, survey

FLEETS = Path(__file__).parents[3] / "fleets"
FLEET = load_fleet(FLEETS / "chiller.toml")
LOAD = FLEET.keys.index("motor_load")


def day(motor_load: list[float]) -> TimeSlice:
    """Return a day of one machine, hourly, every sensor reading 1."""
    values = np.ones((24, len(FLEET.keys)), np.float32)
    values[:, LOAD] = motor_load
    time_ms = np.arange(24) * 3_600_000
    return TimeSlice(0, 86_400_000, Samples(("CH-0001",), np.zeros(24, np.int32), time_ms, values))


def test_a_mean_is_over_the_running_samples_alone_and_missing_without_any() -> None:
    seen = survey([day([0.0] * 6 + [0.0, 40.0, 60.0, 0.0, 0.0, 0.0] + [50.0] * 12)], FLEET)
    np.testing.assert_array_equal(seen.means[0, :, LOAD], [np.nan, 50.0, 50.0, 50.0])
    assert (seen.start_ms, seen.end_ms.tolist()) == (0, [h * 3_600_000 for h in (6, 12, 18, 24)])


def test_a_stopped_machine_has_no_running_reading() -> None:
    rows = running(day([0.0] * 12 + [50.0] * 12).samples.values, FLEET)
    assert np.isnan(rows[:12]).all()
    assert np.isfinite(rows[12:]).all()


def test_a_run_is_surveyed_whole_and_every_seventh_day_is_sampled() -> None:
    demo = load_scenario(FLEETS / "scenarios" / "demo.toml")
    run = Simulation(replace(demo, assets=3, days=8), FLEET)
    seen = survey(run.slices(), FLEET)
    assert seen.means.shape == (3, 32, len(FLEET.keys))
    assert len(seen.sample) == len(seen.hour) == 2 * 3 * 96
    assert set(seen.hour.tolist()) == set(range(24))
    assert seen.asset_years == pytest.approx(24 / 365.25)
