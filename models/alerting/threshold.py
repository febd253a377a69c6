"""The threshold that keeps to a budget of false alarms."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from models.alerting.cases import RiskSeries, Settled, cases_of, false_cases, unexplained
from models.alerting.hysteresis import HysteresisPolicy
from models.errors import ModelError
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog

_SHARES = np.geomspace(0.2, 0.0005, 400)  # of the risks lie above a threshold that is tried


def learn_threshold(alerting: Alerting, series: RiskSeries, log: EventLog) -> float:
    """Return the lowest threshold that keeps to the budget of false alarms on the given risks.

    The policy itself is run at quantiles of the risk, halving the span of those that may be the lowest: a
    higher threshold is taken to give no more false alarms. If none fits it is the highest risk seen. Raises
    ModelError if no risk is said of any window.
    """
    risks = series.risk[~np.isnan(series.risk)]
    if not len(risks):
        raise ModelError(
            f"no risk is said of any of {len(series)} windows: too little has a value in them; "
            "see alerting.least_evidence"
        )
    start_ms, end_ms = (int(series.end_ms.min()), int(series.end_ms.max())) if len(series) else (0, 0)
    settled = Settled(alerting, start_ms, end_ms)
    years = max(len(np.unique(series.asset)) * settled.years, 1e-9)
    thresholds = np.quantile(risks, 1 - _SHARES).tolist()

    def keeps(threshold: float) -> bool:
        cases = cases_of(HysteresisPolicy(alerting, threshold), series, log)
        false = false_cases(settled.counted(cases), log, alerting.case_ms)
        counted = unexplained(false, log, alerting) if alerting.budget_of == "unexplained" else false
        return len(counted) / years <= alerting.false_alarms_per_asset_year

    lowest = bisect_left(thresholds, True, key=keeps)
    return float(thresholds[lowest] if lowest < len(thresholds) else risks.max())
