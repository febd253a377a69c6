"""The learnt threshold is the lowest that keeps to the budget of false alarms."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alerting.cases import RiskSeries, Settled, cases_of, false_cases
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.threshold import learn_threshold
from models.errors import ModelError
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from tests.support.policies import HOUR_MS, HYSTERESIS


def test_a_budget_that_no_threshold_meets_gives_the_highest_risk() -> None:
    none = Alerting(horizon_d=7.0, false_alarms_per_asset_year=1e-9, raise_count=1, raise_among=1)
    series = RiskSeries(["a"], np.zeros(50, np.int32), np.arange(50) * HOUR_MS, np.linspace(0, 0.6, 50))
    assert learn_threshold(none, series, EventLog()) == 0.6


def test_the_lowest_threshold_is_taken_that_just_keeps_to_the_budget() -> None:
    """A year of one machine with false alarms at 0.5, 0.7 and 0.9, of which two are allowed."""
    year_h = int(365.25 * 24)
    risk = np.zeros(year_h + 1)
    for start, level in ((1000, 0.5), (3000, 0.7), (5000, 0.9)):
        risk[start : start + 40] = level
    series = RiskSeries(["a"], np.zeros(year_h + 1, np.int32), np.arange(year_h + 1) * HOUR_MS, risk)
    two = Alerting(horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=2.1)
    found = learn_threshold(two, series, EventLog())
    assert 0.5 < found <= 0.7
    assert len(cases_of(HysteresisPolicy(two, found), series, EventLog())) == 2


@pytest.mark.parametrize(("budget_of", "allowed"), [("unexplained", True), ("all", False)])
def test_the_budget_counts_what_it_is_told_to(
    budget_of: Literal["unexplained", "all"], allowed: bool
) -> None:
    alerting = Alerting(
        horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=0.5, budget_of=budget_of
    )
    risk = np.zeros(365)
    risk[100:105] = 0.9
    series = RiskSeries(["a"], np.zeros(365, np.int32), np.arange(365) * DAY_MS, risk)
    found = EventLog([Event(103 * DAY_MS, "a", "maintenance", "corrective")])
    assert (learn_threshold(alerting, series, found) < 0.9) is allowed


def test_cases_that_are_not_settled_do_not_count_in_learning() -> None:
    alerting = Alerting(horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=0.5)
    risk = np.zeros(365)
    risk[360] = 0.9
    series = RiskSeries(["a"], np.zeros(365, np.int32), np.arange(365) * DAY_MS, risk)
    assert learn_threshold(alerting, series, EventLog()) < 0.9


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_a_learnt_threshold_keeps_to_the_budget_on_its_own_slice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assets, hours = [f"a{i}" for i in range(8)], 24 * 60
    asset = np.repeat(np.arange(8, dtype=np.int32), hours)
    end_ms = np.tile(np.arange(hours) * HOUR_MS, 8)
    series = RiskSeries(assets, asset, end_ms, rng.beta(1, 8, 8 * hours))
    events = EventLog([Event(int(rng.integers(0, hours)) * HOUR_MS, "a1", "shutdown")])
    threshold = learn_threshold(HYSTERESIS, series, events)
    cases = cases_of(HysteresisPolicy(HYSTERESIS, threshold), series, events)
    settled = Settled(HYSTERESIS, 0, (hours - 1) * HOUR_MS)
    years = 8 * settled.years
    false = false_cases(settled.counted(cases), events, HYSTERESIS.case_ms)
    assert len(false) / years <= HYSTERESIS.false_alarms_per_asset_year or threshold == series.risk.max()


def test_windows_without_a_risk_move_no_threshold_and_with_no_other_there_is_none() -> None:
    end_ms, risk = np.arange(50) * HOUR_MS, np.linspace(0, 0.6, 50)
    plain = RiskSeries(["a"], np.zeros(50, np.int32), end_ms, risk)
    both = np.concatenate([risk, np.full(50, np.nan)])
    mixed = RiskSeries(["a", "b"], np.repeat(np.arange(2, dtype=np.int32), 50), np.tile(end_ms, 2), both)
    found = learn_threshold(HYSTERESIS, mixed, EventLog())
    assert found == learn_threshold(HYSTERESIS, plain, EventLog())
    with pytest.raises(ModelError, match=r"no risk is said of any of 50 windows.*least_evidence"):
        learn_threshold(HYSTERESIS, RiskSeries(*plain.columns, np.full(50, np.nan)), EventLog())
