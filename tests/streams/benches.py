"""A bench that holds what a test puts on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.promotion import CHAMPION, Role
from models.risk import RiskModel
from streams.bench import Candidate
from streams.messages import Tenure


@dataclass
class Held:
    """Knows its candidates by version; `promote` makes one ready."""

    known: dict[str, Candidate] = field(default_factory=dict)
    promoted: dict[Role, Candidate] = field(default_factory=dict)

    def promote(self, version: str, model: RiskModel, role: Role = CHAMPION) -> Candidate:
        found = self.known.setdefault(version, Candidate(version, version * 64, model))
        self.promoted[role] = found
        return found

    def of(self, tenure: Tenure) -> Candidate | None:
        return self.known.get(tenure.version, self.promoted.get(tenure.role))

    def ready(self, role: Role) -> Candidate | None:
        return self.promoted.get(role)
