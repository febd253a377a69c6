"""Risks of windows by models that have not seen their machines: what thresholds are learnt on."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from models.evaluation.metrics import log_loss
from models.fleet.training import Training
from models.learning.plan import TrainingPlan
from models.learning.training_set import Examples
from models.risk.booster import FIXED
from models.risk.calibration import fit_platt_scaling
from models.risk.hazard import RiskModel, with_interval
from models.telemetry.samples import Float32, Float64, Int64
from models.telemetry.window_keys import WindowKeys

_SHARES = (0.0, 0.05, 0.2, 0.5, 1.0)  # of `training.rounds`, beside a pre-trained model


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Risks (n, H) of all examples, ``hints`` at the causes of those before an outcome, and how to train."""

    training: Training
    risk: Float64
    hints: tuple[WindowKeys, Float64] | None


def fold_of(assets: Sequence[str], folds: int) -> Int64:
    """Return the fold (n,) of each machine, by its name: new machines move no old one.

    >>> fold_of(["CH-0003", "CH-0004", "CH-0008"], 2).tolist()
    [0, 1, 0]
    """
    return np.array([zlib.crc32(name.encode()) % folds for name in assets], np.int64)


def out_of_fold(plan: TrainingPlan, examples: Examples, training: Training) -> OutOfFold:
    """Score every window by what was learnt on the machines of the other folds, over the whole history.

    If the learning begins with a pre-trained model, as many own trees are kept as give the lowest log-loss of
    these risks: none, if the fleet has nothing to add.
    """
    folds = fold_of(examples.keys.assets, training.calibration_folds)[examples.keys.asset]
    tried = _tried(plan, training)
    risks = _risks(plan, examples, training, folds, tried)
    losses = [_loss(plan, examples, risk) for risk in risks]
    best = int(np.argmin(losses))
    return OutOfFold(
        replace(training, rounds=tried[best]),
        risks[best],
        _hints(plan, examples, training, folds),
    )


def _tried(plan: TrainingPlan, training: Training) -> list[int]:
    """Return the numbers of own trees that are tried, rising; one alone without a pre-trained model."""
    if plan.pretrained is None:
        return [training.rounds]
    return sorted({round(share * training.rounds) for share in _SHARES})


def _risks(
    plan: TrainingPlan, examples: Examples, training: Training, folds: Int64, tried: Sequence[int]
) -> list[Float64]:
    """Return (n, H) risks of all windows for each number of own trees."""
    rows = examples.at_risk(plan.start_ms, plan.until_ms)
    begun = plan.pretrained.model.booster.num_trees() if plan.pretrained else 0
    found = [np.empty((len(examples.keys), len(plan.fleet.horizons_d))) for _ in tried]
    for own in np.unique(folds).tolist():
        model = examples.fit(rows.take(folds[rows.row] != own), training, plan.seed)
        mine = np.flatnonzero(folds == own)
        picked = examples.features[mine]
        for risk, grown in zip(found, staged(model, picked, begun, tried), strict=True):
            risk[mine] = grown
    return found


def staged(model: RiskModel, picked: Float32, begun: int, tried: Sequence[int]) -> Iterator[Float64]:
    """Yield the (n, H) risks of a model's ``columns`` (n, C) with so many trees beyond those ``begun`` with.

    Each tree is asked once, whatever is tried.
    """
    total = model.booster.num_trees()
    ends = [min(begun + rounds, total) for rounds in tried]
    log_hazard = np.full((len(picked), len(model.horizons_d)), model.offset)
    for begin, end in itertools.pairwise([0, *ends]):
        for j in range(log_hazard.shape[1]):
            log_hazard[:, j] += _raw(model, picked, j, begin, end)
        yield 1.0 - np.cumprod(1.0 - expit(log_hazard), axis=1)


def _raw(model: RiskModel, picked: Float32, interval: int, begin: int, end: int) -> Float64:
    """Return (n,) what the trees from ``begin`` up to ``end`` add to the log-odds of an interval."""
    if begin == end:
        return np.zeros(len(picked))
    inputs = with_interval(picked, interval)
    found = model.booster.predict(
        inputs,
        raw_score=True,
        num_threads=FIXED["num_threads"],
        start_iteration=begin,
        num_iteration=end - begin,
    )
    return np.asarray(found, np.float64)


def _loss(plan: TrainingPlan, examples: Examples, risk: Float64) -> float:
    """Return the log-loss of risks over the alerting horizon, once they are calibrated."""
    horizon_d, column = plan.fleet.alerting.horizon_d, risk[:, plan.fleet.horizon]
    known = examples.labels.known(horizon_d)
    followed = examples.labels.follows(horizon_d)[known]
    line = fit_platt_scaling(column[known], followed)
    return log_loss(line.apply(column[known]), followed) or 0.0


def _hints(
    plan: TrainingPlan, examples: Examples, training: Training, folds: Int64
) -> tuple[WindowKeys, Float64] | None:
    """Return the windows before an outcome, and what is said of its cause by who has not seen the machine."""
    rows = examples.followed(plan.until_ms)
    found: Float64 | None = None
    for own in np.unique(folds[rows]).tolist():
        causes = examples.fit_causes(plan.until_ms, training, plan.seed, rows[folds[rows] != own])
        if causes is None:
            return None
        found = np.empty((len(rows), len(causes.codes))) if found is None else found
        found[folds[rows] == own] = causes.of_columns(examples.features[rows[folds[rows] == own]])
    return None if found is None else (examples.keys.take(rows), found)
