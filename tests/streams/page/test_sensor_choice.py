from __future__ import annotations

import pytest

from models.event_time import DAY_MS
from streams.page.sensor_choice import Choice, behind, series_of
from streams.stores.reading_points import Day, Reading
from tests.support.page import FLEET

KEYS = FLEET.point_keys


def reason(key: str, value: float | None = 1.0) -> dict[str, object]:
    return {"key": key, "value": value, "baseline": 0.5}


def days(**last: float) -> list[Day]:
    """Return three days of sensors that are usual at 0, and on the last two read what is given."""
    calm = {key: Reading(0.0, 0.0, 1.0) for key in last}
    away = {key: Reading(value, 0.0, 1.0) for key, value in last.items()}
    return [(DAY_MS, calm), (2 * DAY_MS, away), (3 * DAY_MS, away)]


def test_a_choice_is_kept_in_the_order_of_the_fleet_and_asked_for_again() -> None:
    choice = Choice.of(["oil_sump_temp", "", "bearing_temp", "bearing_temp"], FLEET)
    assert set(choice.keys) == {"oil_sump_temp", "bearing_temp"}
    assert list(choice.keys) == sorted(choice.keys, key=KEYS.index)
    assert Choice.of(["bearing_temp"], FLEET).query(30) == "?days=30&sensor=bearing_temp"
    assert Choice.of(["all", "bearing_temp"], FLEET).query(7) == "?days=7&sensor=all"
    assert Choice.of([], FLEET).query(7) == "?days=7"


def test_a_sensor_that_the_fleet_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="sensor = '<nobody>': expected all, or a key of the fleet"):
        Choice.of(["<nobody>"], FLEET)


def test_readings_take_the_place_of_reasons_and_reasons_that_of_days_without() -> None:
    told = [(DAY_MS, [reason("bearing_temp", 7.0)]), (9 * DAY_MS, [reason("bearing_temp", 8.0)])]
    found = series_of(FLEET, days(bearing_temp=3.0, nobody=1.0), told, "a day")
    assert list(found) == ["bearing_temp"]
    assert [(t // DAY_MS, one.value) for t, one in found["bearing_temp"].days] == [
        (1, 0.0),
        (2, 3.0),
        (3, 3.0),
        (9, 8.0),
    ]
    assert found["bearing_temp"].days[-1][1] == Reading(8.0, 0.5)


def test_the_newest_reasons_come_first_then_those_named_last_then_those_that_depart_furthest() -> None:
    series = series_of(
        FLEET,
        days(bearing_temp=0.0, oil_sump_temp=0.0, cond_approach=2.5, evap_approach=-9.0, cw_flow=1.0),
        (),
        "",
    )
    told = [(DAY_MS, [reason("oil_sump_temp"), reason("nobody", None)])]
    found = behind(series, told, ["bearing_temp"])
    assert found == ["bearing_temp", "oil_sump_temp", "evap_approach", "cond_approach"]


def test_a_sensor_that_departs_on_the_last_day_alone_is_not_behind_a_risk() -> None:
    series = series_of(FLEET, days(bearing_temp=9.0)[::2], (), "")
    assert series["bearing_temp"].departed_ms == 3 * DAY_MS
    assert behind(series, ()) == []
