"""Faults begin at their rates, grow, and end when they are mended."""

from datetime import date

import numpy as np
import pytest

from simulators.chiller.faults import GRADUAL, SUDDEN, Faults, Gradual, Strikes, rates_of
from simulators.clock import Clock

CLOCK = Clock(date(2025, 1, 1), 21_600)
KEYS = [k.key for k in GRADUAL]


def faults_of(seed: int, rates: dict[str, float], assets: int) -> Faults:
    return Faults(np.random.default_rng(seed), rates_of(rates, np.ones(assets, bool)))


def test_without_rates_nothing_ever_begins() -> None:
    faults = faults_of(0, {}, 20)
    for day in range(50):
        severity, changes = faults.advance(CLOCK, day, np.ones(20))
        assert changes == []
        assert not severity.faults.any()


def test_severity_never_falls_while_a_fault_lasts() -> None:
    faults = faults_of(1, dict.fromkeys(KEYS, 3.0), 30)
    last = np.zeros((len(KEYS), 30))
    for day in range(60):
        severity, _ = faults.advance(CLOCK, day, np.ones(30))
        if day:
            assert (severity.faults[:, 0] >= last - 1e-12).all()
        assert (np.diff(severity.faults, axis=1) >= 0).all()
        last = severity.faults[:, -1]
    assert last.max() > 0.5


def test_a_mended_fault_is_gone_and_the_next_begins_later() -> None:
    faults = faults_of(2, {"leak": 50.0}, 1)
    day = 0
    while not faults.active.any():
        faults.advance(CLOCK, day, np.ones(1))
        day += 1
    kind = faults.active_on(0)
    faults.mend(0, kind, day)
    assert [GRADUAL[k].key for k in kind] == ["leak"]
    assert faults.active_on(0) == []


@pytest.mark.parametrize("kind", GRADUAL, ids=KEYS)
def test_what_wears_by_use_stands_still_while_the_machine_does(kind: Gradual) -> None:
    faults = faults_of(5, {kind.key: 50.0}, 30)
    for day in range(20):
        faults.advance(CLOCK, day, np.ones(30))
    severity, _ = faults.advance(CLOCK, 20, np.zeros(30))
    grown = severity.developed(kind.key)[-1] - severity.developed(kind.key)[0]
    assert (grown.max() > 0) != kind.by_use


def test_a_fault_that_was_far_on_before_the_first_day_is_not_there() -> None:
    faults = faults_of(6, {"strainer": 12.0}, 300)
    severity, changes = faults.advance(CLOCK, 0, np.ones(300))
    assert 0 < len(changes) < 150
    assert severity.developed("strainer")[0].max() < 0.5


def test_air_gets_only_into_machines_below_its_pressure() -> None:
    rates = rates_of({"air": 2.0, "leak": 1.0}, np.array([True, False]))
    assert rates[KEYS.index("air")].tolist() == [2.0, 0.0]
    assert rates[KEYS.index("leak")].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("key", ["fouling", "bearing"])
def test_faults_begin_as_often_as_their_rate_says(key: str) -> None:
    faults = faults_of(3, {key: 2.0}, 400)
    begun = 0
    for day in range(120):
        _, changes = faults.advance(CLOCK, day, np.ones(400))
        begun += sum(not c.reason for c in changes) if day else 0
        for column in range(400):
            faults.mend(column, faults.active_on(column), day)
    expected = 400 * 2.0 * 119 / 365.25
    assert begun == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_sudden_failures_strike_as_often_as_their_rates_say() -> None:
    strikes = Strikes(np.random.default_rng(4), {"flow": 4.0, "power": 8.0}, 500)
    seen = np.concatenate([strikes.day(CLOCK) for _ in range(100)])
    counts = [int((seen == i + 1).sum()) for i in range(len(SUDDEN))]
    years = 500 * 100 / 365.25
    assert counts[1] == 0
    assert counts[0] == pytest.approx(4.0 * years, abs=4 * np.sqrt(4.0 * years))
    assert counts[2] == pytest.approx(8.0 * years, abs=4 * np.sqrt(8.0 * years))
