"""Where outcomes fall in what a model says of the remaining time: learnt on the later slice of a history."""

from __future__ import annotations

import numpy as np

from models.alerting.cases import RiskSeries, cases_of
from models.alerting.policy import create_policy
from models.event_time import DAY_MS
from models.learning.plan import TrainingPlan
from models.risk.remaining import Span, learn_span, share_within
from models.telemetry.event_log import EventLog
from models.telemetry.labels import time_to_next
from models.telemetry.samples import Float64, Int64
from models.telemetry.window_keys import WindowKeys

_FEWEST_CASES = 20


def span_of(
    plan: TrainingPlan, risks: Float64, keys: WindowKeys, log: EventLog, threshold: float
) -> Span | None:
    """Return the span in which the outcomes of 80 % of the cases come that have one; None if nobody can tell.

    ``risks`` (n, H) are calibrated. It is learnt from the windows at which cases open, if 20 of them or more
    are followed by an outcome within their time; else from all above the threshold that are, as much from
    each outcome. Only windows whose case is over by the end of the slice count: of the others those with
    an early outcome would stand out.
    """
    fleet = plan.fleet
    until_d = fleet.alerting.case_ms / DAY_MS
    wait_ms = time_to_next(keys, log)
    followed = np.flatnonzero(
        (wait_ms <= fleet.alerting.case_ms) & (keys.end_ms + fleet.alerting.case_ms <= plan.until_ms)
    )
    risk = risks[:, fleet.horizon]
    rows = np.intersect1d(followed, _opening(plan, risk, keys, log, threshold))
    if len(rows) < _FEWEST_CASES:
        rows = followed[risk[followed] >= threshold]
    shares = [
        share_within(risks[i], fleet.horizons_d, until_d, float(wait_ms[i]) / DAY_MS) for i in rows.tolist()
    ]
    return learn_span(np.array(shares, np.float64), _weights(keys.take(rows), log))


def _opening(plan: TrainingPlan, risk: Float64, keys: WindowKeys, log: EventLog, threshold: float) -> Int64:
    """Return the windows at which cases open."""
    series = RiskSeries(*keys.columns, risk)
    opened = set(cases_of(create_policy(plan.fleet.alerting, threshold), series, log))
    pairs = zip(keys.asset.tolist(), keys.end_ms.tolist(), strict=True)
    return np.array([i for i, (a, end) in enumerate(pairs) if (keys.assets[a], end) in opened], np.int64)


def _weights(keys: WindowKeys, log: EventLog) -> Float64:
    """Return (n,) weights of windows, which add up to 1 for each outcome that follows any of them."""
    _, which, count = np.unique(log.outcomes.next_after(keys), return_inverse=True, return_counts=True)
    out: Float64 = 1.0 / count[which]
    return out
