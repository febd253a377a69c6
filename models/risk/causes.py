"""The cause of an outcome: a second booster, which says what the controller will name, should it come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from scipy.special import softmax

from models.risk.booster import FIXED
from models.risk.pool import boosted
from models.telemetry.samples import Float32, Float64, Int64

OTHER = "other"
_FEWEST_CAUSES = 2
_TEMPERATURES = (0.5, 8.0)


@dataclass(frozen=True)
class CauseModel:
    """Says which of ``codes`` the controller will give, should an outcome follow within the horizon.

    The booster's input is the chosen ``columns`` of the feature vector. The log-odds are divided by
    ``temperature``: windows of one outcome are alike, and trees that saw them are surer than they should be
    (Guo et al. 2017).
    """

    booster: lgb.Booster
    codes: tuple[str, ...]
    columns: Int64
    temperature: float = 1.0

    def score(self, features: Float32) -> Float64:
        """Return (n, K) probabilities of the codes, which add up to 1."""
        return temperature_scaled(self.raw(features), self.temperature)

    def raw(self, features: Float32) -> Float64:
        """Return the (n, K) log-odds of (n, F) features, up to a constant per row."""
        return self.of_columns(features[:, self.columns])

    def of_columns(self, picked: Float32) -> Float64:
        """Return the (n, K) log-odds where (n, C) holds the model's ``columns`` only."""
        if not len(picked):
            return np.empty((0, len(self.codes)))
        return np.asarray(self.booster.predict(picked, raw_score=True, num_threads=1), np.float64)

    def calibrated(self, raw: Float64, truth: Sequence[str]) -> CauseModel:
        """Return the model with the temperature under which later windows (n, K) were likeliest.

        Windows whose code was not among those learnt count as `OTHER`, or not at all if there is none.
        """
        from scipy.optimize import minimize_scalar  # noqa: PLC0415  (slow, and workers never fit)

        number = numbers_of(truth, self.codes)
        raw, number = raw[number >= 0], number[number >= 0]
        if not len(raw):
            return self
        found = minimize_scalar(
            lambda t: cross_entropy(temperature_scaled(raw, t), number),
            bounds=_TEMPERATURES,
            method="bounded",
        )
        return replace(self, temperature=float(found.x))


def temperature_scaled(raw: Float64, temperature: float) -> Float64:
    """Return the (n, K) probabilities of log-odds that are divided by a temperature.

    >>> temperature_scaled(np.array([[0.0, np.log(3.0)]]), 1.0).round(2).tolist()
    [[0.25, 0.75]]
    """
    out: Float64 = softmax(raw / temperature, axis=1)
    return out


def cross_entropy(probability: Float64, number: Int64) -> float:
    """Return the mean negative log-likelihood of the classes (n,) under (n, K) probabilities."""
    return float(-np.log(np.clip(probability[np.arange(len(number)), number], 1e-9, 1.0)).mean())


def numbers_of(truth: Sequence[str], codes: Sequence[str]) -> Int64:
    """Return (n,) the class of each code: `OTHER` for one that was not learnt, -1 if there is none.

    >>> numbers_of(["oil", "ice", ""], ["oil", "other"]).tolist()
    [0, 1, -1]
    """
    place = {code: i for i, code in enumerate(codes)}
    rest = place.get(OTHER, -1)
    return np.array([place.get(code, rest) if code else -1 for code in truth], np.int64)


def classes(outcomes: Counter[str], fewest: int) -> tuple[str, ...]:
    """Return the codes with ``fewest`` outcomes or more, in order, then `OTHER` if there are rarer ones.

    Empty if fewer than two codes have that many: then there is nothing to tell apart.

    >>> classes(Counter(oil=9, surge=8, ice=1), 5), classes(Counter(oil=9, ice=1), 5)
    (('oil', 'surge', 'other'), ())
    """
    frequent = sorted(code for code, n in outcomes.items() if n >= fewest and code not in ("", OTHER))
    rare = any(code and code not in frequent for code in outcomes)
    return (*frequent, *([OTHER] if rare else [])) if len(frequent) >= _FEWEST_CAUSES else ()


def train_causes(
    features: Float32,
    truth: Sequence[str],
    *,
    codes: tuple[str, ...],
    columns: Int64,
    rounds: int,
    parameters: dict[str, Any],
    seed: int,
) -> CauseModel:
    """Fit the causes on the windows (n, C) before an outcome, by its code; those without are left out."""
    number = numbers_of(truth, codes)
    named = np.flatnonzero(number >= 0)
    settled = {**FIXED, **parameters, "objective": "multiclass", "num_class": len(codes), "seed": seed}
    data = lgb.Dataset(
        features[named], number[named], feature_name=[f"f{i}" for i in range(features.shape[1])]
    )
    return CauseModel(boosted(settled, data, rounds), codes, columns)
