"""What each contender would have given a maintenance team on fleets that nothing was chosen on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from chillcast.skill.contenders import Contender, foreseeable
from chillcast.skill.survey import Survey, under_way
from models.alerting.cases import Case, cases_of
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.threshold import learn_threshold
from models.evaluation.events import EventReport, evaluate_cases
from models.evaluation.metrics import share
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.risk.modes import Modes
from models.telemetry.samples import Event, Float32

BudgetOf = Literal["unexplained", "all"]
_EARLY_D, _RESAMPLES, _INTERVAL = 3.0, 400, (5, 95)


class SkillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One contender under one budget; alarms are per machine-year, shares of shutdowns.

    ``recall_low`` and ``recall_high`` hold the 90 % interval of ``recall_foreseeable`` over machines. The two
    of modes are of the model alone: of its cases on a machine with a fault under way, in how many a mode was
    ``mode_named``, and of those in how many it was one under way.
    """

    policy: str
    budget: float
    budget_of: BudgetOf
    recall: float | None
    recall_foreseeable: float | None
    recall_low: float | None
    recall_high: float | None
    share_3d: float | None
    lead_days_median: float | None
    false_alarms: float
    unexplained_alarms: float
    shutdowns: int
    foreseeable: int
    machine_years: float
    mode_right: float | None = None
    mode_named: float | None = None


def judge_all(
    fleet: Fleet,
    contenders: Sequence[Contender],
    develop: Survey,
    judge: Survey,
    budgets: Sequence[float],
    modes: Mapping[str, Sequence[str]],
) -> list[SkillRow]:
    """Return a row per contender, budget and what the budget counts."""
    kinds: tuple[BudgetOf, ...] = ("unexplained", "all")
    rows = []
    for contender in contenders:
        for budget in budgets:
            for counted in kinds:
                alerting = replace(
                    fleet.alerting, false_alarms_per_asset_year=budget, budget_of=counted, daily_share=None
                )
                cases, report = _judged(contender, alerting, develop, judge)
                row = _row(contender.name, alerting, report, judge)
                if contender.name == "model":
                    right, named = mode_shares(fleet, judge, cases, modes)
                    row = msgspec.structs.replace(row, mode_right=right, mode_named=named)
                rows.append(row)
    return rows


def _judged(
    contender: Contender, alerting: Alerting, develop: Survey, judge: Survey
) -> tuple[list[Case], EventReport]:
    threshold = learn_threshold(alerting, contender.develop, develop.log)
    cases = cases_of(HysteresisPolicy(alerting, threshold), contender.judge, judge.log)
    start_ms, end_ms = judge.span_ms
    assets = len(judge.keys.assets)
    return cases, evaluate_cases(cases, judge.log, alerting, start_ms=start_ms, end_ms=end_ms, assets=assets)


def _row(name: str, alerting: Alerting, report: EventReport, judge: Survey) -> SkillRow:
    known = foreseeable(judge.shutdowns)
    announced = [(e, at_ms) for e, at_ms in report.announced if _key(e) in known]
    missed = [e for e in report.missed if _key(e) in known]
    total = len(announced) + len(missed)
    early = sum(e.time_ms - at_ms >= _EARLY_D * DAY_MS for e, at_ms in announced)
    low, high = _interval([e for e, _ in announced], missed)
    return SkillRow(
        policy=name,
        budget=alerting.false_alarms_per_asset_year,
        budget_of=alerting.budget_of,
        recall=share(report.alerted, report.shutdowns),
        recall_foreseeable=share(len(announced), total),
        recall_low=low,
        recall_high=high,
        share_3d=share(early, total),
        lead_days_median=report.lead_days_median,
        false_alarms=report.false_alarms_per_asset_year,
        unexplained_alarms=report.unexplained_per_asset_year,
        shutdowns=report.shutdowns,
        foreseeable=total,
        machine_years=report.asset_years,
    )


def _interval(announced: Sequence[Event], missed: Sequence[Event]) -> tuple[float | None, float | None]:
    """Return the middle 90 % of the share announced, machines drawn anew with replacement."""
    machines = sorted({e.asset for e in (*announced, *missed)})
    if not machines:
        return None, None
    number = {name: i for i, name in enumerate(machines)}
    hits = np.bincount([number[e.asset] for e in announced], minlength=len(machines))
    all_ = hits + np.bincount([number[e.asset] for e in missed], minlength=len(machines))
    drawn = np.random.default_rng(0).integers(0, len(machines), (_RESAMPLES, len(machines)))
    low, high = np.percentile(hits[drawn].sum(axis=1) / all_[drawn].sum(axis=1), _INTERVAL)
    return float(low), float(high)


def mode_shares(
    fleet: Fleet, judge: Survey, cases: Sequence[Case], modes: Mapping[str, Sequence[str]]
) -> tuple[float | None, float | None]:
    """Return how often a named mode was under way, and in how many cases one was named.

    Cases on machines without any fault under way do not count: they have no mode to be named.
    """
    schema = FeatureSchema(fleet)
    teller, at = Modes(fleet, schema), _places(judge)
    named = right = counted = 0
    for case in cases:
        there = under_way(judge.faults, case.asset, case.opened_ms)
        if not there:
            continue
        counted += 1
        suspicion = teller.suspected(_vector(judge, at[case.asset, case.opened_ms], len(schema)))
        if suspicion is not None and suspicion.is_clear:
            named += 1
            right += bool(there.intersection(modes.get(suspicion.advice.fault, ())))
    return share(right, named), share(named, counted)


def _places(judge: Survey) -> dict[tuple[str, int], int]:
    names, keys = judge.keys.assets, judge.keys
    pairs = zip(keys.asset.tolist(), keys.end_ms.tolist(), strict=True)
    return {(names[asset], end_ms): i for i, (asset, end_ms) in enumerate(pairs)}


def _vector(judge: Survey, row: int, features: int) -> Float32:
    vector = np.full(features, np.nan, np.float32)
    vector[judge.columns] = judge.features[row]
    return vector


def _key(event: Event) -> tuple[str, int]:
    return event.asset, event.time_ms
