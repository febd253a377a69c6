"""A booster that somebody trained elsewhere, made into a risk model over a fleet's features."""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

from models.errors import ModelError
from models.features.schema import FeatureSchema
from models.risk.booster import check_booster
from models.risk.hazard import RiskModel
from models.telemetry.samples import Int64

_OBJECTIVES = ("binary", "cross_entropy")


def adopt(text: str, schema: FeatureSchema, *, threshold: float) -> RiskModel:
    """Return the risk model of a LightGBM model text.

    Its output is the probability of an outcome within the alerting horizon. Its inputs are features of the
    schema by their names, or, where they have LightGBM's own names (``Column_0`` …), all of them in order. A
    last input ``interval`` makes its output the hazard of each interval between the horizons.

    Raises ModelError with what does not fit.
    """
    names = _found(text, "feature_names").split()
    hazard = names[-1:] == ["interval"]
    columns = _columns(names[:-1] if hazard else names, schema)
    objective = _found(text, "objective").split()[0]
    if objective not in _OBJECTIVES:
        raise ModelError(f"objective {objective}: expected a probability ({' or '.join(_OBJECTIVES)})")
    if not 0 < threshold < 1:
        raise ModelError(f"threshold {threshold}: expected a probability between 0 and 1")
    check_booster(text, len(names))
    fleet = schema.fleet
    return RiskModel(
        lgb.Booster(model_str=text),
        schema.names,
        schema.fingerprint,
        fleet.horizons_d,
        columns,
        threshold=threshold,
        spread_d=None if hazard else fleet.alerting.horizon_d,
    )


def _columns(names: Sequence[str], schema: FeatureSchema) -> Int64:
    if all(re.fullmatch(r"Column_\d+", name) for name in names):
        if len(names) != len(schema):
            raise ModelError(f"{len(names)} inputs without names: expected all {len(schema)} features")
        return np.arange(len(schema))
    places = {name: i for i, name in enumerate(schema.names)}
    strange = [name for name in names if name not in places]
    if strange:
        raise ModelError(f"input {strange[0]!r}: expected features of fleet {schema.fleet.name}, by name")
    return np.array([places[name] for name in names], np.int64)


def _found(text: str, key: str) -> str:
    """Return a line of the head of a model text."""
    match = re.search(rf"^{key}=(\S.*)$", text.partition("\nTree=")[0], re.MULTILINE)
    if match is None:
        raise ModelError(f"no {key}: expected a model as LightGBM's save_model writes it")
    return match[1]
