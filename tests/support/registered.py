"""A model, registered with figures that the gate can look at."""

from __future__ import annotations

from chillcast.models.modelling import Models
from models.fleet.fleet import Fleet
from models.registry.bundle import write_bundle
from models.risk.hazard import RiskModel

FIGURES = {
    "model_recall": 0.5,
    "model_false_alarms_per_asset_year": 0.8,
    "model_log_loss": 0.1,
    "model_brier": 0.02,
}


def registered(models: Models, model: RiskModel, fleet: Fleet | None = None, **figures: float) -> str:
    """Register a model, with the fleet file that it was trained by if one is given; return its version."""
    folder = models.settings.home_path / "written"
    metrics = {**FIGURES, **figures}
    write_bundle(folder, model, None, fleet=fleet or "toy", metrics=metrics, lineage={"slice": "s"})
    return models.register(folder)
