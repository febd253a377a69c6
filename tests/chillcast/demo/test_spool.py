"""Tests for what is simulated once and read twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

import numpy as np

from chillcast.demo.spool import Spool
from models.telemetry.samples import Event, Samples, TimeSlice


def hour(number: int) -> TimeSlice:
    samples = Samples(("A",), np.zeros(2, np.int32), np.array([number, number]), np.full((2, 3), np.nan))
    return TimeSlice(number, number + 1, samples, (Event(number, "A", "restart"),))


def hours(asked: list[int], count: int = 6) -> Iterator[TimeSlice]:
    for number in range(count):
        asked.append(number)
        yield hour(number)


def starts(parts: Iterator[TimeSlice]) -> list[int]:
    return [part.start_ms for part in parts]


def test_all_slices_are_read_from_the_first_and_asked_of_the_source_once(tmp_path: Path) -> None:
    asked: list[int] = []
    spool = Spool(hours(asked), tmp_path)
    assert starts(islice(spool.ahead(), 3)) == [0, 1, 2]
    assert starts(iter(spool)) == [0, 1, 2, 3, 4, 5]
    assert asked == [0, 1, 2, 3, 4, 5]


def test_a_slice_that_its_taker_left_is_not_lost(tmp_path: Path) -> None:
    spool = Spool(hours([]), tmp_path)
    assert starts(takewhile(lambda part: part.end_ms <= 2, spool.ahead())) == [0, 1]
    assert starts(iter(spool)) == [0, 1, 2, 3, 4, 5]


def test_a_slice_comes_back_as_it_was(tmp_path: Path) -> None:
    spool = Spool([hour(7)], tmp_path)
    (first,), (again,) = list(spool.ahead()), list(spool)
    assert again.events == first.events
    np.testing.assert_array_equal(again.samples.values, first.samples.values)
    np.testing.assert_array_equal(again.samples.time_ms, first.samples.time_ms)


def test_nothing_taken_ahead_is_nothing_kept(tmp_path: Path) -> None:
    assert starts(iter(Spool(hours([], 2), tmp_path))) == [0, 1]


def test_no_file_is_left_to_see(tmp_path: Path) -> None:
    spool = Spool(hours([]), tmp_path)
    list(islice(spool.ahead(), 2))
    assert list(tmp_path.iterdir()) == []
