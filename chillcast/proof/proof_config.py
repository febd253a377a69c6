"""A proof file: the fleets to learn thresholds on and to prove on, and all that is assumed of the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from chillcast.proof.terms import Assumptions, check_assumptions
from chillcast.skill.skill_config import SkillConfig, SkillFleet, check_fleets, learnt_on
from models.errors import ConfigError
from models.fleet.config import means, read_table, read_toml, refuse, suggestion, table
from models.fleet.fleet import Fleet

Budget = Annotated[float, Field(gt=0, le=100)]


@table
class Adversity:
    """Several assumptions that are bad at once: each at the end that hurts."""

    name: Annotated[str, Field(min_length=1), means("in a few words")]
    assumptions: Annotated[tuple[str, ...], Field(min_length=1), means("which ones")]


@table
class ProofConfig:
    """Thresholds are learnt on ``develop``; nothing may ever be chosen by looking at ``judge``."""

    fleet: Annotated[str, means("the fleet file")]
    stride_s: Annotated[int, Field(gt=0), means("look at windows whose end is a multiple of it")] = 21_600
    budget: Annotated[Budget, means("unexplained alarms a machine-year that thresholds keep to")] = 1.0
    other_budgets: Annotated[tuple[Budget, ...], means("of chillcast alone, to compare")] = ()
    replicates: Annotated[int, Field(gt=0), means("how often chance is drawn on site")] = 20
    swept_replicates: Annotated[int, Field(gt=0), means("and for each assumption that is swept")] = 5
    develop: Annotated[tuple[SkillFleet, ...], Field(min_length=1)]
    judge: Annotated[tuple[SkillFleet, ...], Field(min_length=1)]
    assumptions: Assumptions
    adversities: Annotated[tuple[Adversity, ...], means("what is bad together")] = ()

    def chosen(self, *, full: bool) -> ProofConfig:
        """Return what is looked at: the fleets that take minutes, or all."""
        some = self._fleets.chosen(full=full)
        return replace(self, develop=some.develop, judge=some.judge)

    def check(self, fleet: Fleet) -> None:
        """Refuse fleets that nothing can be proved on; ConfigError says why."""
        check_fleets(self._fleets, fleet)

    @property
    def _fleets(self) -> SkillConfig:
        return SkillConfig(
            fleet=self.fleet, stride_s=self.stride_s, develop=self.develop, judge=self.judge, modes={}
        )


def load_proof_config(path: Path) -> ProofConfig:
    """Read and check a file; ConfigError names the file, the key, its value and what was expected."""
    config = read_table(read_toml(path, "proof"), ProofConfig, str(path))
    check_assumptions(config.assumptions, str(path))
    refuse([*_unknown(config, str(path)), *learnt_on(config.develop, config.judge, str(path))])
    return config


def _unknown(config: ProofConfig, source: str) -> Iterator[ConfigError]:
    known: Mapping[str, object] = config.assumptions.each
    for number, one in enumerate(config.adversities):
        for name in (name for name in one.assumptions if name not in known):
            yield ConfigError(source, f"adversities[{number}].assumptions", name, suggestion(name, known))
