"""What the later slice of a history settles: calibration, temperature and threshold of trained models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.alerting.cases import RiskSeries
from models.alerting.threshold import learn_threshold, thresholds_of
from models.evaluation.metrics import brier, log_loss, roc_auc
from models.learning.plan import TrainingPlan
from models.learning.scoring import RawRisks
from models.learning.segments import with_lines
from models.risk.hazard import calibrate
from models.risk.model_set import ModelSet, level_of
from models.telemetry.event_log import EventLog
from models.telemetry.labels import is_down
from models.telemetry.samples import Float64
from models.telemetry.window_keys import WindowKeys


def calibrated(plan: TrainingPlan, models: ModelSet, risks: RawRisks, log: EventLog) -> ModelSet:
    """Return the set with a `PlattScaling` per horizon and level.

    Segments of a level share theirs: a single one seldom has outcomes enough. The fleet's are from all
    machines, since those are its own that nobody knows yet. Windows of which no risk is said do not count.
    """
    up = ~is_down(risks.keys, log, plan.fleet.training.downtime_s)
    up &= risks.evidence >= plan.fleet.alerting.least_evidence
    keys, risk = risks.keys.take(up), risks.risk[up]
    labels = plan.label(keys, log, plan.until_ms)
    fleet = calibrate(models.fleet, risks.fleet[up], labels)
    level = np.array([level_of(name) for name in models.scored_by(keys.assets)], object)[keys.asset]
    lines = {}
    for name in models.index.levels:
        rows = np.flatnonzero(level == name)
        own = calibrate(models.fleet, risk[rows], labels.take(rows))
        lines[name] = [(line.slope, line.intercept) for line in own.lines]
    found = replace(models, fleet=fleet)
    return with_lines(found, lines) if lines else found


def temperature_scaled(
    plan: TrainingPlan, models: ModelSet, hints: tuple[WindowKeys, Float64] | None, log: EventLog
) -> ModelSet:
    """Return the set with the temperature of its causes, from ``hints`` (n, K) before an outcome."""
    causes = models.fleet.causes
    if causes is None or hints is None:
        return models
    keys, raw = hints
    labels, horizon_d = plan.label(keys, log, plan.until_ms), plan.fleet.alerting.horizon_d
    up = ~is_down(keys, log, plan.fleet.training.downtime_s)
    rows = np.flatnonzero(labels.known(horizon_d) & labels.follows(horizon_d) & up)
    truth = [log.outcomes[i].code for i in log.outcomes.next_after(keys)[rows].tolist()]
    return replace(models, fleet=replace(models.fleet, causes=causes.calibrated(raw[rows], truth)))


def threshold_of(plan: TrainingPlan, risk: Float64, keys: WindowKeys, log: EventLog) -> float:
    """Return the alert threshold under which risks (n,) of windows keep to the fleet's budget.

    Raises ModelError if no risk is said of any window.
    """
    alerting = plan.fleet.alerting
    if alerting.daily_share is not None:
        return float(thresholds_of(risk, np.array([alerting.daily_share]))[0])
    return learn_threshold(alerting, RiskSeries(*keys.columns, risk), log)


def figures(plan: TrainingPlan, risk: Float64, keys: WindowKeys, log: EventLog) -> dict[str, float]:
    """Return what the later slice says of models that were tuned on it; nothing with a daily share."""
    if plan.fleet.alerting.daily_share is not None:
        return {}
    horizon_d = plan.fleet.alerting.horizon_d
    labels = plan.label(keys, log, plan.until_ms)
    seen = labels.known(horizon_d) & ~np.isnan(risk)
    followed = labels.follows(horizon_d)[seen]
    found = {
        "calibration_brier": brier(risk[seen], followed),
        "calibration_log_loss": log_loss(risk[seen], followed),
        "calibration_roc_auc": roc_auc(risk[seen], followed),
    }
    return {name: value for name, value in found.items() if value is not None}
