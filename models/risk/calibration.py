"""Calibration of probabilities by a line in log-odds (Platt 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, logit

from models.telemetry.labels import Bools
from models.telemetry.samples import Float64

_FLATTEST = 0.05
_PRECISE = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
_LEAST = 1e-9  # a probability below this, or as near to 1, is taken to be it


def log_odds(probability: Float64) -> Float64:
    """Return the log-odds, finite also at 0 and 1."""
    out: Float64 = logit(np.clip(probability, _LEAST, 1 - _LEAST))
    return out


@dataclass(frozen=True, slots=True)
class PlattScaling:
    """``calibrated log-odds = intercept + slope × log-odds``; the identity if nothing was learnt.

    >>> bool(np.isclose(PlattScaling().apply(np.array([0.3]))[0], 0.3))
    True
    """

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: Float64) -> Float64:
        """Return calibrated probabilities of the same shape."""
        out: Float64 = expit(self.intercept + self.slope * log_odds(probability))
        return out


def fit_platt_scaling(probability: Float64, outcome: Bools, prior: float = 1.0) -> PlattScaling:
    """Fit a `PlattScaling` by penalised maximum likelihood.

    The penalty pulls towards the identity with the weight of ``prior`` observations, so that a slice with few
    outcomes moves little; the slope stays above 0.05, since calibration must not turn the ranking round.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (slow, and workers never fit)

    if not len(outcome) or not outcome.any():
        return PlattScaling()
    x = log_odds(probability)
    loss = _PenalisedLoss(x, outcome, float(x.mean()), prior, prior * (float(np.var(x)) + 1e-6))
    bounds, start = [(_FLATTEST, None), (None, None)], [1.0, loss.centre]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=_PRECISE)
    slope, middle = found.x.tolist()
    return PlattScaling(slope, middle - slope * loss.centre)


@dataclass(frozen=True, slots=True)
class _PenalisedLoss:
    """The loss of a `PlattScaling` over log-odds ``x`` (n,) around their ``centre``, and its gradient.

    It depends on the slope and on the log-odds of the middle, not on an intercept: if risks hardly differ,
    that and the slope are exchangeable. ``narrow`` charges a slope, ``prior`` an intercept.
    """

    x: Float64
    outcome: Bools
    centre: float
    prior: float
    narrow: float

    def __call__(self, at: Float64) -> tuple[float, list[float]]:
        slope, middle = at.tolist()
        away = self.x - self.centre
        intercept, stated = middle - slope * self.centre, middle + slope * away
        excess = expit(stated) - self.outcome
        likelihood = log_expit(np.where(self.outcome, stated, -stated)).sum()
        charge = (self.narrow * (slope - 1) ** 2 + self.prior * intercept**2) / 2
        by_slope = (excess * away).sum() + self.narrow * (slope - 1) - self.prior * intercept * self.centre
        return float(charge - likelihood), [by_slope, excess.sum() + self.prior * intercept]
