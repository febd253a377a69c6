"""The process that a bundle is tried in: it loads every model, scores two rows with each, and ends."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # LightGBM imports pandas if it can, which takes as long as all the rest
    sys.modules["pandas"] = None  # type: ignore[assignment]

import lightgbm as lgb
import numpy as np

from models.errors import ModelError
from models.registry.bundle import restored
from models.registry.manifest import PACK, read_manifest
from models.risk.booster import check_booster
from models.telemetry.samples import Float64


def score_once(folder: Path) -> None:
    """Score zeros and missing values with each model of a bundle. Raises ModelError, LightGBMError."""
    manifest = read_manifest(folder)
    models = restored(folder, manifest)
    model, width = models.fleet, len(manifest.feature_names)
    rows = np.stack([np.zeros(width, np.float32), np.full(width, np.nan, np.float32)])
    _expect_probabilities(folder, model.score(rows))
    if model.causes:
        _expect_probabilities(folder, model.causes.score(rows))
    inputs = len(model.columns) + (model.spread_d is None)
    if models.pack is not None:
        for name in models.pack.entries:
            where = f"{PACK}: {name}"
            check_booster(models.pack.text(name), inputs, name=where)
            _expect_probabilities(where, models.member(name).score(rows))


def _expect_probabilities(where: object, found: Float64) -> None:
    if not (np.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()):
        raise ModelError(f"{where}: scores {found.tolist()}: expected probabilities")


if __name__ == "__main__":
    try:
        score_once(Path(sys.argv[1]))
    except (ModelError, lgb.basic.LightGBMError) as failure:
        sys.exit(str(failure))
