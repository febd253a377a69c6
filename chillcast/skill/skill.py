"""A judgement of skill from beginning to end: simulate, learn, judge, and say it as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from chillcast.models.learning import pretrained_for
from chillcast.shipped import find_file
from chillcast.skill.breakdown import CalibrationRow, CauseRow, SeasonRow, by_cause, by_season, calibration
from chillcast.skill.contenders import Contender, model, pretrained_model, rivals
from chillcast.skill.judgement import SkillRow, Verdict, judge_all, row_of
from chillcast.skill.naming import mode_skill
from chillcast.skill.oracle import oracle
from chillcast.skill.report import SkillReport, fleets_of
from chillcast.skill.skill_config import SkillConfig, SkillFleet, check_fleets
from chillcast.skill.spans import span_skill
from chillcast.skill.survey import Survey, join, survey
from chillcast.skill.trade_off import trade_off
from chillcast.terminal.reporter import Reporter
from chillcast.terminal.tables import table
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet, load_fleet

_SEED = 1


def judge_skill(config: SkillConfig, reporter: Reporter, scenarios: Sequence[Path] = ()) -> SkillReport:
    """Learn on the fleets to develop on, and judge on the others, or on the given scenarios instead.

    Raises ConfigError if a scenario is not there, too short, or given twice.
    """
    fleet = load_fleet(find_file(config.fleet, "fleet"))
    given = tuple(SkillFleet(scenario=str(path)) for path in scenarios)
    chosen = replace(config, judge=given or config.judge)
    check_fleets(chosen, fleet)
    develop = _seen(chosen.develop, fleet, config.stride_s, reporter)
    judge = _seen(chosen.judge, fleet, config.stride_s, reporter)
    if not judge.log.outcomes.between(*judge.span_ms):
        reporter.alarm("no shutdown in the fleets to judge on: only false alarms can be told")
    with reporter.step("learning"):
        contenders = [
            forecast(fleet, develop, judge),
            *rivals(fleet, develop, judge, _SEED),
            oracle(fleet, develop, judge, _SEED),
        ]
    with reporter.step("judging"):
        return _judged(config, fleet, contenders, replace(develop, features=develop.features[:0]), judge)


def forecast(fleet: Fleet, develop: Survey, judge: Survey) -> Contender:
    """Return the fleet's pre-trained model as it is, or one that is learnt on the fleets to develop on."""
    begun = pretrained_for(fleet)
    if begun is None:
        return model(fleet, develop, judge, _SEED)
    return pretrained_model(fleet, develop, judge, begun.model)


def _judged(
    config: SkillConfig, fleet: Fleet, contenders: Sequence[Contender], develop: Survey, judge: Survey
) -> SkillReport:
    verdicts = list(judge_all(fleet, contenders, develop, judge, config.budgets))
    own = [v for v in verdicts if v.contender.name == "model"]
    return SkillReport(
        horizon_d=fleet.alerting.horizon_d,
        case_d=fleet.alerting.case_ms / DAY_MS,
        develop=fleets_of(develop),
        judge=fleets_of(judge),
        rows=[_row(verdict, config, fleet, develop, judge) for verdict in verdicts],
        causes=[row for verdict in own for row in by_cause(verdict, judge)],
        seasons=[row for verdict in own for row in by_season(verdict, judge)],
        calibration=calibration(fleet, own[0].contender, judge),
        trade_off=trade_off(fleet, contenders, judge),
    )


def _row(verdict: Verdict, config: SkillConfig, fleet: Fleet, develop: Survey, judge: Survey) -> SkillRow:
    row = row_of(verdict, judge)
    if verdict.contender.name != "model":
        return row
    mode = mode_skill(fleet, judge, verdict.cases, config.modes)
    span = span_skill(fleet, verdict, develop, judge)
    return msgspec.structs.replace(
        row,
        mode_right=mode.right,
        mode_named=mode.named,
        mode_said=mode.said,
        span_right=span.right,
        span_days_median=span.days_median,
    )


def _seen(fleets: Sequence[SkillFleet], fleet: Fleet, stride_s: int, reporter: Reporter) -> Survey:
    found = []
    for one in fleets:
        scenario = one.load()
        with reporter.step(f"{one.name}: {scenario.assets} machines, {scenario.days} days") as advance:
            found.append(survey(one.name, scenario, fleet, stride_s, advance))
    return join(found)


def in_tables(report: SkillReport) -> str:
    """Return what a person reads: all contenders, then the model by cause and season, and its calibration."""
    parts = {
        "": [in_words(row) for row in report.rows],
        "by cause": [_of_cause(r) for r in report.causes if (r.budget, r.budget_of) == report.budget],
        "by season": [_of_season(r) for r in report.seasons if (r.budget, r.budget_of) == report.budget],
        f"do the risks over {report.horizon_d:g} days come true": [_true(r) for r in report.calibration],
    }
    budget = f"model, {report.budget[0]:g} unexplained alarms a machine-year"
    heads = {name: f"\n{budget}, {name}\n" if name else "" for name in parts}
    return "\n".join(heads[name] + table(rows) for name, rows in parts.items() if rows)


def _of_cause(row: CauseRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("cause", "shutdowns", "announced", "three_days_ahead")}


def _of_season(row: SeasonRow) -> dict[str, object]:
    counts = ("season", "shutdowns", "foreseeable", "announced", "three_days_ahead")
    rates = ("false_alarms", "unexplained_alarms", "sound_alarms")
    return {name: getattr(row, name) for name in counts} | {
        name: round(getattr(row, name), 2) for name in rates
    }


def _true(row: CalibrationRow) -> dict[str, object]:
    return {
        "season": row.season,
        "windows": row.windows,
        "mean_risk": f"{row.mean_risk:.2%}",
        "came_true": f"{row.observed:.2%}",
        "error_points": round(row.error_points, 2),
    }


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
        "on_sound": round(row.sound_alarms, 2),
        "mode_named": _percent(row.mode_named),
        "mode_right": _percent(row.mode_right),
        "mode_said": _percent(row.mode_said),
        "span_right": _percent(row.span_right),
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
