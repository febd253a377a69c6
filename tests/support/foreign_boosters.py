"""Boosters that somebody trained elsewhere on features of the toy fleet."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from models.features.schema import FeatureSchema
from tests.support.toy_model import fleet

SCHEMA = FeatureSchema(fleet())


def foreign_booster(names: list[str] | None, width: int, **parameters: object) -> lgb.Booster:
    """Return a small booster over inputs of these names; its first input decides."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(600, width))
    label = (features[:, 0] + rng.normal(size=600) > 1).astype(float)
    data = lgb.Dataset(features, label, feature_name=names or "auto")
    settings = {"objective": "binary", "verbose": -1, "num_leaves": 4, "num_threads": 1, **parameters}
    return lgb.train(settings, data, num_boost_round=5)


def two_features() -> list[str]:
    """Return two of the fleet's features, not in their order."""
    return [SCHEMA.names[3], SCHEMA.names[0]]
