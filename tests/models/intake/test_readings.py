from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.intake.readings import Rows, held, joined, merged, spread

NAN = float("nan")
READING = st.tuples(
    st.integers(0, 1), st.integers(0, 30), st.integers(0, 2), st.floats(-9, 9, allow_nan=False)
)


def rows_of(readings: list[tuple[int, int, int, float]]) -> Rows:
    asset, time_ms, sensor, value = (np.array(c) for c in zip(*readings, strict=True))
    return Rows(asset.astype(np.int32), time_ms.astype(np.int64), spread(sensor, value.astype(float), 3))


@given(st.lists(READING, min_size=1, max_size=40), st.integers(1, 12))
def test_the_last_of_a_sensor_in_a_slot_stays(
    readings: list[tuple[int, int, int, float]], period_ms: int
) -> None:
    expected: dict[tuple[int, int, int], tuple[int, float]] = {}
    for asset, time_ms, sensor, value in readings:
        key = asset, time_ms // period_ms, sensor
        if key not in expected or time_ms >= expected[key][0]:
            expected[key] = time_ms, value
    found = merged(rows_of(readings), period_ms)
    rows, got = found.rows, {}
    for i in range(len(rows)):
        for sensor in np.flatnonzero(~np.isnan(rows.values[i])).tolist():
            got[int(rows.asset[i]), int(rows.time_ms[i]) // period_ms, sensor] = float(rows.values[i, sensor])
    assert got == {key: value for key, (_, value) in expected.items()}
    assert found.twice + found.replaced == len(readings) - len(expected)


@given(st.lists(READING, min_size=2, max_size=40), st.integers(1, 12), st.data())
def test_parts_merged_at_equal_times_first_give_the_same(
    readings: list[tuple[int, int, int, float]], period_ms: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(readings) - 1))
    parts = [merged(rows_of(readings[:cut])).rows, rows_of(readings[cut:])]
    whole, pieces = merged(rows_of(readings), period_ms).rows, merged(joined(parts), period_ms).rows
    np.testing.assert_equal(whole.values, pieces.values)
    np.testing.assert_equal(whole.time_ms, pieces.time_ms)


def test_the_same_row_again_is_told_from_a_later_one() -> None:
    twice = merged(rows_of([(0, 5, 0, 1.0), (0, 5, 0, 2.0), (0, 7, 0, 3.0)]), 10)
    assert (twice.twice, twice.replaced, twice.rows.values[0, 0]) == (1, 1, 3.0)


def test_a_value_is_held_for_its_time_and_not_into_another_machine() -> None:
    rows = merged(rows_of([(0, 5, 0, 1.0), (0, 45, 1, 2.0), (1, 25, 1, 3.0)]), 10).rows
    found = held(rows, np.array([20, 0, 0]), 10)
    assert list(zip(found.asset.tolist(), found.time_ms.tolist(), strict=True)) == [
        (0, 5),
        (0, 10),
        (0, 20),
        (0, 45),
        (1, 25),
    ]
    np.testing.assert_equal(found.values[:, 0], [1.0, 1.0, 1.0, NAN, NAN])


def test_nothing_is_held_without_a_word() -> None:
    rows = rows_of([(0, 5, 0, 1.0), (0, 45, 1, 2.0)])
    assert held(rows, np.zeros(3, np.int64), 10) is rows
