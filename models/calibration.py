"""Calibration of probabilities by a line in log-odds (Platt 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.frames import Float64
from models.labels import Bools

_STEPS = 50


def log_odds(probability: Float64) -> Float64:
    """Return the log-odds, finite also at 0 and 1."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    out: Float64 = np.log(p) - np.log1p(-p)
    return out


def sigmoid(logit: Float64) -> Float64:
    """Return the probability of log-odds."""
    out: Float64 = 1.0 / (1.0 + np.exp(-np.clip(logit, -35, 35)))
    return out


@dataclass(frozen=True, slots=True)
class Line:
    """``calibrated log-odds = intercept + slope × log-odds``; the identity where nothing was learnt.

    >>> bool(np.isclose(Line().apply(np.array([0.3]))[0], 0.3))
    True
    """

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: Float64) -> Float64:
        """Return calibrated probabilities of the same shape."""
        return sigmoid(self.intercept + self.slope * log_odds(probability))


def fit_line(probability: Float64, outcome: Bools, prior: float = 1.0) -> Line:
    """Fit a `Line` by penalised maximum likelihood (Newton's method).

    The penalty pulls towards the identity with the weight of ``prior`` observations, so that a slice with few
    outcomes moves little; the slope stays above 0.05, since calibration must not turn the ranking round.
    """
    if not len(outcome) or not outcome.any():
        return Line()
    x = np.stack([log_odds(probability), np.ones(len(probability))], axis=1)
    identity = np.array([1.0, 0.0])
    weights = identity.copy()
    penalty = prior * np.diag([float(np.var(x[:, 0])) + 1e-6, 1.0])
    for _ in range(_STEPS):
        p = sigmoid(x @ weights)
        gradient = x.T @ (p - outcome) + penalty @ (weights - identity)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + penalty
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return Line(max(float(weights[0]), 0.05), float(weights[1]))
