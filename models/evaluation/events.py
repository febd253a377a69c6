"""Evaluation by event: what a maintenance team would have got, not what a row-wise metric flatters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.alerting.cases import Case, RiskSeries, Settled, false_cases, unexplained
from models.alerting.share import highest
from models.evaluation.metrics import average_precision, roc_auc
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.labels import label
from models.telemetry.samples import Event


@dataclass(frozen=True, slots=True)
class EventReport:
    """Cases against outcomes.

    ``announced`` holds each alerted outcome with the time at which the case that announced it was opened;
    ``false_alarms`` are cases, of which work that found a fault followed the ``explained`` ones; ``missed``
    are outcomes.
    """

    announced: tuple[tuple[Event, int], ...]
    false_alarms: tuple[Case, ...]
    explained: tuple[Case, ...]
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
        """Median lead time in days, None if nothing was alerted."""
        return float(np.median(self.lead_days)) if self.lead_days else None

    @property
    def false_alarms_per_asset_year(self) -> float:
        """False alarms per asset and year of observation."""
        return len(self.false_alarms) / self.asset_years if self.asset_years else 0.0

    @property
    def unexplained_per_asset_year(self) -> float:
        """Those of them that nothing explains."""
        count = len(self.false_alarms) - len(self.explained)
        return count / self.asset_years if self.asset_years else 0.0


def evaluate_cases(
    cases: Sequence[Case], log: EventLog, alerting: Alerting, *, start_ms: int, end_ms: int, assets: int
) -> EventReport:
    """Match cases of ``assets`` machines with the outcomes in (start, end].

    An outcome is alerted if a case of its machine announced it, the earliest such case giving the lead time;
    with an outcome its case is over, and announces no later one.
    A case opened in [start, end) that announced none is a false alarm, unless its time reaches beyond
    ``end_ms``: then nobody knows, and that time does not count as observed either.
    """
    first = _first_announcements(cases, log, alerting.case_ms, end_ms)
    judged = [(event, opened_ms) for event, opened_ms in first if event.time_ms > start_ms]
    settled = Settled(alerting, start_ms, end_ms)
    false = false_cases(settled.counted(cases), log, alerting.case_ms)
    doubtful = set(unexplained(false, log, alerting))
    return EventReport(
        tuple((event, opened_ms) for event, opened_ms in judged if opened_ms is not None),
        tuple(false),
        tuple(case for case in false if case not in doubtful),
        assets * settled.years,
        tuple(event for event, opened_ms in judged if opened_ms is None),
    )


def _first_announcements(
    cases: Sequence[Case], log: EventLog, case_ms: float, end_ms: int
) -> Iterator[tuple[Event, int | None]]:
    """Yield every outcome up to ``end_ms`` and when the first case that announced it opened, if one did.

    A case that was open before the outcome before it announced that one.
    """
    opened: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.opened_ms):
        opened[case.asset].append(case)
    last_ms = dict[str, int]()
    for event in log.outcomes.between(-1, end_ms):
        known = [c for c in opened[event.asset] if c.opened_ms >= last_ms.get(event.asset, -1)]
        last_ms[event.asset] = event.time_ms
        yield event, next((c.opened_ms for c in known if c.announces(event, case_ms)), None)


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
    scores are never flagged, and rank last.
    """
    series = series.between(start_ms, end_ms)
    alerting = Alerting(horizon_d=horizon_d, daily_share=share)
    return evaluate_alerts(series, flagged(series, share), log, alerting, start_ms=start_ms, end_ms=end_ms)


def evaluate_alerts(
    series: RiskSeries,
    cases: Sequence[Case],
    log: EventLog,
    alerting: Alerting,
    *,
    start_ms: int,
    end_ms: int,
) -> BudgetReport:
    """Match cases with outcomes, beside the windows of the ``series`` in [start, end).

    The two row-wise figures are over the windows whose whole horizon was observed, since keeping only the
    outcomes of the others would flatter. Risks that are not said rank last.
    """
    series = series.between(start_ms, end_ms)
    assets, horizon_d = len(np.unique(series.asset)), alerting.horizon_d
    report = evaluate_cases(cases, log, alerting, start_ms=start_ms, end_ms=end_ms, assets=assets)
    labels = label(series, log, end_ms)
    judged = labels.known(horizon_d)
    ranked = np.nan_to_num(series.risk, nan=-np.inf)
    score, followed = ranked[judged], labels.follows(horizon_d)[judged]
    return BudgetReport(
        report.shutdowns,
        report.alerted,
        len(report.false_alarms),
        report.asset_years,
        report.lead_days_median,
        roc_auc(score, followed),
        average_precision(score, followed),
        len(np.unique((series.end_ms - 1) // DAY_MS)),
    )


def flagged(series: RiskSeries, share: float) -> list[Case]:
    """Return a case of its own for each of the ``share`` with the highest score at each window end."""
    out: list[Case] = []
    for end in np.unique(series.end_ms).tolist():
        rows = np.flatnonzero(series.end_ms == end)
        numbers, scores = series.asset[rows].tolist(), series.risk[rows].tolist()
        cohort = {series.assets[a]: s for a, s in zip(numbers, scores, strict=True)}
        out += [Case(name, end) for name in highest(cohort, share)]
    return out
