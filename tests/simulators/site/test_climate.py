"""The outdoor air follows season, day and heat wave, and is never drier than saturation allows."""

from datetime import date

import numpy as np
import pytest

from models.telemetry.samples import Float64
from simulators.clock import Clock
from simulators.site.climate import Climate, Persistent, Weather

CLOCK = Clock(date(2025, 1, 1), 3600)
STILL = Climate(name="still", wet_bulb_mean_c=12.0, season_k=8.0, day_k=1.5, weather_k=0.0)


def wet_bulb(climate: Climate, days: int, seed: int = 1) -> Float64:
    weather = Weather([climate], np.zeros(3, int), np.random.default_rng(0), np.random.default_rng(seed))
    return np.array([weather.day(CLOCK, d).wet_bulb_c for d in range(days)])


def test_summer_is_warmer_than_winter_by_twice_the_seasons_amplitude() -> None:
    daily = wet_bulb(STILL, 365).mean(axis=(1, 2))
    assert daily.max() - daily.min() == pytest.approx(16.0, abs=0.1)
    assert int(np.argmax(daily)) + 1 == pytest.approx(STILL.hottest_day, abs=2)


def test_a_heat_wave_warms_its_days_and_no_others() -> None:
    wave = Climate(
        name="wave", wet_bulb_mean_c=12.0, season_k=8.0, day_k=1.5, weather_k=0.0,
        heat_wave_start_day=5, heat_wave_days=4, heat_wave_k=6.0,
    )  # fmt: skip
    warmer = (wet_bulb(wave, 12) - wet_bulb(STILL, 12)).max(axis=(1, 2))
    assert (warmer[:5] == 0).all()
    assert (warmer[9:] == 0).all()
    assert warmer.max() == pytest.approx(6.0)


def test_dry_bulb_is_never_below_wet_bulb() -> None:
    climate = Climate(name="still", wet_bulb_mean_c=12.0, season_k=8.0, day_k=3.0, weather_k=4.0)
    weather = Weather([climate], np.zeros(20, int), np.random.default_rng(0), np.random.default_rng(1))
    air = [weather.day(CLOCK, d) for d in range(60)]
    assert all((a.dry_bulb_c > a.wet_bulb_c).all() for a in air)


def test_the_region_is_shared_and_the_sites_differ() -> None:
    climate = Climate(name="still", wet_bulb_mean_c=12.0, season_k=0.0, day_k=0.0, weather_k=3.0)
    here, there = wet_bulb(climate, 60, seed=1), wet_bulb(climate, 60, seed=2)
    assert not np.array_equal(here, there)
    assert np.corrcoef(here[:, :, 0].ravel(), there[:, :, 0].ravel())[0, 1] > 0.5


def test_sites_have_the_weather_of_their_own_climate() -> None:
    arctic = Climate(name="arctic", wet_bulb_mean_c=-5.0, season_k=2.0, day_k=0.5, weather_k=1.0)
    tropic = Climate(name="tropic", wet_bulb_mean_c=25.0, season_k=1.0, day_k=2.0, weather_k=1.0)
    which = np.array([1, 0, 1])
    weather = Weather([arctic, tropic], which, np.random.default_rng(0), np.random.default_rng(1))
    days = np.concatenate([weather.day(CLOCK, d).wet_bulb_c for d in range(30)])
    assert days.mean(axis=0) == pytest.approx([25.0, -5.0, 25.0], abs=3.5)
    together, apart = np.corrcoef(days.T)[0, 2], np.corrcoef(days.T)[0, 1]
    assert together > apart


def test_persistent_noise_has_unit_variance_and_the_stated_correlation() -> None:
    noise = Persistent(np.random.default_rng(5), (2000,), 0.9)
    hours = noise.day(CLOCK)
    assert hours.std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(hours[10], hours[11])[0, 1] == pytest.approx(0.9, abs=0.03)
