"""Counters count what the machine did, from an age that was drawn."""

from datetime import date

import numpy as np
import pytest

from simulators.chiller.counters import CounterReadings, Counters
from simulators.clock import Clock

CLOCK = Clock(date(2025, 1, 1), 21_600)
FIRST = np.array([[False], [True], [False], [True]])
SECOND = np.ones((4, 1), bool)


def two_days() -> tuple[CounterReadings, CounterReadings]:
    counters = Counters(np.random.default_rng(1), np.array([1000.0]))
    first, second = (counters.day(CLOCK, running, 100.0 * running) for running in (FIRST, SECOND))
    return first, second


def test_starts_are_counted_over_the_last_12_hours() -> None:
    first, second = two_days()
    assert first.starts_12h[:, 0].tolist() == [0, 1, 1, 1]
    assert second.starts_12h[:, 0].tolist() == [1, 0, 0, 0]


def test_counters_go_on_from_one_day_to_the_next() -> None:
    first, second = two_days()
    assert second.starts[-1] - first.starts[0] == 2
    assert second.run_hours[-1] - first.run_hours[0] == pytest.approx(6 * 6.0)
    assert second.energy_kwh[-1] - first.energy_kwh[0] == pytest.approx(6 * 600.0)


def test_half_an_hour_lies_between_two_starts() -> None:
    clock = Clock(date(2025, 1, 1), 900)
    running = np.ones((clock.steps, 1), bool)
    running[:40] = False
    counters = Counters(np.random.default_rng(1), np.array([1000.0]))
    left = counters.day(clock, running, np.zeros(running.shape)).recycle_min[:, 0]
    assert left[38:44].tolist() == [0, 0, 30, 15, 0, 0]
    assert counters.day(clock, np.ones_like(running), np.zeros(running.shape)).recycle_min.max() == 0
