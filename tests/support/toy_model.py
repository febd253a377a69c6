"""A risk model of a toy fleet that is quickly trained, with its explainer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice
from models.fleet.training import Training
from models.risk.explain import Explainer
from models.risk.hazard import RiskModel, train
from models.telemetry.labels import HazardRows
from models.telemetry.samples import Float32
from tests.support.toy_fleet import fleet_of

HORIZONS = (1.0, 3.0, 7.0)


def fleet() -> Fleet:
    """Windows of 15 minutes, a day and a week; an alert looks seven days ahead."""
    toy = fleet_of(sensors=3, windows_s=(960, 86_400, 604_800))
    return replace(
        toy,
        horizons_d=HORIZONS,
        alerting=replace(toy.alerting, horizon_d=7.0),
        advice=(
            Advice(fault="fouling", sensors=("s0",), check="clean the tubes"),
            Advice(fault="leak", sensors=("s1", "s2"), check="look for oil"),
        ),
    )


@dataclass(frozen=True)
class Trained:
    fleet: Fleet
    schema: FeatureSchema
    model: RiskModel
    explainer: Explainer

    def vector(self, **means: float) -> Float32:
        """Return a window whose means over the day are given, and over the week 1."""
        out = np.zeros(len(self.schema), np.float32)
        for key in self.fleet.keys:
            out[self.schema.index(key, "1d", "mean")] = means.get(key, 0.0)
            out[self.schema.index(key, "7d", "mean")] = 1.0
        return out


def trained(fleet: Fleet, steep: tuple[float, ...] = (2.0, 1.0, 0.0)) -> Trained:
    """Fit a model whose risk rises with the daily means of s0 and, less steeply, of s1; s2 says nothing."""
    schema, rng, n = FeatureSchema(fleet), np.random.default_rng(1), 4000
    daily = [schema.index(key, "1d", "mean") for key in fleet.keys]
    features = np.zeros((n, len(schema)), np.float32)
    features[:, daily] = rng.normal(0, 1, (n, len(daily)))
    slopes = np.array(steep)
    chance = 1 / (1 + np.exp(4 - features[:, daily] @ slopes))
    rows = HazardRows(np.arange(n), np.zeros(n, np.int32), rng.random(n) < chance)
    model = train(
        features,
        rows,
        names=schema.names,
        columns=np.arange(len(schema)),
        fingerprint=schema.fingerprint,
        horizons_d=HORIZONS,
        training=Training(rounds=50, parameters={"num_leaves": 4}),
        seed=1,
    )
    return Trained(fleet, schema, model, Explainer(fleet, model, schema))
