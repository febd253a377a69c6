"""A folder of bundles, promoted as a person would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from models.fleet.fleet import Fleet
from models.registry.bundle import write_bundle
from models.registry.manifest import bundle_sha256
from models.registry.promotion import CHAMPION, Promotion, Promotions, Role
from models.risk.hazard import RiskModel
from models.risk.model_set import ModelSet
from streams.champions.feature_pool import PromotedFeatures
from streams.champions.model_pool import PromotedModels
from tests.support.toy_model import Trained


@dataclass
class Home:
    """A folder of bundles whose promotions are seen by one bench."""

    folder: Path
    toy: Trained
    alarms: list[str] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.promotions = Promotions(self.folder)

    def pool(self) -> PromotedModels:
        return PromotedModels(
            self.promotions, self.toy.fleet, raise_alarm=self.alarms.append, clock=lambda: self.now_s
        )

    def write(self, version: str, model: RiskModel | ModelSet, fleet: str | Fleet = "toy") -> Path:
        write_bundle(
            self.folder / version, model, None, fleet=fleet, metrics={}, lineage={"version": version}
        )
        return self.folder / version

    def features(self) -> PromotedFeatures:
        return PromotedFeatures(
            self.promotions, self.toy.fleet, raise_alarm=self.alarms.append, clock=lambda: self.now_s
        )

    def promote(self, version: str, role: Role = CHAMPION) -> Promotion:
        promotion = Promotion(
            fleet=self.toy.fleet.name,
            version=version,
            role=role,
            sha256=bundle_sha256(self.folder / version),
            reason="r",
            promoted_ms=1,
            number=self.promotions.next_number,
        )
        self.promotions.claim(promotion)
        self.promotions.enforce(role)
        return promotion


@pytest.fixture
def home(toy: Trained, tmp_path: Path) -> Home:
    found = Home(tmp_path, toy)
    found.write("1", toy.model)
    found.promote("1")
    return found


def ready(pool: PromotedModels) -> str:
    found = pool.ready(CHAMPION)
    assert found is not None
    return found.version
