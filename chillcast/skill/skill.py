"""A judgement of skill from beginning to end: simulate, learn, judge, and say it as a table and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from chillcast.settings import find_file
from chillcast.skill.contenders import model, rivals
from chillcast.skill.judgement import SkillRow, judge_all
from chillcast.skill.oracle import oracle
from chillcast.skill.skill_config import SkillConfig, SkillFleet
from chillcast.skill.survey import Survey, join, survey
from chillcast.terminal.reporter import Reporter
from models.fleet.fleet import Fleet, load_fleet

_SEED = 1


def judge_skill(config: SkillConfig, reporter: Reporter, scenarios: Sequence[Path] = ()) -> list[SkillRow]:
    """Learn on the fleets to develop on, and judge on the others, or on the given scenarios instead."""
    fleet = load_fleet(find_file(config.fleet, "fleet"))
    judged = tuple(SkillFleet(scenario=str(path)) for path in scenarios) or config.judge
    develop = _seen(config.develop, fleet, config.stride_s, reporter)
    judge = _seen(judged, fleet, config.stride_s, reporter)
    with reporter.step("learning"):
        learnt = model(fleet, develop, judge, _SEED)
    with reporter.step("judging"):
        others = [*rivals(fleet, develop, judge, _SEED), oracle(fleet, develop, judge, _SEED)]
        thin = replace(develop, features=develop.features[:0])
        return judge_all(fleet, [learnt, *others], thin, judge, config.budgets, config.modes)


def _seen(fleets: Sequence[SkillFleet], fleet: Fleet, stride_s: int, reporter: Reporter) -> Survey:
    found = []
    for one in fleets:
        scenario = one.load()
        with reporter.step(f"{one.name}: {scenario.assets} machines, {scenario.days} days") as advance:
            found.append(survey(one.name, scenario, fleet, stride_s, advance))
    return join(found)


def write_json(rows: Sequence[SkillRow], path: Path) -> None:
    """Write the rows as a list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")


def in_words(row: SkillRow) -> dict[str, object]:
    """Return what a person reads of a row, by the words of its column."""
    between = None
    if row.recall_low is not None and row.recall_high is not None:
        between = f"{row.recall_low:.0%}–{row.recall_high:.0%}"
    return {
        "scored_by": row.policy,
        "budget": row.budget,
        "counts": row.budget_of,
        "of_all": _percent(row.recall),
        "foreseeable": _percent(row.recall_foreseeable),
        "90_%_interval": between,
        "3_days_ahead": _percent(row.share_3d),
        "lead_days": row.lead_days_median,
        "alarms": round(row.false_alarms, 2),
        "unexplained": round(row.unexplained_alarms, 2),
        "mode_named": _percent(row.mode_named),
        "mode_right": _percent(row.mode_right),
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
