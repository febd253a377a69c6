"""Figures and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from chillcast.proof.estimates import Weights, less, ratio
from chillcast.proof.outcome import foreseeable_share, policy_rows
from chillcast.proof.tally import Count, tally
from chillcast.proof.work import Record
from models.telemetry.samples import Float64
from tests.support.proof_plants import one_flaw


def fleet(machines: int, hours: float, stops: float = 1.0, crew: float = 10.0) -> Float64:
    out = np.zeros((machines, len(Count)))
    out[:, [Count.YEARS, Count.UNPLANNED_H, Count.STOPS, Count.CREW_H]] = 1.0, hours, stops, crew
    out[:, Count.FORESEEABLE_H] = hours / 2
    return out


def test_figures_are_of_all_machines_and_equal_machines_leave_nothing_to_chance() -> None:
    weights = Weights([3, 5], seed=0)
    sums = weights.sums([fleet(3, 8.0), fleet(5, 8.0)])
    found = ratio(sums[:, Count.UNPLANNED_H], sums[:, Count.YEARS])
    assert found.value == found.low == found.high == pytest.approx(8.0)


def test_the_interval_holds_the_differences_between_fleets() -> None:
    weights = Weights([20, 20, 20, 20], seed=0)
    sums = weights.sums([fleet(20, hours) for hours in (2.0, 4.0, 6.0, 8.0)])
    found = ratio(sums[:, Count.UNPLANNED_H], sums[:, Count.YEARS])
    assert found.value == pytest.approx(5.0)
    assert found.low is not None
    assert found.high is not None
    assert 2.0 < found.low < 4.0 < 6.0 < found.high < 8.0


def test_a_reduction_is_paired_by_machine() -> None:
    weights = Weights([4, 4], seed=0)
    none = weights.sums([fleet(4, 2.0), fleet(4, 30.0)])
    half = weights.sums([fleet(4, 1.0), fleet(4, 15.0)])
    found = less(half, none, Count.UNPLANNED_H, Count.YEARS)
    assert found.value == found.low == found.high == pytest.approx(0.5)


def test_a_price_is_what_was_spent_more_by_what_was_avoided_and_none_if_nothing_was() -> None:
    weights = Weights([4], seed=0)
    found = {
        "no alerts": [fleet(4, 20.0)],
        "chillcast": [fleet(4, 8.0, crew=16.0)],
        "rules": [fleet(4, 20.0)],
    }
    none, own, rules = policy_rows(found, weights)
    assert own.crew_h_per_avoided_h.value == pytest.approx(0.5)
    assert rules.crew_h_per_avoided_h.value is None
    assert none.less_unplanned.value == 0.0
    assert own.less_unplanned.value == pytest.approx(0.6)
    assert own.less_mttr.value == pytest.approx(0.6)
    assert foreseeable_share(found, weights).value == pytest.approx(0.5)


def test_a_bound_takes_every_stop_that_could_have_come_more() -> None:
    weights = Weights([4], seed=0)
    better = fleet(4, 8.0)
    better[:, [Count.LEFT_OVER, Count.RETURNED]] = 0.25, 0.05
    _, own = policy_rows({"no alerts": [fleet(4, 20.0)], "chillcast": [better]}, weights)
    assert own.bounded_less.value == pytest.approx(1 - (8.0 + 0.3 * 20.0) / 20.0)


def test_a_flaw_that_was_mended_early_may_come_back_in_the_days_it_gave_back() -> None:
    plant = one_flaw()
    flaw = plant.flaws[0]
    half_ms = (flaw.begin_ms + flaw.end_ms) // 2
    found = tally(plant, Record(averted=[0], mended={0: half_ms}))[0]
    years = (flaw.end_ms - half_ms) / (plant.end_ms - plant.start_ms)
    assert found[Count.RETURNED] == pytest.approx(years)
    assert found[Count.LEFT_OVER] == 0


def test_a_flaw_that_only_the_repair_of_an_averted_stop_mended_is_left_over() -> None:
    plant = one_flaw()
    found = tally(plant, Record(averted=[0]))[0]
    assert (found[Count.AVERTED], found[Count.LEFT_OVER]) == (1, 1)
