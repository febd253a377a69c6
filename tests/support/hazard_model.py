"""A hazard model of two features, of which one shortens the time to the next outcome."""

from __future__ import annotations

import numpy as np

from models.event_time import DAY_MS
from models.fleet.training import Training
from models.risk.hazard import RiskModel, train
from models.telemetry.labels import Labels, hazard_rows
from models.telemetry.samples import Float32

HORIZONS = (1.0, 3.0, 7.0)
NAMES = ("a.1h.mean", "b.1h.mean")
UNTIL_MS = 1000 * DAY_MS


def history(seed: int, n: int = 6000) -> tuple[Float32, Labels]:
    """Windows whose waiting time is exponential, faster where feature 0 is high; feature 1 is noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (n, 2)).astype(np.float32)
    daily = 0.01 * np.exp(1.5 * features[:, 0])
    wait_ms = (rng.exponential(1 / daily) * DAY_MS).astype(np.int64)
    return features, Labels(np.zeros(n, np.int64), wait_ms, np.full(n, UNTIL_MS))


def fitted(seed: int = 1, per_positive: int = 1000) -> RiskModel:
    features, labels = history(seed)
    rows = hazard_rows(labels, HORIZONS)
    training = Training(
        rounds=60, negatives_per_positive=per_positive, parameters={"num_leaves": 4, "learning_rate": 0.1}
    )
    return train(
        features,
        rows,
        names=NAMES,
        columns=np.arange(2),
        fingerprint="f" * 16,
        horizons_d=HORIZONS,
        training=training,
        seed=seed,
    )
