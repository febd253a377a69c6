"""A bench that holds what a test puts on it, and a model set that is quickly made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.features.schema import FeatureSchema
from models.registry.promotion import CHAMPION, Role
from models.risk.hazard import RiskModel
from models.risk.model_set import Index, ModelSet
from models.risk.pack import packed, write_pack
from streams.champions.model_pool import Candidate
from streams.records import Assignment


def divided(fleet: RiskModel, member: RiskModel, path: Path, machine: str = "a") -> ModelSet:
    """Return a set in which one machine is scored by a member for its chiller model."""
    pack = write_pack(path, [("model:X", packed(member.booster), member.offset)])
    index = Index(levels=("model",), members=dict(pack.entries), routes={machine: "model:X"})
    return ModelSet(fleet, index, pack)


@dataclass
class Held:
    """Knows its candidates by version; `promote` makes one ready."""

    known: dict[str, Candidate] = field(default_factory=dict)
    promoted: dict[Role, Candidate] = field(default_factory=dict)

    def promote(
        self,
        version: str,
        model: RiskModel | ModelSet,
        role: Role = CHAMPION,
        schema: FeatureSchema | None = None,
    ) -> Candidate:
        models = model if isinstance(model, ModelSet) else ModelSet(model)
        found = self.known.setdefault(version, Candidate(version, version * 64, models, schema=schema))
        self.promoted[role] = found
        return found

    def candidate(self, assignment: Assignment) -> Candidate | None:
        return self.known.get(assignment.version, self.promoted.get(assignment.role))

    def ready(self, role: Role) -> Candidate | None:
        return self.promoted.get(role)
