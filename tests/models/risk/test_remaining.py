from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.risk.remaining import expected_days, learn_span, share_within
from models.telemetry.samples import Float64
from tests.support.toy_model import HORIZONS

CASE_D = 30.0


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted), st.sampled_from([3.0, 5.0, 7.0, 30.0]))
def test_the_expected_days_are_an_interval_within_the_time_asked_for(
    risks: list[float], until_d: float
) -> None:
    soonest, latest = expected_days(np.array(risks), HORIZONS, until_d)
    assert 0 <= soonest <= latest <= until_d


def test_a_constant_hazard_puts_the_middle_in_the_middle() -> None:
    assert expected_days(np.array([0.1, 0.3, 0.7]), HORIZONS, 7.0) == pytest.approx((1.4, 5.6))


def test_beyond_the_last_horizon_its_hazard_goes_on() -> None:
    daily = 0.05
    risks = 1 - np.exp(-daily * np.array(HORIZONS))
    of_all = 1 - np.exp(-daily * CASE_D)
    middle = -np.log(1 - 0.5 * of_all) / daily
    soonest, latest = expected_days(risks, HORIZONS, CASE_D, (0.5, 0.5))
    assert soonest == latest == pytest.approx(middle, abs=0.05)
    assert middle > HORIZONS[-1]


@given(st.lists(st.floats(0.001, 0.2), min_size=3, max_size=3), st.floats(0.1, 29.9))
def test_the_days_of_a_share_are_those_before_which_it_lies(steps: list[float], wait_d: float) -> None:
    risks = np.cumsum(steps)
    share = share_within(risks, HORIZONS, CASE_D, wait_d)
    soonest, latest = expected_days(risks, HORIZONS, CASE_D, (share, share))
    assert soonest == latest == pytest.approx(wait_d, abs=1e-3)


def told(rng: np.random.Generator, late: float, steep: float, n: int = 2000) -> Float64:
    """Return where outcomes fall in the remaining time of a model that is wrong about it.

    Its hazards are ``late`` times the true ones in the last interval, and ``steep`` too sure or too unsure.
    """
    daily = 0.02 * np.exp(rng.normal(0, 1, n))
    wait_d = rng.exponential(1 / daily)
    inside = wait_d <= CASE_D
    shares = []
    for rate, wait in zip(daily[inside].tolist(), wait_d[inside].tolist(), strict=True):
        hazard = 0.02 * (rate / 0.02) ** steep * np.array([1.0, 2.0, 4.0]) * np.array([1.0, 1.0, late])
        shares.append(share_within(1 - np.exp(-np.cumsum(hazard)), HORIZONS, CASE_D, wait))
    return np.array(shares)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 10.0), st.floats(0.2, 3.0), st.integers(9, 60), st.integers(0, 9))
def test_four_of_five_outcomes_fall_into_the_span_however_wrong_the_hazards_are(
    late: float, steep: float, seen: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shares, held = told(rng, late, steep), []
    for _ in range(200):
        drawn = rng.permutation(shares)
        span = learn_span(drawn[:seen], np.ones(seen))
        assert span is not None
        held.append(np.mean((drawn[seen:] >= span.low) & (drawn[seen:] <= span.high)))
    assert 0.785 <= np.mean(held) <= 0.8 + 2.2 / seen + 0.015


def test_the_middle_of_the_risk_would_not_hold_them() -> None:
    shares = told(np.random.default_rng(1), late=0.1, steep=1.0)
    low, high = 0.2, 0.8
    assert np.mean((shares >= low) & (shares <= high)) < 0.7


def test_an_outcome_that_many_windows_announce_counts_once() -> None:
    shares = np.concatenate([np.arange(1, 20) / 20, np.full(500, 0.5)])
    weights = np.concatenate([np.ones(18), np.full(501, 1 / 501)])
    span, alone = learn_span(shares, weights), learn_span(shares[:19], np.ones(19))
    assert span is not None
    assert alone is not None
    assert (span.shares, span.outcomes) == (alone.shares, 19)


def test_eight_outcomes_teach_no_span() -> None:
    assert learn_span(np.linspace(0.1, 0.9, 8), np.ones(8)) is None
    assert learn_span(np.empty(0), np.empty(0)) is None
