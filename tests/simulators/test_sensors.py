"""Instruments publish what the fleet file lists; starts are counted."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.errors import ConfigError
from models.fleet import Fleet, load_fleet
from simulators.sensors import POINTS, Sensors, StartCounter

FLEET = load_fleet(Path(__file__).parents[2] / "fleets" / "chiller.toml")


def with_sensors(count: int, **changes: str) -> Fleet:
    sensors = list(FLEET.sensors[:count])
    sensors[-1] = msgspec.structs.replace(sensors[-1], **changes)
    return msgspec.structs.replace(FLEET, sensors=tuple(sensors))


def test_every_sensor_of_the_chiller_fleet_is_a_point() -> None:
    assert {p.key for p in POINTS} == set(FLEET.keys)


def test_a_sensor_that_no_point_produces_is_refused_by_key() -> None:
    with pytest.raises(
        ConfigError, match=r"sensors\[3\]\.key = 'vibration': expected one of chw_leaving_temp"
    ):
        Sensors(with_sensors(4, key="vibration"), np.random.default_rng(0), 2)


def test_starts_are_counted_over_the_last_24_hours() -> None:
    counter = StartCounter(1)
    first, second = np.zeros((4, 1), bool), np.ones((4, 1), bool)
    first[[1, 3]] = True
    assert counter.day(first)[:, 0].tolist() == [0, 1, 1, 2]
    assert counter.day(second)[:, 0].tolist() == [2, 1, 1, 0]
