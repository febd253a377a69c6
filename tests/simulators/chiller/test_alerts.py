"""Alerts that mean nothing come at their rate, last a while, and say nothing of what will fail."""

from datetime import date

import numpy as np
import pytest

from simulators.chiller.alerts import NUISANCES, WARNING_CODES, WARNINGS, Nuisances
from simulators.chiller.controller import LIMITS
from simulators.clock import Clock

CLOCK = Clock(date(2025, 1, 1), 900)


def test_nuisances_come_at_their_rate_and_last_hours() -> None:
    nuisances = Nuisances(np.random.default_rng(1), 20.0, 100)
    shown = np.concatenate([nuisances.day(CLOCK, day) for day in range(60)])
    begun = ((shown[1:] > 0) & (shown[:-1] == 0)).sum()
    expected = 100 * 20.0 * 60 / 365.25
    assert begun == pytest.approx(expected, rel=0.2)
    assert (shown > 0).sum() / begun / 4 == pytest.approx(6.0, rel=0.3)
    assert {WARNING_CODES[n - 1] for n in np.unique(shown[shown > 0])} == set(NUISANCES)


def test_without_a_rate_there_are_none() -> None:
    nuisances = Nuisances(np.random.default_rng(1), 0.0, 100)
    assert not any(nuisances.day(CLOCK, day).any() for day in range(20))


def test_an_alert_on_a_quantity_comes_before_the_trip_on_it() -> None:
    trips = {x.code: x for x in LIMITS}
    for alert in WARNINGS:
        trip = trips[alert.code]
        assert alert.channel == trip.channel
        assert isinstance(alert.value, float)
        assert isinstance(trip.value, float)
        assert (trip.value - alert.value) * (1 if alert.is_high else -1) > 0
