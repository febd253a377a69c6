"""A cause model that tells oil from ice."""

from __future__ import annotations

import numpy as np

from models.risk.causes import OTHER, CauseModel, train_causes
from models.telemetry.samples import Float32

CODES = ("ice", "oil", OTHER)


def oil_and_ice(seed: int, n: int = 600) -> tuple[Float32, list[str]]:
    """Feature 2 tells oil (high) from ice (low), feature 0 is noise; every tenth cause is rare."""
    rng = np.random.default_rng(seed)
    truth = np.where(np.arange(n) % 10 == 0, "rust", np.where(rng.random(n) < 0.5, "oil", "ice"))
    features = rng.normal(0, 1, (n, 2)).astype(np.float32)
    features[:, 1] += np.where(truth == "oil", 3.0, np.where(truth == "ice", -3.0, 0.0))
    return features, truth.tolist()


def trained_causes(seed: int = 1) -> CauseModel:
    features, truth = oil_and_ice(2)
    columns = np.array([0, 2])
    parameters = {"num_leaves": 4, "learning_rate": 0.2}
    return train_causes(
        features, truth, codes=CODES, columns=columns, rounds=30, parameters=parameters, seed=seed
    )
