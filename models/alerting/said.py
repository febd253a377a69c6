"""Whether a risk is said at all: not if its window stands on too little."""

from __future__ import annotations

import numpy as np

from models.fleet.alerting import Alerting
from models.telemetry.samples import Float64


def said(alerting: Alerting, risk: Float64, evidence: Float64) -> Float64:
    """Return risks (n,) or (n, H), NaN in windows whose ``evidence`` (n,) is below the fleet's least.

    >>> from models.fleet.alerting import Alerting
    >>> said(Alerting(horizon_d=7.0), np.array([0.9, 0.8]), np.array([0.29, 0.3])).tolist()
    [nan, 0.8]
    """
    enough = evidence >= alerting.least_evidence
    out: Float64 = np.where(enough.reshape(-1, *[1] * (risk.ndim - 1)), risk, np.nan)
    return out
