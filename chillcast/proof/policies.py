"""The six policies: what each calls crews to, on the same fleets with the same luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from chillcast.proof.calls import acted_on, by_chance, of_calendar, of_cases
from chillcast.proof.crews import work_off
from chillcast.proof.luck import Luck, draw
from chillcast.proof.plant import Plant
from chillcast.proof.tally import tally
from chillcast.proof.terms import Terms
from chillcast.proof.work import Call, Kind, Record
from chillcast.skill.contenders import Contender
from chillcast.skill.survey import Survey
from models.alerting.cases import cases_of
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.threshold import learn_threshold
from models.fleet.alerting import Alerting
from models.telemetry.samples import Float64

Policy = Literal["no alerts", "calendar", "random", "rules", "chillcast", "oracle"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
_CHANCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Site:
    """A plant, and what each policy that opens cases would call its crews to, by the name of that."""

    plant: Plant
    calls: dict[str, list[Call]]


class Openers:
    """Opens cases, with thresholds that keep to a budget on the fleets to develop on, learnt once."""

    def __init__(self, alerting: Alerting, develop: Survey) -> None:
        self._alerting, self._develop = alerting, develop
        self._thresholds: dict[tuple[str, float], float] = {}

    def calls(
        self, name: str, contender: Contender, budget: float, plant: Plant, judge: Survey
    ) -> list[Call]:
        """Return what a contender would call the crews of a judged fleet to."""
        alerting = replace(
            self._alerting, false_alarms_per_asset_year=budget, budget_of="unexplained", daily_share=None
        )
        if (name, budget) not in self._thresholds:
            found = learn_threshold(alerting, contender.develop, self._develop.log)
            self._thresholds[name, budget] = found
        policy = HysteresisPolicy(alerting, self._thresholds[name, budget])
        return of_cases(plant, cases_of(policy, contender.judge, judge.log))


def tallies(
    sites: Sequence[Site], terms: Terms, replicates: int, wanted: Sequence[str] = POLICIES
) -> dict[str, list[Float64]]:
    """Return by policy, for each site, the mean over so many draws of chance: (M, columns of `Count`)."""
    out: dict[str, list[Float64]] = {name: [] for name in wanted}
    for number, site in enumerate(sites):
        runs = [_runs(site, terms, number * _CHANCE + i, wanted) for i in range(replicates)]
        for name in wanted:
            out[name].append(np.mean([tally(site.plant, run[name]) for run in runs], axis=0))
    return out


def _runs(site: Site, terms: Terms, seed: int, wanted: Sequence[str]) -> dict[str, Record]:
    luck = draw(site.plant, seed)
    done = {name: _run(site, name, terms, luck) for name in wanted if name != "random"}
    if "random" in wanted:
        visits = len(done["chillcast"].of(Kind.VISIT))
        done["random"] = work_off(site.plant, by_chance(site.plant, visits, seed), terms, luck)
    return done


def _run(site: Site, name: str, terms: Terms, luck: Luck) -> Record:
    calls = of_calendar(site.plant, terms) if name == "calendar" else []
    if name in site.calls:
        calls = acted_on(site.calls[name], terms, luck)
    return work_off(site.plant, calls, terms, luck)
