"""A model that was learnt elsewhere on the same features, which a fleet's own learning begins with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.errors import ModelError
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.bundle import load_bundle
from models.registry.manifest import bundle_sha256, read_manifest
from models.risk.hazard import RiskModel


class Pretrained(NamedTuple):
    """A model, and the SHA-256 of the bundle that it came in."""

    model: RiskModel
    sha256: str


def load_pretrained(folder: Path, fleet: Fleet) -> Pretrained:
    """Load the bundle of a pre-trained model.

    Its features are those of the fleet before any expectation is fitted: residuals are told in standard
    deviations of the fleet's own. Raises ModelError if it looks at others, or says risks of other horizons.
    """
    schema = FeatureSchema(fleet)
    found = read_manifest(folder).fingerprint
    if found != schema.fingerprint:
        raise ModelError(
            f"{folder}: fingerprint {found}: this fleet has {schema.fingerprint}, other sensors, limits, "
            "windows, rules or expectations than it was pre-trained on: leave out training.pretrained, or "
            "pre-train anew"
        )
    model = load_bundle(folder, schema.fingerprint).fleet
    if model.horizons_d != fleet.horizons_d:
        raise ModelError(f"{folder}: horizons_d {list(model.horizons_d)}: expected {list(fleet.horizons_d)}")
    if not np.array_equal(model.columns, schema.matching(fleet.training.features)):
        raise ModelError(
            f"{folder}: its {len(model.columns)} features are others than training.features allows: expected "
            "the patterns of its pre-training"
        )
    return Pretrained(model, bundle_sha256(folder))
