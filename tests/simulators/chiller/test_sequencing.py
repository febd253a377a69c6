"""A plant runs the chillers that its load needs, and does without those that are out."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.telemetry.samples import Float64
from simulators.chiller.faults import Flags
from simulators.chiller.sequencing import Demand, Sequencer
from simulators.clock import Clock
from simulators.site.plants import Plants

CLOCK = Clock(date(2025, 6, 2), 900)
STEPS = CLOCK.steps
ALL = np.ones((STEPS, 3), bool)


def sequencer(machines: int = 3) -> Sequencer:
    """Return that of one plant of chillers of 1,000 kW each."""
    none, zero = np.zeros(1, np.int64), np.zeros(machines, np.int64)
    plants = Plants(zero, np.arange(machines), np.array([machines]), none, none, np.array([18.3]))
    return Sequencer(plants, np.full(machines, 1000.0), CLOCK)


def constant(kw: float) -> Float64:
    return np.full((STEPS, 1), kw)


def days(kw: Float64, count: int, free: Flags = ALL) -> list[Demand]:
    plant = sequencer()
    return [plant.day(day, kw, free) for day in range(count)]


def test_the_load_decides_how_many_run_and_they_share_it_evenly() -> None:
    for kw, machines in ((50.0, 0), (600.0, 1), (1700.0, 2), (2700.0, 3)):
        (demand,) = days(constant(kw), 1)
        assert (demand.wanted[4:].sum(axis=1) == machines).all()
        shares = demand.load[4:][demand.wanted[4:]]
        np.testing.assert_allclose(shares, kw / 1000.0 / max(machines, 1))
        assert (demand.load[~demand.wanted] == 0).all()


def test_a_load_that_rises_and_falls_starts_and_stops_machines_without_hunting() -> None:
    hours = np.arange(STEPS) / 4
    kw = 1400.0 + 1100.0 * np.sin(2 * np.pi * hours / 24)[:, None]
    noisy = kw * (1.0 + 0.03 * np.random.default_rng(1).standard_normal((STEPS, 1)))
    (_, demand) = days(noisy, 2)
    count = demand.wanted.sum(axis=1)
    assert {1, 2, 3} == set(count.tolist())
    assert np.abs(np.diff(count)).sum() <= 8


def test_half_an_hour_lies_between_two_changes_unless_the_load_cannot_be_carried() -> None:
    kw = constant(700.0)
    kw[40:44], kw[60:] = 960.0, 1900.0
    (demand,) = days(kw, 1)
    count = demand.wanted.sum(axis=1)
    assert count[38:46].tolist() == [1, 1, 2, 2, 2, 2, 1, 1]
    assert count[59:61].tolist() == [1, 2]


def test_the_lead_passes_on_every_week() -> None:
    leads = [int(np.argmax(d.wanted[-1])) for d in days(constant(600.0), 22)]
    assert leads[5::7] == [0, 1, 2]
    assert all(d.wanted[4:].sum(axis=1).max() == 1 for d in days(constant(600.0), 22))


def test_a_machine_that_is_out_leaves_its_load_to_its_sisters() -> None:
    free = ALL.copy()
    free[50:, 0] = False
    (demand,) = days(constant(1700.0), 1, free)
    assert demand.wanted[49].tolist() == [True, True, False]
    assert demand.wanted[50].tolist() == [False, True, True]
    np.testing.assert_allclose(demand.load[50:, 1:], 0.85)


def test_what_no_machine_can_carry_is_not_carried() -> None:
    free = ALL.copy()
    free[:, 1:] = False
    (demand,) = days(constant(2700.0), 1, free)
    assert demand.load[:, 0].max() == 1.04


@settings(max_examples=40)
@given(st.integers(1, STEPS - 1), st.integers(0, 2), st.integers(0, 2**32))
def test_a_day_planned_anew_is_the_same_up_to_what_changed(step: int, machine: int, seed: int) -> None:
    kw = np.random.default_rng(seed).uniform(0.0, 3000.0, (STEPS, 1))
    plant, free = sequencer(), ALL.copy()
    plant.day(0, kw, ALL)
    first = plant.day(1, kw, ALL)
    free[step:, machine] = False
    anew = plant.day(1, kw, free)
    np.testing.assert_array_equal(anew.wanted[:step], first.wanted[:step])
    np.testing.assert_array_equal(anew.load[:step], first.load[:step])
    assert not anew.wanted[step:, machine].any()
