"""A model and a rule judged on the later days of a recording, at the same budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chillcast.recordings.replay_request import ReplayRequest
from models.alerting.cases import RiskSeries, cases_of
from models.alerting.policy import create_policy
from models.alerting.threshold import learn_threshold
from models.evaluation.events import BudgetReport, evaluate_alerts, evaluate_budget
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted
from models.learning.history import History, KeptWindows
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Float64
from simulators.replay.playable import Playable

_DEFAULT_SHARE = 0.01


def judged(request: ReplayRequest, recorded: Playable, fitted: Fitted, series: RiskSeries) -> dict[str, Any]:
    """Judge the model's risk, and the rule, on the same days by the fleet's policy at the same budget."""
    fleet = request.fleet
    rules, level = by_rule(request, recorded)
    model = _evaluated(request, recorded, series, fitted.model.threshold)
    rule = _evaluated(request, recorded, rules, level)
    share = fleet.alerting.daily_share or _DEFAULT_SHARE
    model_daily, rule_daily = (_daily(request, recorded, found, share) for found in (series, rules))
    return {
        **_by_event(model),
        "budget": _budget(fleet, share, recorded.quality.assets),
        "daily_share": _daily_budget(share, recorded.quality.assets),
        "daily_share_alerted": model_daily.alerted,
        "daily_share_rule_alerted": rule_daily.alerted,
        "windows_left_out": fitted.left_out,
        "lead_days_median": model.lead_days_median,
        "roc_auc": model.roc_auc,
        "average_precision": model.average_precision,
        "rule_alerted": rule.alerted,
        "rule_false_alarms": rule.false_alarms,
        "days_tested": model.days_tested,
        "beats_rule": (model.alerted, model_daily.alerted) > (rule.alerted, rule_daily.alerted),
        **_rule_figures(fleet, rule),
        "horizon_d": fleet.alerting.horizon_d,
        "train_until": request.train_until,
    }


def by_rule(request: ReplayRequest, recorded: Playable) -> tuple[RiskSeries, float]:
    """Return what the rule says of every window, and the level that it learns from the training days."""
    fleet, until_ms = request.fleet, request.until_ms or 0
    rules = risks_of(History(fleet, recorded.slices()), _rule_of(fleet))
    if fleet.alerting.daily_share is not None:
        return rules, 0.0
    known_by = EventLog(e for e in recorded.events if e.time_ms <= until_ms)
    return rules, learn_threshold(fleet.alerting, rules.between(0, until_ms), known_by)


def _rule_figures(fleet: Fleet, rule: BudgetReport) -> dict[str, Any]:
    return {
        "rule": " + ".join(fleet.training.rule),
        "rule_roc_auc": rule.roc_auc,
        "rule_average_precision": rule.average_precision,
    }


def _by_event(model: BudgetReport) -> dict[str, Any]:
    return {
        "failures": model.failures,
        "alerted": model.alerted,
        "false_alarms": model.false_alarms,
        "false_alarms_per_asset_year": model.false_alarms / max(model.asset_years, 1e-9),
    }


def _evaluated(
    request: ReplayRequest, recorded: Playable, series: RiskSeries, threshold: float
) -> BudgetReport:
    """Judge risks by event, by the fleet's policy: the days' riskiest, or cases opened at a threshold."""
    alerting = request.fleet.alerting
    if alerting.daily_share is not None:
        return _daily(request, recorded, series, alerting.daily_share)
    span, log = _span(request, recorded), EventLog(recorded.events)
    tested = series.between(span["start_ms"], span["end_ms"])
    cases = cases_of(create_policy(alerting, threshold), tested, log)
    return evaluate_alerts(tested, cases, log, alerting, start_ms=span["start_ms"], end_ms=span["end_ms"])


def _daily(request: ReplayRequest, recorded: Playable, series: RiskSeries, share: float) -> BudgetReport:
    """Judge risks by event, if the riskiest share of the fleet is alerted at each window end."""
    return evaluate_budget(series, EventLog(recorded.events), share=share, **_span(request, recorded))


def _span(request: ReplayRequest, recorded: Playable) -> dict[str, Any]:
    fleet = request.fleet
    return {
        "horizon_d": fleet.alerting.horizon_d,
        "start_ms": request.until_ms or 0,
        "end_ms": recorded.quality.until_ms + fleet.sampling.hop_s * 1000,
    }


def _budget(fleet: Fleet, share: float, machines: int) -> str:
    """Say by what the fleet is judged, in numbers."""
    alerting = fleet.alerting
    if alerting.daily_share is not None:
        return _daily_budget(share, machines)
    allowed = f"{alerting.false_alarms_per_asset_year:g} false alarms a machine and year"
    return f"cases: {alerting.raise_count} of {alerting.raise_among} risks at the threshold; {allowed}"


def _daily_budget(share: float, machines: int) -> str:
    return f"{share:g}: the {max(int(share * machines), 1)} of {machines} with the highest risk"


def risks_of(history: History, score: Callable[[Any], Float64]) -> RiskSeries:
    """Run a whole history through the kernel and score its windows."""
    kept, end_ms = KeptWindows(), 1 << 62
    for windows in history.until(end_ms):
        kept.add(history.keys(windows), score(windows.values))
    keys, scores = kept.table()
    return RiskSeries(*keys.columns, scores)


def _rule_of(fleet: Fleet) -> Callable[[Any], Float64]:
    """Return the baseline: the sum of the rule's sensors, as last seen, missing ones counting nothing."""
    schema = History(fleet, ()).schema
    columns = [schema.index(key, schema.windows[0], "mean") for key in fleet.training.rule]
    return lambda features: np.nansum(features[:, columns].astype(np.float64), axis=1)
