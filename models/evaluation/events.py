"""Evaluation by event: what a maintenance team would have got, not what a row-wise metric flatters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.alerting.policy import RiskSeries, highest
from models.telemetry.labels import (
    DAY_MS,
    Bools,
    follows,
    known,
    outcome_times,
    outcomes,
    time_to_next,
    within,
)
from models.telemetry.samples import Event, Float64


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
    events: Sequence[Event],
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
    judged = [e for e in outcomes(events) if start_ms < e.time_ms <= end_ms]
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
    times = outcome_times(judged)
    false = tuple(case for case in settled if not follows(times[case[0]], case[1], horizon_ms))
    return EventReport(tuple(announced), false, asset_years, tuple(missed))


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Outcomes alerted where a fixed share of the fleet is flagged each day."""

    failures: int
    alerted: int
    lead_days_median: float | None
    roc_auc: float | None
    average_precision: float | None
    days_tested: int


def evaluate_budget(
    series: RiskSeries,
    events: Sequence[Event],
    *,
    share: float,
    horizon_d: float,
    start_ms: int,
    end_ms: int,
) -> BudgetReport:
    """Flag the ``share`` with the highest score at each window end in [start, end), ties by asset name.

    An outcome in (start, end] is alerted when its asset was flagged in [outcome − horizon, outcome). The two
    row-wise figures are over the windows whose whole horizon was observed, since keeping only the outcomes of
    the others would flatter; NaN scores rank last.
    """
    tested = (series.end_ms >= start_ms) & (series.end_ms < end_ms)
    score = np.nan_to_num(series.risk[tested], nan=-np.inf)
    series = RiskSeries(series.assets, series.asset[tested], series.end_ms[tested], score)
    cases = flagged(series, share)
    report = evaluate_cases(
        cases, events, horizon_d=horizon_d, start_ms=start_ms, end_ms=end_ms, asset_years=0.0
    )
    wait_ms = time_to_next(series.assets, series.asset.astype(np.int32), series.end_ms, events)
    label = within(wait_ms, horizon_d)
    judged = known(series.end_ms, horizon_d, end_ms)
    return BudgetReport(
        report.shutdowns,
        report.alerted,
        report.lead_days_median,
        roc_auc(score[judged], label[judged]),
        average_precision(score[judged], label[judged]),
        len(np.unique(series.end_ms)),
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


def roc_auc(score: Float64, label: Bools) -> float | None:
    """Return the area under the ROC curve, ties counting half; None where one class is absent.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    positives, negatives = int(label.sum()), int((~label).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mean_rank[inverse][label].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(score: Float64, label: Bools) -> float | None:
    """Return the mean precision over the positives, equal scores taken at once; None without positives.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    0.8333333333333333
    """
    if not label.any():
        return None
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], np.cumsum(label[order])
    # Compared, not subtracted: scores that rank last are -inf, and their difference is no number.
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    recall_steps = np.diff(hits[last], prepend=0) / hits[-1]
    return float((recall_steps * hits[last] / (last + 1)).sum())


def log_loss(probability: Float64, label: Bools) -> float | None:
    """Return the mean negative log-likelihood, None over nothing."""
    if not len(label):
        return None
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    return float(-np.where(label, np.log(p), np.log1p(-p)).mean())


def brier(probability: Float64, label: Bools) -> float | None:
    """Return the mean squared error of the probabilities, None over nothing."""
    return float(((probability - label) ** 2).mean()) if len(label) else None
