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
    """``calibrated log-odds = intercept + slope × log-odds``; the identity where nothing was learnt.

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
    centre = float(x.mean())
    narrow = prior * (float(np.var(x)) + 1e-6)

    def loss(at: Float64) -> tuple[float, list[float]]:
        """Return the penalised loss at a slope and at the log-odds of the middle, and its gradient.

        The middle, not an intercept: if risks hardly differ, that and the slope are exchangeable.
        """
        slope, middle = at.tolist()
        intercept, stated = middle - slope * centre, middle + slope * (x - centre)
        excess = expit(stated) - outcome
        likelihood = log_expit(np.where(outcome, stated, -stated)).sum()
        charge = (narrow * (slope - 1) ** 2 + prior * intercept**2) / 2
        by_slope = (excess * (x - centre)).sum() + narrow * (slope - 1) - prior * intercept * centre
        return float(charge - likelihood), [by_slope, excess.sum() + prior * intercept]

    bounds = [(_FLATTEST, None), (None, None)]
    found = minimize(loss, [1.0, centre], jac=True, bounds=bounds, method="L-BFGS-B", options=_PRECISE)
    slope, middle = found.x.tolist()
    return PlattScaling(slope, middle - slope * centre)
