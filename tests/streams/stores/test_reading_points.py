from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.event_time import DAY_MS
from streams.records import Readings, Scores
from streams.stores.reading_points import Reading, reading_points, readings_of
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point, Store
from tests.support.stores import STORES, opened
from tests.support.sunk import NOON_MS, READINGS, scores


def wide(sensors: int) -> Scores:
    """Return scores of a machine with many sensors."""
    row = np.ones((1, sensors), np.float32)
    keys = tuple(f"a_sensor_with_a_name_of_forty_letters_{i:04d}" for i in range(sensors))
    return replace(scores(), readings=Readings(np.zeros(1, np.int32), keys, row, row, row))


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    return opened(request, tmp_path)


def test_a_day_is_a_point_of_its_machine_and_read_back_as_it_was_said(store: Store) -> None:
    (point,) = reading_points(replace(scores(), readings=READINGS))
    assert (point.measurement, point.tags, point.time_ms) == ("readings", {"asset": "b"}, NOON_MS)
    store.add([point])
    store.flush()
    ((end_ms, found),) = readings_of(store, "b", 0, NOON_MS + 1)
    assert end_ms == NOON_MS
    assert found == {"s0": Reading(61.235, 60.0, 0.5), "s1": Reading(3.0)}


def test_a_sensor_that_read_nothing_is_left_out_and_so_is_a_machine_of_which_nothing_was_read() -> None:
    nothing = replace(READINGS, value=np.full((1, 3), np.nan, np.float32))
    assert list(reading_points(replace(scores(), readings=nothing))) == []
    assert list(reading_points(scores())) == []


def corrected() -> Scores:
    """Return the scores as a late sample corrects them."""
    readings = replace(READINGS, value=np.full((1, 3), 9.0, np.float32))
    return replace(scores(), readings=readings, revision=np.array([0, 1], np.int32))


def test_what_a_late_sample_corrects_takes_the_place_of_what_was_said(store: Store) -> None:
    for said in (replace(scores(), readings=READINGS), corrected()):
        store.add(reading_points(said))
        store.flush()
    ((_, found),) = readings_of(store, "b", 0, NOON_MS + 1)
    assert {key: one.value for key, one in found.items()} == dict.fromkeys(("s0", "s1", "s2"), 9.0)


def test_what_was_said_before_does_not_come_back_in_the_embedded_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([*reading_points(corrected()), *reading_points(replace(scores(), readings=READINGS))])
    store.flush()
    ((_, found),) = readings_of(store, "b", 0, NOON_MS + 1)
    assert found["s0"].value == 9.0


def test_a_machine_has_its_own_days_in_the_order_of_time(store: Store) -> None:
    told = replace(scores(), readings=READINGS)
    days = [NOON_MS + day * DAY_MS for day in (2, 0, 1)]
    for end_ms in days:
        store.add(reading_points(replace(told, end_ms=np.full(2, end_ms))))
    store.flush()
    assert [end_ms for end_ms, _ in readings_of(store, "b", NOON_MS, NOON_MS + 2 * DAY_MS)] == sorted(days)[
        :2
    ]
    assert readings_of(store, "a", 0, NOON_MS + 3 * DAY_MS) == []


def test_more_sensors_than_a_text_of_a_store_can_hold_are_all_kept(store: Store) -> None:
    store.add(reading_points(wide(2000)))
    assert store.flush().rejected == ()
    ((_, found),) = readings_of(store, "a", 0, NOON_MS + 1)
    assert len(found) == 2000


def test_a_year_of_a_chiller_takes_less_room_than_its_scores(tmp_path: Path) -> None:
    store, rng = SqliteStore(tmp_path / "s.db"), np.random.default_rng(1)
    for day in range(365):
        numbers = (rng.normal(50.0, 9.0, (1, 75)).astype(np.float32) for _ in range(3))
        told = Readings(
            np.zeros(1, np.int32), tuple(f"sensor_of_a_name_{i:02d}" for i in range(75)), *numbers
        )
        at = np.full(2, NOON_MS + day * DAY_MS)
        store.add(reading_points(replace(scores(), end_ms=at, readings=told)))
    store.flush()
    store.close()
    assert (tmp_path / "s.db").stat().st_size < 2_000_000


@pytest.mark.parametrize("text", ["", "[1]", '{"s0": "x"}', '{"s0": [1.0]}', '{"s0": [null, 1, 1]}'])
def test_what_cannot_be_read_is_left_out(store: Store, text: str) -> None:
    store.add([Point("readings", {"asset": "a"}, {"sensors": text}, NOON_MS)])
    store.flush()
    assert readings_of(store, "a", 0, NOON_MS + 1) == [(NOON_MS, {})]
