from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from models.risk.calibration import PlattScaling, fit_platt_scaling, log_odds


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.where(y, np.log(p), np.log1p(-p))))


def test_log_odds_are_the_inverse_of_probabilities() -> None:
    p = np.array([1e-6, 0.2, 0.5, 0.999])
    np.testing.assert_allclose(expit(log_odds(p)), p, rtol=1e-9)


def test_an_overconfident_model_is_brought_back_to_the_true_odds() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-2, 1.5, 20_000)
    outcome = rng.random(20_000) < expit(logit)
    line = fit_platt_scaling(expit(2 * logit + 1), outcome)
    assert line.slope == pytest.approx(0.5, abs=0.05)
    assert line.intercept == pytest.approx(-0.5, abs=0.1)


def test_calibration_improves_log_loss_on_later_data() -> None:
    rng = np.random.default_rng(2)
    logit = rng.normal(-3, 1, 40_000)
    outcome = rng.random(40_000) < expit(logit)
    stated = expit(logit + 2)
    line = fit_platt_scaling(stated[:20_000], outcome[:20_000])
    later, truth = stated[20_000:], outcome[20_000:]
    assert log_loss(line.apply(later), truth) < 0.8 * log_loss(later, truth)


def test_without_outcomes_the_line_is_the_identity() -> None:
    assert fit_platt_scaling(np.array([0.1, 0.2]), np.zeros(2, bool)) == PlattScaling()


def test_a_slice_that_contradicts_the_ranking_does_not_turn_it_round() -> None:
    p = np.linspace(0.05, 0.95, 500)
    assert fit_platt_scaling(p, p < 0.4).slope >= 0.05


def test_risks_that_hardly_differ_are_still_brought_to_the_observed_rate() -> None:
    rng = np.random.default_rng(5)
    risks = expit(rng.normal(-6.0, 0.02, 20_000))
    outcome = rng.random(20_000) < 0.05
    assert fit_platt_scaling(risks, outcome).apply(risks).mean() == pytest.approx(outcome.mean(), rel=0.02)


def penalised(p: np.ndarray, y: np.ndarray, slope: float, intercept: float) -> float:
    """Return the negative log-likelihood of a line, and what it is charged for leaving the identity."""
    stated = expit(intercept + slope * log_odds(p))
    charge = (np.var(log_odds(p)) + 1e-6) * (slope - 1) ** 2 + intercept**2
    return float(len(p) * log_loss(stated, y) + charge / 2)


@given(
    seed=st.integers(0, 2**31),
    n=st.integers(2, 3000),
    spread=st.sampled_from([0.0, 0.02, 1.0, 3.0]),
    slope=st.floats(-1, 3),
    shift=st.floats(-2, 2),
)
@settings(max_examples=60, deadline=None)
def test_no_line_that_may_be_chosen_fits_better(
    seed: int, n: int, spread: float, slope: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    logit = rng.normal(-2, spread, n)
    p, outcome = expit(logit), rng.random(n) < expit(slope * logit + shift)
    line = fit_platt_scaling(p, outcome)
    found = penalised(p, outcome, line.slope, line.intercept)
    for there in rng.normal(0, 1, (20, 2)) * np.geomspace(1e-3, 1, 20)[:, None]:
        other = max(line.slope + there[0], 0.05), line.intercept + there[1]
        assert not outcome.any() or found <= penalised(p, outcome, *other) + 1e-7
