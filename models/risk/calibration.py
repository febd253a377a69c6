"""Calibration of probabilities by a line in log-odds (Platt 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.labels import Bools
from models.telemetry.samples import Float64

_STEPS = 50
_FLATTEST = 0.05


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
class PlattScaling:
    """``calibrated log-odds = intercept + slope × log-odds``; the identity where nothing was learnt.

    >>> bool(np.isclose(PlattScaling().apply(np.array([0.3]))[0], 0.3))
    True
    """

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: Float64) -> Float64:
        """Return calibrated probabilities of the same shape."""
        return sigmoid(self.intercept + self.slope * log_odds(probability))


def fit_platt_scaling(probability: Float64, outcome: Bools, prior: float = 1.0) -> PlattScaling:
    """Fit a `PlattScaling` by penalised maximum likelihood (Newton's method).

    The penalty pulls towards the identity with the weight of ``prior`` observations, so that a slice with few
    outcomes moves little; the slope stays above 0.05, since calibration must not turn the ranking round.
    """
    if not len(outcome) or not outcome.any():
        return PlattScaling()
    logit = log_odds(probability)
    ones = np.ones(len(logit))
    penalty = prior * np.array([float(np.var(logit)) + 1e-6, 1.0])
    slope, intercept = _fit(np.stack([logit, ones], axis=1), outcome, penalty, np.array([1.0, 0.0]))
    if slope < _FLATTEST:
        (intercept,) = _fit(ones[:, None], outcome, penalty[1:], np.zeros(1), _FLATTEST * logit)
        slope = _FLATTEST
    return PlattScaling(float(slope), float(intercept))


def _fit(
    x: Float64, outcome: Bools, penalty: Float64, start: Float64, offset: Float64 | float = 0.0
) -> Float64:
    """Return the weights (d,) of (n, d) columns, pulled towards ``start``, beside a fixed ``offset``."""

    def loss(at: Float64) -> float:
        logit, away = x @ at + offset, at - start
        return float(np.logaddexp(0.0, np.where(outcome, -logit, logit)).sum() + away @ (penalty * away) / 2)

    weights = start
    for _ in range(_STEPS):
        p = sigmoid(x @ weights + offset)
        gradient = x.T @ (p - outcome) + penalty * (weights - start)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step, before = np.linalg.solve(hessian, gradient), loss(weights)
        # Risks that hardly differ make slope and intercept exchangeable, and a full step may go astray.
        while float(np.abs(step).max()) > 1e-8 and loss(weights - step) > before:
            step = step / 2
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights
