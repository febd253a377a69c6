"""A policy is tried on history: what it would have announced, falsely or not, and what that is to people."""

from __future__ import annotations

import numpy as np
import pytest

from models.alerting.cases import Case, RiskSeries
from models.errors import ModelError
from models.evaluation.policy_preview import Crew, PolicyTrials, reasons_of
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.planned_stops import PLANNED, Stopped, planned_events
from models.telemetry.samples import Event

HOUR_MS = DAY_MS // 24
ALERTING = Alerting(horizon_d=5.0, raise_count=1, raise_among=1)


def trials() -> PolicyTrials:
    """Thirty days: a is risky on days 10 to 14, and trips on day 14; b is on day 3, for nothing."""
    ends = np.tile(np.arange(30 * 24, dtype=np.int64) * HOUR_MS, 2)
    asset = np.repeat(np.arange(2, dtype=np.int32), 30 * 24)
    day = ends / DAY_MS
    risk = np.where((asset == 0) & (day >= 10) & (day <= 14), 0.9, 0.1)
    risk[(asset == 1) & (day >= 3) & (day < 4)] = 0.5
    log = EventLog([Event(14 * DAY_MS + 1, "a", "shutdown", "oil")])
    return PolicyTrials(ALERTING, RiskSeries(("a", "b"), asset, ends, risk), log)


@pytest.mark.parametrize(
    ("threshold", "cases", "announced", "false"), [(0.8, 1, 1, 0), (0.4, 2, 1, 1), (0.95, 0, 0, 0)]
)
def test_a_threshold_is_held_against_what_came(
    threshold: float, cases: int, announced: int, false: int
) -> None:
    trial = trials().at(threshold)
    report = trial.report
    assert (len(trial.cases), report.alerted, len(report.false_alarms)) == (cases, announced, false)


@pytest.mark.parametrize(
    ("first_d", "last_d", "told_d"),
    [(9, 12, 12), (9, 20, None), (9, 40, None), (2, 4, 10), (10, 10.5, 10.5), (11, 12, 10), (9, 10, 10)],
)
def test_a_case_that_opens_in_a_planned_stop_is_told_after_it_if_it_is_still_open(
    first_d: float, last_d: float, told_d: float | None
) -> None:
    """The case of a is open from day 10 to 14."""
    tried = trials()
    stop = planned_events(PLANNED, "a", Stopped(int(first_d * DAY_MS), int(last_d * DAY_MS)))
    trial = PolicyTrials(ALERTING, tried.series, EventLog([*tried.log, *stop])).at(0.8)
    (case,) = trial.cases
    told = [one.opened_ms / DAY_MS for one in trial.told]
    assert told == ([] if told_d is None else [told_d])
    assert len(trial.held) == (first_d <= case.opened_ms / DAY_MS < last_d)


def test_the_curve_goes_from_few_cases_to_many() -> None:
    curve = trials().curve()
    thresholds = [trial.threshold for trial in curve]
    assert thresholds == sorted(thresholds, reverse=True)
    assert len(curve[-1].cases) >= len(curve[0].cases)


def test_a_history_of_which_no_risk_is_said_has_no_curve() -> None:
    tried = trials()
    silent = RiskSeries(*tried.series.columns, np.full(len(tried.series), np.nan))
    with pytest.raises(ModelError, match=r"no risk is said of any of 1440 windows"):
        PolicyTrials(ALERTING, silent, tried.log).curve()


def test_load_is_that_of_a_person_and_shift_and_counts_floods() -> None:
    tried = trials()
    cases = [Case(f"m{i}", 9 * HOUR_MS + i) for i in range(20)] + [Case("n", 20 * HOUR_MS)]
    load = tried.load(cases, Crew(people=2, shift_h=8.0))
    shifts = 90  # of 30 days but for the last hour, begun
    assert load.mean == pytest.approx(21 / 2 / shifts)
    assert (load.most, load.floods) == (10.0, 1)
    assert load.idle_share == pytest.approx((shifts - 2) / shifts)
    assert tried.load(cases, Crew(people=3)).floods == 0


def test_the_worst_machines_have_most_cases_and_then_most_false_ones() -> None:
    cases = [Case("b", DAY_MS), Case("a", 10 * DAY_MS), Case("b", 9 * DAY_MS)]
    assert trials().worst(cases) == [("b", 2, 2), ("a", 1, 0)]


def test_a_reason_is_what_was_said_nearest_to_the_case_if_anything_was() -> None:
    said = {"a": [(0, "leak"), (9, "wear")], "b": [(500, "leak")], "c": [(5, "")]}
    cases = [Case("a", 8), Case("b", 5), Case("c", 5), Case("d", 5)]
    assert reasons_of(cases, said, 100) == [("wear", 1)]
