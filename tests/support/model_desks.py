"""Models that a page is told of, and what is done about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import ModelError
from models.registry.promotion import Promotion
from streams.access.roles import Person
from streams.page.backstage import Backstage, Wanted
from tests.support.page import NEWEST_MS

OBJECTIONS = (
    "version 3 does not pass the gate: recall: 0.4, at least 0.5 is wanted; brier: 0.3, at most 0.2 is wanted"
)
BIN = {"predicted": 0.1, "observed": 0.2, "windows": 60}
FARES = {
    "challenger_version": "3",
    "champion_version": "2",
    "as_of_ms": NEWEST_MS,
    "verdict": "better",
    "windows": 60,
    "assets": 40,
    "outcomes": 15,
    "challenger_log_loss": 0.11,
    "champion_log_loss": 0.22,
    "difference": -0.11,
    "low": -0.2,
    "high": -0.05,
    "challenger": [BIN],
    "champion": [{**BIN, "observed": 0.5}],
}
RUN = {
    "number": 1,
    "trigger": "drift",
    "why": "20 machines <changed>",
    "step": "won",
    "version": "3",
    "as_of_ms": NEWEST_MS,
    "result": "",
    "text": "",
}


def promoted(number: int, version: str, role: str = "champion", **more: str) -> Promotion:
    """Return a promotion."""
    said = {"reason": "better", "who": "ann", **more}
    return Promotion(number=number, version=version, role=role, promoted_ms=NEWEST_MS, **said)  # type: ignore[arg-type]


@dataclass
class ToldModels:
    """Three versions of which the second scores; the gate lets nobody pass who does not override it."""

    promotions: list[Promotion] = field(
        default_factory=lambda: [
            promoted(1, "1", reason="first <one>"),
            promoted(2, "2", overridden="recall"),
            promoted(3, "3", "challenger"),
        ]
    )
    asked: list[tuple[Wanted, str]] = field(default_factory=list)

    def decide(self, wish: Wanted, person: Person) -> Mapping[str, Any]:
        """Do what is asked."""
        self.asked.append((wish, person.name))
        if wish.seen not in (None, self.promotions[-1].number):
            raise ModelError("meanwhile bob promoted version 2 as champion: look at it, and ask again")
        if not (wish.override or wish.shadow) and wish.version:
            raise ModelError(OBJECTIONS)
        role = "challenger" if wish.shadow else "champion"
        made = promoted(
            len(self.promotions) + 1, wish.version or "1", role, reason=wish.reason, who=person.name
        )
        self.promotions.append(made)
        return {name: getattr(made, name) for name in ("number", "version", "role", "reason", "overridden")}

    def backstage(self, **given: Any) -> Backstage:
        """Return what a page asks."""
        told = {"threshold": 0.25, "metrics": {"roc_auc": 0.91234}, "lineage": {"dataset": "x" * 64}}
        asks: dict[str, Any] = {
            "promotions": lambda: self.promotions,
            "manifest": lambda _: told,
            "fares": lambda: FARES,
            "retraining": lambda: {"runs": [RUN]},
            "decide": self.decide,
        }
        return Backstage(**{**asks, **given})
