"""What each contender would have given a maintenance team on fleets that nothing was chosen on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from chillcast.skill.contenders import Contender, foreseeable
from chillcast.skill.survey import Survey, under_way
from models.alerting.cases import Case, RiskSeries, cases_of
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.threshold import learn_threshold
from models.evaluation.events import EventReport, evaluate_cases
from models.evaluation.metrics import share
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event

BudgetOf = Literal["unexplained", "all"]
EARLY_D = 3.0
_RESAMPLES, _INTERVAL = 400, (5, 95)


class SkillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One contender under one budget; alarms are per machine-year, shares of shutdowns.

    ``recall_low`` and ``recall_high`` hold the 90 % interval of ``recall_foreseeable`` over machines. Of the
    ``false_alarms``, ``sound_alarms`` were on machines without any fault under way. The last five are of the
    model alone: of its cases on a machine with a fault under way, in how many a mode was ``mode_named``, of
    those in how many it was one under way, and how probable it was said to be; of its cases with a shutdown,
    in how many it came between the days that the case says, and how many days lie between these (median).
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
    sound_alarms: float
    shutdowns: int
    foreseeable: int
    machine_years: float
    mode_right: float | None = None
    mode_named: float | None = None
    mode_said: float | None = None
    span_right: float | None = None
    span_days_median: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a contender's ``cases`` on the judged fleets came to, with a threshold that keeps to a budget."""

    contender: Contender
    alerting: Alerting
    threshold: float
    cases: list[Case]
    report: EventReport


def judge_all(
    fleet: Fleet, contenders: Sequence[Contender], develop: Survey, judge: Survey, budgets: Sequence[float]
) -> Iterator[Verdict]:
    """Yield a verdict per contender, budget and what this counts; thresholds are learnt on the first."""
    kinds: tuple[BudgetOf, ...] = ("unexplained", "all")
    for contender in contenders:
        for budget in budgets:
            for counted in kinds:
                alerting = replace(
                    fleet.alerting, false_alarms_per_asset_year=budget, budget_of=counted, daily_share=None
                )
                threshold = learn_threshold(alerting, contender.develop, develop.log)
                cases = cases_of(HysteresisPolicy(alerting, threshold), contender.judge, judge.log)
                yield Verdict(contender, alerting, threshold, cases, evaluated(cases, alerting, judge))


def evaluated(cases: Sequence[Case], alerting: Alerting, judge: Survey) -> EventReport:
    """Match cases with the shutdowns of the judged fleets."""
    start_ms, end_ms = judge.span_ms
    assets = len(judge.keys.assets)
    return evaluate_cases(cases, judge.log, alerting, start_ms=start_ms, end_ms=end_ms, assets=assets)


def at_threshold(series: RiskSeries, threshold: float, alerting: Alerting, judge: Survey) -> EventReport:
    """Return what a threshold comes to on the judged fleets."""
    cases = cases_of(HysteresisPolicy(alerting, threshold), series, judge.log)
    return evaluated(cases, alerting, judge)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The shutdowns that a gradual fault led to: those announced, with when, and those missed."""

    announced: list[tuple[Event, int]]
    missed: list[Event]

    @property
    def total(self) -> int:
        """How many there were."""
        return len(self.announced) + len(self.missed)

    @property
    def early(self) -> int:
        """How many were announced three days ahead or more."""
        return sum(is_early(*one) for one in self.announced)


def is_early(event: Event, opened_ms: int) -> bool:
    """Return whether a case was opened three days or more before the shutdown."""
    return event.time_ms - opened_ms >= EARLY_D * DAY_MS


def foreseen(report: EventReport, judge: Survey) -> Foreseen:
    """Return what of a report is of the foreseeable shutdowns."""
    known = foreseeable(judge.shutdowns)
    return Foreseen(
        [
            (event, opened_ms)
            for event, opened_ms in report.announced
            if (event.asset, event.time_ms) in known
        ],
        [event for event in report.missed if (event.asset, event.time_ms) in known],
    )


def on_sound(cases: Sequence[Case], judge: Survey) -> list[Case]:
    """Return the cases that were opened on machines without any fault under way."""
    return [case for case in cases if not under_way(judge.faults, case.asset, case.opened_ms)]


def row_of(verdict: Verdict, judge: Survey) -> SkillRow:
    """Return the figures of a verdict that every contender has."""
    report, alerting = verdict.report, verdict.alerting
    found = foreseen(report, judge)
    low, high = _interval([event for event, _ in found.announced], found.missed)
    return SkillRow(
        policy=verdict.contender.name,
        budget=alerting.false_alarms_per_asset_year,
        budget_of=alerting.budget_of,
        recall=share(report.alerted, report.shutdowns),
        recall_foreseeable=share(len(found.announced), found.total),
        recall_low=low,
        recall_high=high,
        share_3d=share(found.early, found.total),
        lead_days_median=report.lead_days_median,
        false_alarms=report.false_alarms_per_asset_year,
        unexplained_alarms=report.unexplained_per_asset_year,
        sound_alarms=len(on_sound(report.false_alarms, judge)) / max(report.asset_years, 1e-9),
        shutdowns=report.shutdowns,
        foreseeable=found.total,
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
