from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.telemetry.samples import Event, Samples, join

ASSETS = ("CH-0001", "CH-0002")


def samples(rows: int, start: int = 0, sensors: int = 3) -> Samples:
    number = np.arange(start, start + rows)
    values = np.repeat(number[:, None], sensors, axis=1).astype(np.float32)
    return Samples(ASSETS, (number % 2).astype(np.int32), number.astype(np.int64) * 1000, values)


@pytest.mark.parametrize(
    ("time_ms", "values"),
    [
        (np.zeros(1, np.int64), np.zeros((2, 3), np.float32)),
        (np.zeros((2, 1), np.int64), np.zeros((2, 3), np.float32)),
        (np.zeros(2, np.int64), np.zeros((3, 3), np.float32)),
        (np.zeros(2, np.int64), np.zeros(2, np.float32)),
    ],
)
def test_columns_of_different_lengths_are_refused_with_their_shapes(
    time_ms: np.ndarray, values: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"asset, time_ms and values have shapes \(\(2,\), "):
        Samples(ASSETS, np.zeros(2, np.int32), time_ms, values)


def test_no_rows_are_frames_too() -> None:
    assert len(samples(0)) == 0
    assert len(samples(3).take(np.array([], np.int64))) == 0


def test_frames_cannot_be_exchanged_under_a_reader() -> None:
    with pytest.raises(FrozenInstanceError):
        samples(1).values = np.zeros((1, 3), np.float32)  # type: ignore[misc]


@given(st.lists(st.integers(0, 9)))
def test_taken_rows_are_those_asked_for_in_that_order(rows: list[int]) -> None:
    taken = samples(10).take(np.array(rows, np.int64))
    assert taken.assets == ASSETS
    assert taken.time_ms.tolist() == [row * 1000 for row in rows]
    assert taken.asset.tolist() == [row % 2 for row in rows]
    assert taken.values[:, 0].tolist() == [float(row) for row in rows]


@given(st.lists(st.integers(0, 5), min_size=1))
def test_joined_parts_are_the_whole_again(lengths: list[int]) -> None:
    starts = np.cumsum([0, *lengths[:-1]])
    whole = join([samples(n, int(start)) for n, start in zip(lengths, starts, strict=True)])
    expected = samples(sum(lengths))
    assert whole.assets == ASSETS
    for name in ("asset", "time_ms", "values"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(expected, name))
        assert getattr(whole, name).dtype == getattr(expected, name).dtype


def test_events_sort_by_time_first() -> None:
    late, early = Event(2000, "CH-0001", "shutdown", "surge"), Event(1000, "CH-0002", "restart")
    assert sorted([late, early]) == [early, late]
