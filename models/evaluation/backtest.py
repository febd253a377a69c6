"""A judgement by event: what each way of scoring would have given a maintenance team on the same days."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from models.alerting.cases import Case, RiskSeries, Settled, cases_of, uncensored
from models.alerting.policy import create_policy
from models.alerting.threshold import learn_threshold
from models.evaluation.events import EventReport, evaluate_cases, flagged
from models.evaluation.metrics import average_precision, brier, log_loss, roc_auc, share
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.fleet.inventory import FLEET
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Bools, label
from models.telemetry.samples import Event, Float64

WEEK_MS = 7 * DAY_MS
_BINS = 10


class AlertedCount(msgspec.Struct, frozen=True):
    """Of ``shutdowns`` of one kind, how many were ``alerted``."""

    shutdowns: int
    alerted: int


class CalibrationBin(msgspec.Struct, frozen=True):
    """Windows of about the same risk: the mean of their risks, and the share that an outcome followed."""

    predicted: float
    observed: float
    windows: int


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one way of scoring is worth, by event if nothing else is said.

    ``recall`` and ``false_alarms_per_asset_year`` are with the ``threshold`` that was learnt before;
    ``recall_at_budget`` with the one that would have kept to the budget on these days. ``confirmed`` counts
    those false alarms that work followed which found a fault; ``announced`` says when the case
    was opened that announced an outcome. The last five are over windows.
    """

    name: str
    text: str
    threshold: float | None
    shutdowns: int
    alerted: int
    recall: float | None
    recall_at_budget: float | None
    cases: int
    precision: float | None
    false_alarms: int
    false_alarms_per_asset_year: float
    confirmed: int
    unexplained_per_asset_year: float
    announced: tuple[tuple[Event, int], ...]
    lead_days: tuple[float, ...]
    lead_days_median: float | None
    top_k_precision: float | None
    by_cause: dict[str, AlertedCount]
    by_segment: dict[str, AlertedCount]
    roc_auc: float | None
    average_precision: float | None
    brier: float | None = None
    log_loss: float | None = None
    calibration: tuple[CalibrationBin, ...] = ()


@dataclass(frozen=True, slots=True)
class Backtest:
    """What is asked of every way of scoring: the alerting policy, and two spans of time, both [from, until).

    The threshold is learnt on the ``earlier`` one, and judged on the ``later`` one. ``segment_of`` names a
    machine's segment; ``top_k`` machines are looked at each week.
    """

    alerting: Alerting
    log: EventLog
    earlier_ms: tuple[int, int]
    later_ms: tuple[int, int]
    top_k: int = 10
    segment_of: Callable[[str], str] = lambda _: FLEET

    def judge(
        self,
        name: str,
        text: str,
        series: RiskSeries,
        *,
        is_probability: bool = False,
        threshold: float | None = None,
    ) -> BacktestResult:
        """Judge risks of windows in order of time; a ``threshold`` that was learnt already is kept."""
        tested = series.between(*self.later_ms)
        threshold = self._threshold(series) if threshold is None else threshold
        report, cases, false = self._alerts(tested, threshold)
        has_risks = bool(np.isfinite(tested.risk).any())
        at_budget = self._alerts(tested, self._at_budget(tested))[0] if has_risks else report
        return BacktestResult(
            name=name,
            text=text,
            threshold=None if self.alerting.daily_share else threshold,
            recall_at_budget=share(at_budget.alerted, at_budget.shutdowns),
            cases=len(cases),
            precision=share(len(cases) - len(false), len(cases)),
            false_alarms=len(false),
            top_k_precision=self._top_k(tested),
            **self._event_figures(report),
            **self._window_figures(tested, is_probability=is_probability),
        )

    def _event_figures(self, report: EventReport) -> dict[str, Any]:
        """Return what is to be said of the outcomes: which were announced, how early, and at what cost."""
        return {
            "shutdowns": report.shutdowns,
            "alerted": report.alerted,
            "recall": share(report.alerted, report.shutdowns),
            "false_alarms_per_asset_year": report.false_alarms_per_asset_year,
            "confirmed": len(report.explained),
            "unexplained_per_asset_year": report.unexplained_per_asset_year,
            "announced": report.announced,
            "lead_days": tuple(round(d, 3) for d in report.lead_days),
            "lead_days_median": report.lead_days_median,
            "by_cause": _by(report, self._judged(), lambda e: e.code or e.kind),
            "by_segment": _by(report, self._judged(), lambda e: self.segment_of(e.asset)),
        }

    def _window_figures(self, tested: RiskSeries, *, is_probability: bool) -> dict[str, Any]:
        """Return what is to be said of the risks of single windows whose label is known."""
        labels = label(tested, self.log, self.later_ms[1])
        seen = labels.known(self.alerting.horizon_d)
        risk, followed = tested.risk[seen], labels.follows(self.alerting.horizon_d)[seen]
        ranked, told = np.nan_to_num(risk, nan=-np.inf), ~np.isnan(risk)
        risk, came = risk[told], followed[told]
        return {
            "roc_auc": roc_auc(ranked, followed),
            "average_precision": average_precision(ranked, followed),
            "brier": brier(risk, came) if is_probability else None,
            "log_loss": log_loss(risk, came) if is_probability else None,
            "calibration": calibration_of(risk, came) if is_probability else (),
        }

    def _threshold(self, series: RiskSeries) -> float:
        earlier = series.between(*self.earlier_ms)
        if self.alerting.daily_share or not np.isfinite(earlier.risk).any():
            return 0.0
        known_by = EventLog(e for e in self.log if e.time_ms <= self.earlier_ms[1])
        return learn_threshold(self.alerting, earlier, known_by)

    def _at_budget(self, tested: RiskSeries) -> float:
        return 0.0 if self.alerting.daily_share else learn_threshold(self.alerting, tested, self.log)

    def _alerts(
        self, tested: RiskSeries, threshold: float
    ) -> tuple[EventReport, list[Case], tuple[Case, ...]]:
        """Return what was alerted, the settled cases, and the false ones among them.

        With a daily share whoever is flagged on a day is alerted, while a case is opened once.
        """
        cases = cases_of(create_policy(self.alerting, threshold), tested, self.log)
        report = self._report(tested, cases)
        settled = uncensored(
            Settled(self.alerting, *self.later_ms).counted(cases), self.log, self.alerting.case_ms
        )
        if self.alerting.daily_share:
            alerted = self._report(tested, flagged(tested, self.alerting.daily_share))
            return alerted, settled, report.false_alarms
        return report, settled, report.false_alarms

    def _report(self, tested: RiskSeries, cases: Sequence[Case]) -> EventReport:
        start_ms, end_ms = self.later_ms
        assets = len(np.unique(tested.asset))
        return evaluate_cases(cases, self.log, self.alerting, start_ms=start_ms, end_ms=end_ms, assets=assets)

    def _judged(self) -> EventLog:
        return self.log.outcomes.between(*self.later_ms)

    def _top_k(self, tested: RiskSeries) -> float | None:
        """Return the share of the ``top_k`` machines at the start of each week that stop within it."""
        hits, looked_at = 0, 0
        for week_ms in range(self.later_ms[0] + DAY_MS, self.later_ms[1] - WEEK_MS + 1, WEEK_MS):
            newest = tested.between(week_ms - DAY_MS + 1, week_ms + 1)
            told = newest.asset.tolist(), newest.risk.tolist()
            latest = {a: r for a, r in zip(*told, strict=True) if not np.isnan(r)}
            ranked = sorted(latest, key=lambda a: (-latest[a], tested.assets[a]))[: self.top_k]
            hits += sum(self.log.outcomes.follows(tested.assets[a], week_ms, WEEK_MS) for a in ranked)
            looked_at += len(ranked)
        return share(hits, looked_at)


def figures(judgements: Sequence[BacktestResult]) -> dict[str, float]:
    """Return the figures of judgements as flat metrics, ``<name>_<figure>``."""
    wanted = (
        "recall",
        "recall_at_budget",
        "precision",
        "false_alarms_per_asset_year",
        "unexplained_per_asset_year",
        "lead_days_median",
        "top_k_precision",
        "roc_auc",
        "average_precision",
        "brier",
        "log_loss",
    )
    found: dict[str, float | None] = {}
    for judgement in judgements:
        name = judgement.name.replace(" ", "_")
        found |= {f"{name}_{figure}": getattr(judgement, figure) for figure in wanted}
        found |= {f"{name}_{figure}": value for figure, value in _of_segments(judgement)}
    return {name: float(value) for name, value in found.items() if value is not None}


def _of_segments(judgement: BacktestResult) -> Iterator[tuple[str, float]]:
    """Yield recall and outcomes by segment, of probabilities alone: those are what the gate judges."""
    if judgement.brier is not None and len(judgement.by_segment) > 1:
        for segment, tally in judgement.by_segment.items():
            yield f"recall/{metric_name(segment)}", tally.alerted / tally.shutdowns
            yield f"shutdowns/{metric_name(segment)}", tally.shutdowns


def metric_name(segment: str) -> str:
    """Return a segment's name as a registry takes it in a metric's: without ``/`` and what is no word.

    >>> metric_name("site:Nürnberg / Süd")
    'site:Nürnberg _ Süd'
    """
    return re.sub(r"[^\w .:-]", "_", segment)


def _by(report: EventReport, judged: EventLog, name: Callable[[Event], str]) -> dict[str, AlertedCount]:
    """Count the outcomes, and those alerted among them, by a name."""
    missed = set(report.missed)
    counts: dict[str, list[int]] = {}
    for event in judged:
        tally = counts.setdefault(name(event), [0, 0])
        tally[0] += 1
        tally[1] += event not in missed
    return {key: AlertedCount(*counts[key]) for key in sorted(counts)}


def calibration_of(risk: Float64, label: Bools) -> tuple[CalibrationBin, ...]:
    """Return bins of rising risk, each half of the windows above the last: high risks are rare."""
    order, shares = np.argsort(risk, kind="stable"), 1 - 0.5 ** np.arange(1, _BINS)
    parts = np.split(order, (shares * len(order)).astype(int))
    return tuple(
        CalibrationBin(float(risk[rows].mean()), float(label[rows].mean()), len(rows))
        for rows in parts
        if len(rows)
    )
