"""The risk model: a discrete-time hazard in LightGBM, cumulated over the horizons and calibrated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from scipy.special import expit

from models.errors import ModelError
from models.fleet.training import Training
from models.risk.booster import FIXED
from models.risk.calibration import PlattScaling, fit_platt_scaling
from models.risk.causes import CauseModel
from models.risk.pool import FEWEST_OUTCOMES, boosted, inputs_of, names_of, thin
from models.risk.remaining import Span
from models.telemetry.labels import HazardRows, Labels
from models.telemetry.samples import Float32, Float64, Int64


@dataclass(frozen=True)
class RiskModel:
    """Scores windows.

    The booster's input is the chosen ``columns`` of the feature vector, then the number of the interval; its
    output, corrected by ``offset`` for the negatives left out in training, is the hazard of that interval.
    With ``spread_d`` there is no interval in its input, and its output is the risk over these days, which is
    spread evenly over them: ``risk(h) = 1 - (1 - risk)^(h / spread_d)``. ``causes`` says, if there were
    outcomes enough to learn it from, what the controller will name; ``span`` when the outcome will come. A
    model with a ``base`` corrects it: their log-odds add up.
    """

    booster: lgb.Booster
    feature_names: tuple[str, ...]
    fingerprint: str
    horizons_d: tuple[float, ...]
    columns: Int64
    offset: float = 0.0
    lines: tuple[PlattScaling, ...] = ()
    threshold: float = 0.5
    spread_d: float | None = None
    causes: CauseModel | None = None
    base: RiskModel | None = None
    span: Span | None = None

    def score(self, features: Float32) -> Float64:
        """Return (n, H) probabilities of an outcome within each horizon, rising along the horizons."""
        return self.calibrated(self.uncalibrated(features))

    def calibrated(self, risks: Float64) -> Float64:
        """Return (n, H) risks with each horizon's line applied, still rising along the horizons."""
        if self.lines:
            risks = np.stack([line.apply(risks[:, j]) for j, line in enumerate(self.lines)], axis=1)
        return np.maximum.accumulate(risks, axis=1)

    def contributions(self, features: Float32, horizon: int) -> Float64:
        """Return (n, F) contributions of the features to the log-odds, averaged over the intervals.

        The intervals up to number ``horizon`` count (Lundberg, Erion & Lee 2018, as LightGBM computes it).
        """
        parts = [
            np.asarray(self.booster.predict(self._input(features, j), pred_contrib=True, num_threads=1))
            for j in range(horizon + 1)
        ]
        out = np.zeros((len(features), len(self.feature_names)))
        out[:, self.columns] = np.mean(parts, axis=0)[:, : len(self.columns)]
        return out if self.base is None else out + self.base.contributions(features, horizon)

    def gains(self) -> Float64:
        """Return (F,) by how much the trees gained from each feature; all alike if no tree says so."""
        found = np.asarray(self.booster.feature_importance("gain"), np.float64)[: len(self.columns)]
        known = np.maximum(np.nan_to_num(found, posinf=0.0), 0.0)
        out = np.zeros(len(self.feature_names))
        out[self.columns] = known if known.any() else 1.0
        return out if self.base is None else out + self.base.gains()

    def parameters(self) -> dict[str, Any]:
        """Return all but the booster, ready for JSON."""
        lines = [[line.slope, line.intercept] for line in self.lines]
        columns = self.columns.tolist()
        return {"offset": self.offset, "lines": lines, "columns": columns, "spread_d": self.spread_d}

    def _input(self, features: Float32, interval: int) -> Float32:
        chosen = features[:, self.columns]
        return chosen if self.spread_d else with_interval(chosen, interval)

    def uncalibrated(self, features: Float32) -> Float64:
        """Return (n, H) risks of (n, F) features as the hazards alone give them."""
        return self.of_columns(features[:, self.columns])

    def of_columns(self, picked: Float32) -> Float64:
        """Return the uncalibrated risks where (n, C) holds the model's ``columns`` only."""
        if self.spread_d:
            raw = np.asarray(self.booster.predict(picked, raw_score=True, num_threads=1))
            share = np.array(self.horizons_d) / self.spread_d
            spread: Float64 = 1.0 - (1.0 - expit(raw + self.offset))[:, None] ** share
            return spread
        survival = np.ones(len(picked))
        out = np.empty((len(picked), len(self.horizons_d)))
        for j in range(len(self.horizons_d)):
            survival = survival * (1.0 - expit(self.log_hazard(picked, j)))
            out[:, j] = 1.0 - survival
        return out

    def log_hazard(self, picked: Float32, interval: int) -> Float64:
        """Return (n,) log-odds of an outcome in an interval, where (n, C) holds the ``columns`` only."""
        raw = np.asarray(
            self.booster.predict(with_interval(picked, interval), raw_score=True, num_threads=1), np.float64
        )
        own = raw + self.offset
        return own if self.base is None else own + self.base.log_hazard(picked, interval)


def restore(
    booster_text: str,
    *,
    parameters: dict[str, Any],
    feature_names: Sequence[str],
    fingerprint: str,
    horizons_d: Sequence[float],
    threshold: float,
) -> RiskModel:
    """Rebuild a model from what a bundle holds; the text must have been checked before."""
    return RiskModel(
        lgb.Booster(model_str=booster_text),
        tuple(feature_names),
        fingerprint,
        tuple(horizons_d),
        np.array(parameters["columns"], np.int64),
        float(parameters["offset"]),
        tuple(PlattScaling(slope, intercept) for slope, intercept in parameters["lines"]),
        threshold,
        parameters.get("spread_d"),
    )


def train(
    features: Float32,
    rows: HazardRows,
    *,
    names: Sequence[str],
    columns: Int64,
    fingerprint: str,
    horizons_d: Sequence[float],
    training: Training,
    seed: int,
    later: HazardRows | None = None,
    start: Float64 | None = None,
    pretrained: RiskModel | None = None,
) -> RiskModel:
    """Fit the hazard on (n, C) features, which stand in ``columns`` of the vector, and their at-risk rows.

    Negatives are thinned to ``training.negatives_per_positive`` and the odds corrected by the share kept;
    there are no class weights. With ``later`` rows, ``training.early_stopping`` watches the log-loss on them.
    With a ``start`` of (n, H) log-odds per interval only what these lack is learnt. A ``pretrained`` model of
    the same columns gets ``training.rounds`` more trees, and none if there are too few outcomes. Raises
    ModelError if there are too few to learn from without one, or if LightGBM refuses the parameters.
    """
    if pretrained is not None and (not training.rounds or rows.outcome.sum() < FEWEST_OUTCOMES):
        return replace(pretrained, fingerprint=fingerprint)
    _check_outcomes(rows)
    data, offset = _thinned(features, rows, _wanted(rows, training, pretrained), seed, start)
    parameters: dict[str, Any] = {**FIXED, "objective": "binary", **training.parameters, "seed": seed}
    watched = []
    if later is not None:
        watched = [_thinned(features, later, _wanted(later, training, pretrained), seed)[0]]
        parameters |= {"metric": "binary_logloss", "early_stopping_round": training.early_stopping or 0}
    begin = None if pretrained is None else pretrained.booster
    booster = boosted(parameters, data, training.rounds, valid_sets=watched, init_model=begin)
    return RiskModel(booster, tuple(names), fingerprint, tuple(horizons_d), columns, offset)


def _check_outcomes(rows: HazardRows) -> None:
    positives = int(rows.outcome.sum())
    if positives < FEWEST_OUTCOMES:
        raise ModelError(
            f"{positives} at-risk windows end in an outcome: expected {FEWEST_OUTCOMES} or more; "
            "train on a longer range or more assets"
        )


def calibrate(model: RiskModel, risks: Float64, labels: Labels) -> RiskModel:
    """Fit one line per horizon on the (n, H) uncalibrated risks of a later slice, where labels are known."""
    lines = []
    for j, horizon_d in enumerate(model.horizons_d):
        seen = labels.known(horizon_d)
        lines.append(fit_platt_scaling(risks[seen, j], labels.follows(horizon_d)[seen]))
    return replace(model, lines=tuple(lines))


def _wanted(rows: HazardRows, training: Training, pretrained: RiskModel | None) -> int:
    """Return how many negatives are kept: of a pre-trained model the share that it was trained with."""
    if pretrained is None:
        return training.negatives_per_positive * int(rows.outcome.sum())
    return round(math.exp(pretrained.offset) * int(np.count_nonzero(~rows.outcome)))


def _thinned(
    features: Float32, rows: HazardRows, wanted: int, seed: int, start: Float64 | None = None
) -> tuple[lgb.Dataset, float]:
    """Return the rows to train on, and the offset that the model needs; a ``start`` bears it itself."""
    chosen, offset = thin(rows, wanted, seed)
    kept = rows.take(chosen)
    begin = None if start is None else start[kept.row, kept.interval] - offset
    label, names = kept.outcome.astype(np.float32), names_of(features.shape[1])
    data = lgb.Dataset(inputs_of(features, kept), label, init_score=begin, feature_name=names)
    return data, offset if begin is None else 0.0


def with_interval(features: Float32, interval: int) -> Float32:
    """Return (n, C + 1): the booster's input for (n, C) features and one interval."""
    column = np.full((len(features), 1), interval, np.float32)
    return np.concatenate([features, column], axis=1)
