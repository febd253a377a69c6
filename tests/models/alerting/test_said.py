from __future__ import annotations

import numpy as np

from models.alerting.said import said
from models.fleet.alerting import Alerting


def test_a_window_that_stands_on_too_little_has_no_risk_at_any_horizon() -> None:
    risks = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    found = said(Alerting(horizon_d=7.0, least_evidence=0.5), risks, np.array([0.49, 0.5, 1.0]))
    assert np.isnan(found).all(axis=1).tolist() == [True, False, False]
    assert found[1:].tobytes() == risks[1:].tobytes()


def test_without_a_least_every_risk_is_said() -> None:
    risk = np.array([0.1, 0.2])
    assert said(Alerting(horizon_d=7.0, least_evidence=0.0), risk, np.zeros(2)).tobytes() == risk.tobytes()
