"""A driver that a fault moves is named with the fault; one that weather or load moves is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.features.driver_shifts import RunningDays, driver_shifts, drivers_of_faults
from models.features.expectation_fit import RunningSamples
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice, Expected
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from tests.support.watched_fleet import watched

MACHINES, DAYS, START_DAY = 12, 200, 19_700
NAMES = tuple(f"a{i}" for i in range(MACHINES))


def fleet(*drivers: str) -> Fleet:
    advice = Advice(fault="a leak", sensors=("s0",), check="look", codes=("low",))
    return replace(
        watched(), expectation=(Expected(drivers=drivers, sensors=("s2",)),), advice=(advice,), rules=()
    )


def stops(code: str = "low") -> EventLog:
    return EventLog(
        Event((START_DAY + 100 + i) * DAY_MS, name, "shutdown", code) for i, name in enumerate(NAMES)
    )


def samples(moved_sd: float) -> RunningSamples:
    """Two samples a day: s1 follows the weather, s0 the weather and, in the week before a stop, the fault."""
    rng = np.random.default_rng(3)
    asset = np.repeat(np.arange(MACHINES, dtype=np.int32), 2 * DAYS)
    day = np.tile(np.repeat(np.arange(DAYS), 2), MACHINES)
    weather = rng.normal(size=DAYS)[day]
    noise = rng.normal(size=(MACHINES, DAYS))[asset, day]
    before = 100 + asset - day
    fault = moved_sd * ((before > 0) & (before <= 7))
    values = np.full((len(asset), 5), np.nan, np.float32)
    values[:, 1] = 20.0 + 2.0 * weather + asset
    values[:, 0] = 30.0 + weather + noise + fault + 3.0 * asset
    return RunningSamples(NAMES, asset, (START_DAY + day) * DAY_MS + 60_000, values)


def test_a_driver_that_stands_off_before_the_shutdowns_of_a_fault_is_named_with_it() -> None:
    shifts = {s.driver: s for s in driver_shifts(fleet("s0", "s1"), samples(5.0), stops())}
    assert shifts["s0"].is_moved
    assert (shifts["s0"].fault, shifts["s0"].shutdowns, shifts["s0"].others) == ("a leak", MACHINES, ("s1",))
    assert shifts["s0"].shift_sd == pytest.approx(5.0 / (1 + 25 * 7 / 200) ** 0.5, rel=0.25)


def test_a_driver_that_only_the_weather_moves_is_not() -> None:
    shifts = driver_shifts(fleet("s0", "s1"), samples(0.0), stops())
    assert [s.driver for s in shifts] == ["s0", "s1"]
    assert not any(s.is_moved for s in shifts)


def test_a_driver_alone_is_compared_with_its_machines_own_mean() -> None:
    (shift,) = driver_shifts(fleet("s0"), samples(8.0), stops("strange"))
    assert (shift.fault, shift.others, shift.is_moved) == ("strange", (), True)


def test_fewer_than_five_shutdowns_say_nothing() -> None:
    assert driver_shifts(fleet("s0", "s1"), samples(5.0), EventLog(list(stops())[:4])) == []


def test_a_day_is_the_mean_of_what_is_known_of_it_minus_the_machines_own() -> None:
    values = np.array([[1.0], [np.nan], [4.0], [7.0]], np.float32)
    sample = RunningSamples(
        ("a", "b"), np.array([0, 0, 0, 1], np.int32), np.array([0, 1, DAY_MS, 0], np.int64), values
    )
    days = RunningDays.of(sample, [0])
    assert days.asset.tolist() == [0, 0, 1]
    assert days.day.tolist() == [0, 1, 0]
    assert days.values[:, 0].tolist() == [-1.5, 1.5, 0.0]


def test_a_driver_on_which_a_fault_shows_is_named_without_any_recording() -> None:
    assert drivers_of_faults(fleet("s0", "s1")) == [("s0", "a leak")]
    assert drivers_of_faults(fleet("s1")) == []
