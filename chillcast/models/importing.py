"""A model of one's own becomes a version: a bundle's folder, a LightGBM model file, or a booster."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import lightgbm as lgb

from chillcast.models.registered import Registered
from models.errors import ModelError
from models.features.expectation import identity_of
from models.features.schema import FeatureSchema
from models.registry.bundle import load_bundle, write_bundle
from models.registry.foreign_booster import adopt
from models.registry.manifest import read_manifest
from models.registry.promotion import whoever


def register(
    registered: Registered,
    model: str | Path | lgb.Booster,
    *,
    threshold: float | None,
    metrics: Mapping[str, float],
) -> str:
    """Register a model; return its version.

    A booster is given the features of the champion; without a ``threshold`` it gets the champion's.
    """
    fleet, registry = registered.fleet, registered.registry
    if isinstance(model, (str, Path)) and Path(model).is_dir():
        return registry.register(fleet.name, Path(model))
    text, source = _text_of(model)
    expectation = registered.expectation()
    schema = FeatureSchema(fleet, identity_of(expectation))
    least = _threshold(registered) if threshold is None else threshold
    adopted = adopt(text, schema, threshold=least)
    lineage = {"source": source, "who": whoever(), "kind": "adopted"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        write_bundle(folder, adopted, expectation, fleet=fleet, metrics=metrics, lineage=lineage)
        load_bundle(folder, schema.fingerprint)
        return registry.register(fleet.name, folder)


def _threshold(registered: Registered) -> float:
    champion = registered.promotions.newest()
    if champion is None:
        raise ModelError("threshold: expected one, since there is no champion to take it from")
    return read_manifest(registered.promoted_folder(champion)).threshold


def _text_of(model: str | Path | lgb.Booster) -> tuple[str, str]:
    """Return the text of a booster, and where it comes from."""
    if isinstance(model, lgb.Booster):
        return model.model_to_string(), "a booster"
    try:
        return Path(model).read_text(encoding="utf-8"), Path(model).name
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{model}: expected a LightGBM model file or a bundle's folder ({error})") from error
