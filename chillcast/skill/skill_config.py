"""Which simulated fleets a forecast is developed on, and which it is judged on: data, kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from chillcast.shipped import find_file
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.config import means, read_table, read_toml, refuse, table
from models.fleet.consistency import stride_fault
from models.fleet.fleet import Fleet
from models.fleet.kinds import Days
from simulators.clock import DAY_S
from simulators.fleet.scenario import Scenario, load_scenario

Budget = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


@table
class SkillFleet:
    """One simulated fleet: a scenario with another seed, and maybe another size."""

    scenario: Annotated[str, means("name of a shipped scenario, or path of one")]
    seed: Annotated[int | None, Field(ge=0), means("its seed; by default the scenario's own")] = None
    assets: Annotated[int | None, Field(gt=0), means("number of machines")] = None
    days: Annotated[Days | None, means("number of days")] = None
    start: Annotated[date | None, means("first day, UTC")] = None
    noise: Annotated[float | None, Field(ge=0), means("factor on the noise of all instruments")] = None
    full: Annotated[bool, means("only if all are asked for")] = False

    @property
    def name(self) -> str:
        """A name that tells it from others."""
        return (
            f"{Path(self.scenario).stem}-{self.seed}" if self.seed is not None else Path(self.scenario).stem
        )

    def load(self) -> Scenario:
        """Return the scenario, changed; ConfigError if there is none."""
        path = Path(self.scenario)
        found = load_scenario(path if path.exists() else find_file(self.scenario, "scenario"))
        changes = {key: getattr(self, key) for key in ("seed", "assets", "days", "start", "noise")}
        return replace(found, **{key: value for key, value in changes.items() if value is not None})

    def shares_machines(self, other: SkillFleet) -> bool:
        """Return whether both simulate the same machines, however many, and on whatever days."""
        one, two = self.load(), other.load()
        return one == replace(two, assets=one.assets, days=one.days, start=one.start, noise=one.noise)


@table
class SkillConfig:
    """A judgement of skill.

    The model is learnt, and thresholds are set, on ``develop``; nothing may ever be chosen by looking at
    ``judge``. ``modes`` names, per fault of `[[advice]]`, the simulator's kinds that it stands for.
    """

    fleet: Annotated[str, means("the fleet file")]
    stride_s: Annotated[int, Field(gt=0), means("look at windows whose end is a multiple of it")] = 21_600
    budgets: Annotated[tuple[Budget, ...], Field(min_length=1), means("false alarms a machine-year")] = (
        0.5,
        1.0,
    )
    develop: Annotated[tuple[SkillFleet, ...], Field(min_length=1)]
    judge: Annotated[tuple[SkillFleet, ...], Field(min_length=1)]
    modes: dict[str, tuple[str, ...]]

    def chosen(self, *, full: bool) -> SkillConfig:
        """Return what is looked at: all of it, or what takes minutes."""
        return replace(
            self, develop=_some("develop", self.develop, full), judge=_some("judge", self.judge, full)
        )


def _some(kind: str, fleets: Sequence[SkillFleet], full: bool) -> tuple[SkillFleet, ...]:
    some = tuple(one for one in fleets if full or not one.full)
    if not some:
        names = ", ".join(one.name for one in fleets)
        raise ConfigError("fleets to look at", kind, names, "one without full = true, or --full")
    return some


def check_fleets(config: SkillConfig, fleet: Fleet) -> None:
    """Refuse fleets that no judgement can be made on: ConfigError says what was expected instead."""
    faults = [*_off_stride(config, fleet), *_doubled(config), *_apart(config), *_too_short(config, fleet)]
    refuse([*faults, *learnt_on(config.develop, config.judge, "fleets to look at")])


def learnt_on(
    develop: Sequence[SkillFleet], judge: Sequence[SkillFleet], source: str
) -> Iterator[ConfigError]:
    """Yield the fleets that thresholds would be learnt on, and that would be judged on as well."""
    for number, one in enumerate(judge):
        if any(one.shares_machines(other) for other in develop):
            yield ConfigError(source, f"judge[{number}].seed", one.seed, "a seed that is not in develop")


def _off_stride(config: SkillConfig, fleet: Fleet) -> Iterator[ConfigError]:
    expected = stride_fault(fleet, config.stride_s)
    if expected is not None:
        yield ConfigError("fleets to look at", "stride_s", config.stride_s, expected)


def _doubled(config: SkillConfig) -> Iterator[ConfigError]:
    for kind, fleets in (("develop", config.develop), ("judge", config.judge)):
        names = [one.name for one in fleets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            expected = "each scenario once, or with a seed of its own"
            yield ConfigError("fleets to look at", kind, name, expected)


def _apart(config: SkillConfig) -> Iterator[ConfigError]:
    """Yield fleets of other days than the first of their list: alarms a year are counted over one span."""
    for kind, fleets in (("develop", config.develop), ("judge", config.judge)):
        first, *others = ((one.name, one.load()) for one in fleets)
        for name, scenario in others:
            if scenario.range_ms != first[1].range_ms:
                days = f"{scenario.days} days from {scenario.start}"
                expected = f"{first[1].days} days from {first[1].start}, as {first[0]}"
                yield ConfigError("fleets to look at", f"{kind}: {name}", days, expected)


def _too_short(config: SkillConfig, fleet: Fleet) -> Iterator[ConfigError]:
    """Yield fleets without a case that is over by their end: the longest window has to be full first."""
    fewest = math.ceil(fleet.sampling.reach_s / DAY_S + fleet.alerting.case_ms / DAY_MS) + 1
    for one in (*config.develop, *config.judge):
        days = one.load().days
        if days < fewest:
            expected = f"{fewest} or more: the longest window, and the time of a case"
            yield ConfigError(one.name, "days", days, expected)


def load_skill_config(path: Path) -> SkillConfig:
    """Read and check a file; ConfigError names the file, the key, its value and what was expected."""
    return read_table(read_toml(path, "skill"), SkillConfig, str(path))
