"""Evaluation by event: what a maintenance team would have got, not what a row-wise metric flatters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.alerting.policy import RiskSeries, highest
from models.evaluation.metrics import average_precision, roc_auc
from models.telemetry.event_log import EventLog
from models.telemetry.labels import DAY_MS, YEAR_MS, label
from models.telemetry.samples import Event


@dataclass(frozen=True, slots=True)
class EventReport:
    """Cases against outcomes.

    ``announced`` holds each alerted outcome with the time at which the case that announced it was opened;
    ``false_alarms`` are cases, ``missed`` outcomes.
    """

    announced: tuple[tuple[Event, int], ...]
    false_alarms: tuple[tuple[str, int], ...]
    asset_years: float
    missed: tuple[Event, ...]

    @property
    def shutdowns(self) -> int:
        """How many outcomes there were."""
        return len(self.announced) + len(self.missed)

    @property
    def alerted(self) -> int:
        """How many of them were alerted."""
        return len(self.announced)

    @property
    def lead_days(self) -> tuple[float, ...]:
        """How long before each alerted outcome its case was opened."""
        return tuple((event.time_ms - opened_ms) / DAY_MS for event, opened_ms in self.announced)

    @property
    def lead_days_median(self) -> float | None:
        """Median lead time in days, None where nothing was alerted."""
        return float(np.median(self.lead_days)) if self.lead_days else None

    @property
    def false_alarms_per_asset_year(self) -> float:
        """False alarms per asset and year of observation."""
        return len(self.false_alarms) / self.asset_years if self.asset_years else 0.0


def evaluate_cases(
    cases: Sequence[tuple[str, int]],
    log: EventLog,
    *,
    horizon_d: float,
    start_ms: int,
    end_ms: int,
    asset_years: float,
) -> EventReport:
    """Match cases (asset, opened_ms) with the outcomes in (start, end].

    An outcome is alerted when a case of its asset opened in [outcome − horizon, outcome), the earliest such
    case giving the lead time. A case opened in [start, end) that no outcome follows within the horizon is a
    false alarm, unless the horizon reaches beyond ``end_ms``: then nobody knows.
    """
    horizon_ms = int(horizon_d * DAY_MS)
    judged = log.outcomes.between(start_ms, end_ms)
    opened: dict[str, list[int]] = defaultdict(list)
    for asset, opened_ms in sorted(cases):
        opened[asset].append(opened_ms)
    announced, missed = [], []
    for event in judged:
        before = [t for t in opened[event.asset] if 0 < event.time_ms - t <= horizon_ms]
        if before:
            announced.append((event, before[0]))
        else:
            missed.append(event)
    settled = [case for case in cases if start_ms <= case[1] <= end_ms - horizon_ms]
    false = tuple(case for case in settled if not judged.follows(*case, horizon_ms))
    return EventReport(tuple(announced), false, asset_years, tuple(missed))


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Outcomes alerted within a budget; how many alerts were false, and of how many machine-years."""

    failures: int
    alerted: int
    false_alarms: int
    asset_years: float
    lead_days_median: float | None
    roc_auc: float | None
    average_precision: float | None
    days_tested: int


def evaluate_budget(
    series: RiskSeries,
    log: EventLog,
    *,
    share: float,
    horizon_d: float,
    start_ms: int,
    end_ms: int,
) -> BudgetReport:
    """Flag the ``share`` with the highest score at each window end in [start, end), ties by asset name.

    An outcome in (start, end] is alerted when its asset was flagged in [outcome − horizon, outcome). NaN
    scores rank last.
    """
    series = series.between(start_ms, end_ms)
    series = replace(series, risk=np.nan_to_num(series.risk, nan=-np.inf))
    cases = flagged(series, share)
    return evaluate_alerts(series, cases, log, horizon_d=horizon_d, start_ms=start_ms, end_ms=end_ms)


def evaluate_alerts(
    series: RiskSeries,
    cases: Sequence[tuple[str, int]],
    log: EventLog,
    *,
    horizon_d: float,
    start_ms: int,
    end_ms: int,
) -> BudgetReport:
    """Match cases (asset, opened_ms) with outcomes, beside the windows of the ``series`` in [start, end).

    The two row-wise figures are over the windows whose whole horizon was observed, since keeping only the
    outcomes of the others would flatter.
    """
    series = series.between(start_ms, end_ms)
    years = len(np.unique(series.asset)) * (end_ms - start_ms) / YEAR_MS
    report = evaluate_cases(
        cases, log, horizon_d=horizon_d, start_ms=start_ms, end_ms=end_ms, asset_years=years
    )
    labels = label(series, log, end_ms)
    judged = labels.known(horizon_d)
    score, followed = series.risk[judged], labels.follows(horizon_d)[judged]
    return BudgetReport(
        report.shutdowns,
        report.alerted,
        len(report.false_alarms),
        years,
        report.lead_days_median,
        roc_auc(score, followed),
        average_precision(score, followed),
        len(np.unique((series.end_ms - 1) // DAY_MS)),
    )


def flagged(series: RiskSeries, share: float) -> list[tuple[str, int]]:
    """Return (asset, window end) of the ``share`` with the highest score at each window end."""
    out: list[tuple[str, int]] = []
    for end in np.unique(series.end_ms).tolist():
        rows = np.flatnonzero(series.end_ms == end)
        numbers, scores = series.asset[rows].tolist(), series.risk[rows].tolist()
        cohort = {series.assets[a]: s for a, s in zip(numbers, scores, strict=True)}
        out += [(name, end) for name in highest(cohort, share)]
    return out
