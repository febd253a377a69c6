"""Instruments publish what the fleet file lists."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ConfigError
from models.fleet.fleet import Fleet, load_fleet
from simulators.instruments.points import POINTS
from simulators.instruments.sensors import Sensors

FLEET = load_fleet(Path(__file__).parents[3] / "fleets" / "chiller.toml")


def with_sensors(count: int, **changes: Any) -> Fleet:
    sensors = list(FLEET.sensors[:count])
    sensors[-1] = replace(sensors[-1], **changes)
    return replace(FLEET, sensors=tuple(sensors))


def test_the_chiller_fleet_lists_the_seventy_points_of_the_catalogue_in_its_order() -> None:
    assert tuple(p.key for p in POINTS) == FLEET.keys
    assert len(POINTS) == 70


def test_people_are_told_a_reading_as_finely_as_its_point_is_published() -> None:
    measured = {s.key: s.step for s in FLEET.sensors if not s.state}
    assert measured == {p.key: p.resolution for p in POINTS if p.key in measured}


def test_every_point_that_is_on_or_off_or_a_code_has_words_for_its_state() -> None:
    wordless = [s.key for s in FLEET.sensors if "(1)" in s.label or "0 none" in s.label or "0 off" in s.label]
    assert wordless == [s.key for s in FLEET.sensors if s.state]


def test_every_sensor_has_a_brick_class() -> None:
    assert [s.key for s in FLEET.sensors if not s.brick] == []


def test_a_sensor_that_no_point_produces_is_refused_by_key() -> None:
    with pytest.raises(
        ConfigError, match=r"sensors\[3\]\.key = 'vibration': expected one of chw_leaving_temp"
    ):
        Sensors(with_sensors(4, key="vibration"), np.random.default_rng(0), 2)
