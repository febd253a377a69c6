"""The threshold that keeps to a budget of false alarms."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from models.alerting.cases import RiskSeries, Settled, cases_of, false_cases, unexplained
from models.alerting.hysteresis import HysteresisPolicy
from models.errors import ModelError
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Float64

_TRIED = 400


def thresholds_of(risks: Float64, shares: Float64) -> Float64:
    """Return (m,) thresholds above which ``shares`` (m,) of the risks lie; those that are not said are NaN.

    Raises ModelError if no risk is said of any window.

    >>> thresholds_of(np.array([0.1, 0.2, np.nan, 0.3]), np.array([0.5]))
    array([0.2])
    """
    said = risks[~np.isnan(risks)]
    if not len(said):
        raise ModelError(
            f"no risk is said of any of {len(risks)} windows: too little has a value in them; "
            "see alerting.least_evidence"
        )
    found: Float64 = np.quantile(said, 1 - shares)
    return found


def tried_thresholds(risks: Float64, count: int) -> Float64:
    """Return (count,) thresholds to try, from 20 % of the risks above the first to 0.05 % above the last."""
    return thresholds_of(risks, np.geomspace(0.2, 0.0005, count))


def learn_threshold(alerting: Alerting, series: RiskSeries, log: EventLog) -> float:
    """Return the lowest threshold that keeps to the budget of false alarms on the given risks.

    The policy itself is run at quantiles of the risk, halving the span of those that may be the lowest: a
    higher threshold is taken to give no more false alarms. If none fits it is the highest risk seen. Raises
    ModelError if no risk is said of any window.
    """
    thresholds = tried_thresholds(series.risk, _TRIED).tolist()
    settled = Settled(alerting, int(series.end_ms.min()), int(series.end_ms.max()))
    years = max(len(np.unique(series.asset)) * settled.years, 1e-9)

    def keeps(threshold: float) -> bool:
        cases = cases_of(HysteresisPolicy(alerting, threshold), series, log)
        false = false_cases(settled.counted(cases), log, alerting.case_ms)
        counted = unexplained(false, log, alerting) if alerting.budget_of == "unexplained" else false
        return len(counted) / years <= alerting.false_alarms_per_asset_year

    lowest = bisect_left(thresholds, True, key=keeps)
    return float(thresholds[lowest] if lowest < len(thresholds) else np.nanmax(series.risk))
