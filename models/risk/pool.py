"""At-risk rows to train on: of one fleet in memory, or of many on disk, more than memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from models.errors import ModelError
from models.fleet.training import Training
from models.risk.booster import FIXED
from models.risk.peers import Peers
from models.telemetry.labels import Bools, HazardRows
from models.telemetry.samples import Float32, Float64, Int64

FEWEST_OUTCOMES = 5


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows of one fleet: ``inputs`` (n, C + 1) are features and the interval, ``outcome`` (n,) what ended it.

    ``offset`` is the log of the share of negatives that was kept: their log-odds are too high by it.
    """

    inputs: Float32
    outcome: Bools
    offset: float


def pooled(features: Float32, rows: HazardRows, per_positive: int, seed: int) -> Pool:
    """Return at-risk rows of (n, C) features with their negatives thinned to so many for each positive."""
    chosen, offset = thin(rows, per_positive * int(rows.outcome.sum()), seed)
    return Pool(inputs_of(features, rows.take(chosen)), rows.outcome[chosen], offset)


def thin(rows: HazardRows, wanted: int, seed: int) -> tuple[Int64, float]:
    """Return the positives and at most so many negatives, and the log of the share of these that was kept."""
    negative = np.flatnonzero(~rows.outcome)
    if len(negative) <= wanted:
        return np.arange(len(rows.outcome)), 0.0
    kept = np.random.default_rng(seed).choice(negative, wanted, replace=False)
    chosen = np.sort(np.concatenate([np.flatnonzero(rows.outcome), kept]))
    return chosen, float(np.log(wanted / len(negative)))


def inputs_of(features: Float32, rows: HazardRows) -> Float32:
    """Return (m, C + 1): the features of each row's window, and its interval."""
    return np.concatenate([features[rows.row], rows.interval[:, None].astype(np.float32)], axis=1)


def names_of(features: int) -> list[str]:
    """Number the columns: LightGBM's text format does not take every character of a feature's name."""
    return [f"f{i}" for i in range(features)] + ["interval"]


def check_outcomes(pools: Sequence[Pool]) -> None:
    """Raise ModelError if there are too few outcomes to learn from."""
    outcomes = sum(int(pool.outcome.sum()) for pool in pools)
    if outcomes < FEWEST_OUTCOMES:
        found = f"{outcomes} rows of {len(pools)} fleets end in an outcome"
        raise ModelError(f"{found}: expected {FEWEST_OUTCOMES} or more")


def offset_of(pools: Sequence[Pool]) -> float:
    """Return what has to be added to the log-odds of trees over the rows of all pools.

    Fleets that were thinned otherwise share one offset: who uses the model calibrates it.
    """
    return float(np.mean([pool.offset for pool in pools]))


def grow(pools: Sequence[Pool], training: Training, seed: int, peers: Peers | None = None) -> lgb.Booster:
    """Return trees over the rows of all pools, and of those of the ``peers``, who grow the same ones.

    Rows are read batch by batch, so that inputs may be mapped from disk: memory holds their bins, a byte a
    value.
    """
    parameters: dict[str, Any] = {**FIXED, "objective": "binary", **training.parameters, "seed": seed}
    if peers is not None:
        parameters |= peers.parameters
    data = lgb.Dataset(
        [_Batches(pool.inputs) for pool in pools],
        np.concatenate([pool.outcome for pool in pools]).astype(np.float32),
        feature_name=names_of(pools[0].inputs.shape[1] - 1),
        params=parameters,
    )
    if peers is None:
        return boosted(parameters, data, training.rounds)
    booster = lgb.train(parameters, data, num_boost_round=training.rounds)
    booster.free_network()
    return booster


def boosted(parameters: dict[str, Any], data: lgb.Dataset, rounds: int, **more: Any) -> lgb.Booster:
    """Return so many trees over the data; ModelError says what LightGBM has against the parameters."""
    try:
        return lgb.train(parameters, data, rounds, **more)
    except lgb.basic.LightGBMError as error:
        raise ModelError(f"training.parameters, or those of segments: LightGBM says {error}") from error


class _Batches(lgb.Sequence):
    """Rows as LightGBM reads them, some thousand at a time."""

    batch_size = 8192

    def __init__(self, rows: Float32) -> None:
        self.rows = rows

    def __getitem__(self, at: Any) -> Float64:
        return np.asarray(self.rows[at], np.float64)

    def __len__(self) -> int:
        return len(self.rows)
