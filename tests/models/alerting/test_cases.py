"""Which cases a policy opens over a span of time, and which of them are false."""

from __future__ import annotations

import numpy as np

from models.alerting.cases import (
    Case,
    RiskSeries,
    cases_of,
    decisions_of,
    false_cases,
    uncensored,
    unexplained,
)
from models.alerting.share import SharePolicy
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.planned_stops import PLANNED, Stopped, planned_events
from models.telemetry.samples import Event
from tests.support.policies import HOUR_MS, HYSTERESIS, WEEK_MS, hysteresis


def test_events_that_are_no_outcome_close_nothing_in_a_replay() -> None:
    series = RiskSeries(["a"], np.zeros(6, np.int32), np.arange(6) * HOUR_MS, np.full(6, 0.9))
    events = [Event(3 * HOUR_MS + 1, "a", kind) for kind in ("cycling", "maintenance")]
    (case,) = cases_of(hysteresis(), series, EventLog(events))
    assert (case.asset, case.opened_ms) == ("a", 2 * HOUR_MS)


def test_a_case_is_false_unless_an_outcome_of_its_machine_follows_in_its_time() -> None:
    series = RiskSeries(
        ["a", "b"],
        np.repeat(np.arange(2, dtype=np.int32), 4),
        np.tile(np.arange(4) * HOUR_MS, 2),
        np.full(8, 0.9),
    )
    cases = cases_of(hysteresis(), series, EventLog())
    edge = Event(2 * HOUR_MS + 7 * DAY_MS, "a", "shutdown")
    assert [c.asset for c in false_cases(cases, EventLog([edge]), WEEK_MS)] == ["b"]
    beyond = Event(edge.time_ms + 1, "a", "shutdown")
    assert [c.asset for c in false_cases(cases, EventLog([beyond]), WEEK_MS)] == ["a", "b"]


def test_a_replay_takes_windows_and_outcomes_of_all_machines_in_order_of_time() -> None:
    """Machine by machine, the outcome of b would be taken before its windows, and cost it its case."""
    asset, end_ms = np.repeat(np.arange(2, dtype=np.int32), 8), np.tile(np.arange(8) * HOUR_MS, 2)
    series = RiskSeries(["a", "b"], asset, end_ms, np.full(16, 0.9))
    outcome = EventLog([Event(5 * HOUR_MS + 1, "b", "shutdown")])
    assert [(c.asset, c.opened_ms) for c in cases_of(hysteresis(), series, outcome)] == [
        ("a", 2 * HOUR_MS),
        ("b", 2 * HOUR_MS),
    ]


def test_an_outcome_at_the_end_of_a_window_comes_after_it_in_a_replay() -> None:
    series = RiskSeries(["a"], np.zeros(3, np.int32), np.arange(3) * HOUR_MS, np.full(3, 0.9))
    (case,) = cases_of(hysteresis(), series, EventLog([Event(2 * HOUR_MS, "a", "shutdown")]))
    assert case.opened_ms == 2 * HOUR_MS


def test_a_replay_decides_the_last_cohort_too() -> None:
    series = RiskSeries(["a", "b"], np.arange(2, dtype=np.int32), np.full(2, DAY_MS), np.array([0.1, 0.9]))
    (case,) = cases_of(SharePolicy(Alerting(horizon_d=7.0, daily_share=0.5)), series, EventLog())
    assert (case.asset, case.opened_ms) == ("b", DAY_MS)


def test_a_replay_decides_each_cohort_before_what_happened_after_it() -> None:
    """Flagged every day, a machine that trips gets a case of its own after each outcome, as in the stream."""
    days, outcomes = np.arange(1, 15), (5.5, 12.5)
    series = RiskSeries(["a"], np.zeros(14, np.int32), days * DAY_MS, np.full(14, 0.9))
    log = EventLog(Event(int(day * DAY_MS), "a", "shutdown") for day in outcomes)
    decided = decisions_of(SharePolicy(Alerting(horizon_d=7.0, daily_share=0.5)), series, log)
    assert [(d.time_ms / DAY_MS, d.stage, d.reason) for d in decided] == [
        (1, "open", ""),
        (5.5, "closed", "event"),
        (6, "open", ""),
        (12.5, "closed", "event"),
        (13, "open", ""),
    ]


def test_a_case_announces_what_comes_in_its_time_even_if_it_cleared_before() -> None:
    assert Case("a", 0).announces(Event(WEEK_MS, "a", "shutdown"), WEEK_MS)
    assert not Case("a", 0).announces(Event(WEEK_MS + 1, "a", "shutdown"), WEEK_MS)
    assert not Case("b", 0).announces(Event(WEEK_MS, "a", "shutdown"), WEEK_MS)


def test_a_finding_of_a_fault_explains_a_case_and_any_other_does_not() -> None:
    codes = [
        "confirmed",
        "confirmed-other",
        "early-degradation",
        "no-fault-found",
        "sensor-fault",
        "corrective",
    ]
    cases = [Case(str(i), 0) for i in range(len(codes))]
    log = EventLog(Event(DAY_MS, str(i), "finding", code) for i, code in enumerate(codes))
    assert [codes[int(c.asset)] for c in unexplained(cases, log, HYSTERESIS)] == codes[3:]


def test_work_that_found_a_fault_explains_a_case_and_a_service_does_not() -> None:
    cases = [Case("a", 0), Case("b", 0), Case("c", 0)]
    found = Event(DAY_MS, "a", "maintenance", "corrective")
    service = Event(DAY_MS, "b", "maintenance", "annual-service")
    assert [c.asset for c in unexplained(cases, EventLog([found, service]), HYSTERESIS)] == ["b", "c"]


def test_a_case_into_whose_time_a_planned_stop_falls_is_neither_right_nor_false() -> None:
    case, stop = Case("a", 0), planned_events(PLANNED, "a", Stopped(2 * DAY_MS, 3 * DAY_MS))
    trips = [Event(int(day * DAY_MS), "a", "shutdown") for day in (2.5, 5)]
    assert false_cases([case], EventLog(stop), WEEK_MS) == []
    assert uncensored([case], EventLog([*stop, trips[0]]), WEEK_MS) == []
    assert uncensored([case], EventLog([*stop, trips[1]]), WEEK_MS) == [case]
    later = planned_events(PLANNED, "a", Stopped(WEEK_MS, WEEK_MS + 1))
    assert false_cases([case, Case("b", 0)], EventLog(later), WEEK_MS) == [case, Case("b", 0)]
