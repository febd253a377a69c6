"""Trees over rows on disk are those over the same rows in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.fleet.training import Training
from models.risk.pool import Pool, check_outcomes, grow, inputs_of, offset_of, pooled, thin
from models.telemetry.labels import HazardRows
from models.telemetry.samples import Float32

TRAINING = Training(rounds=5, parameters={"num_leaves": 4, "min_data_in_leaf": 5})


def rows(windows: int, positives: int) -> HazardRows:
    outcome = np.zeros(windows, bool)
    outcome[:: windows // positives] = True
    return HazardRows(np.arange(windows), np.zeros(windows, np.int32), outcome)


def features(windows: int, seed: int) -> Float32:
    return np.random.default_rng(seed).normal(size=(windows, 3)).astype(np.float32)


def test_rows_mapped_from_disk_grow_the_same_trees(tmp_path: Path) -> None:
    pools = [pooled(features(900, seed), rows(900, 90), 5, seed) for seed in (1, 2)]
    mapped = []
    for i, pool in enumerate(pools):
        np.save(tmp_path / f"{i}.npy", pool.inputs)
        mapped.append(Pool(np.load(tmp_path / f"{i}.npy", mmap_mode="r"), pool.outcome, pool.offset))
    one, other = grow(pools, TRAINING, 7), grow(mapped, TRAINING, 7)
    assert one.model_to_string() == other.model_to_string()
    assert offset_of(pools) == offset_of(mapped) < 0.0


def test_positives_are_all_kept_and_the_offset_says_how_many_negatives() -> None:
    given = rows(1000, 100)
    chosen, offset = thin(given, 300, 1)
    assert given.outcome[chosen].sum() == 100
    assert len(chosen) == 400
    assert np.exp(offset) == 300 / 900
    assert thin(given, 900, 1)[1] == 0.0


def test_fleets_that_hardly_failed_teach_nothing() -> None:
    quiet = Pool(np.zeros((50, 4), np.float32), np.arange(50) < 4, -1.0)
    with pytest.raises(ModelError, match="4 rows of 1 fleets end in an outcome: expected 5 or more"):
        check_outcomes([quiet])


def test_the_interval_stands_behind_the_features() -> None:
    given = HazardRows(np.array([2, 0]), np.array([1, 3], np.int32), np.array([True, False]))
    assert inputs_of(np.eye(3, dtype=np.float32), given).tolist() == [[0, 0, 1, 1], [1, 0, 0, 3]]
