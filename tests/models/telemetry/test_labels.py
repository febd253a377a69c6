from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event_time import DAY_MS
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Labels, hazard_rows, is_down, label
from models.telemetry.planned_stops import CANCELLED, PLANNED, Stopped, planned_events
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys


def trip(asset: str, day: float) -> Event:
    return Event(int(day * DAY_MS), asset, "shutdown", "code")


def days(*values: float) -> np.ndarray:
    return np.array([int(v * DAY_MS) for v in values], np.int64)


def keys(ends: np.ndarray, *asset: int) -> WindowKeys:
    """Return windows of machine a, or of the numbers given."""
    return WindowKeys(("a", "b"), np.array(asset or [0] * len(ends), np.int32), ends)


def labelled(given: WindowKeys, *events: Event, until_d: float = 100) -> Labels:
    return label(given, EventLog(events), int(until_d * DAY_MS))


def test_an_outcome_at_the_window_end_is_past_and_at_the_horizon_is_inside() -> None:
    found = labelled(keys(days(2, 3, 4)), trip("a", 4))
    assert found.follows(1.0).tolist() == [False, True, False]
    assert found.follows(2.0).tolist() == [True, True, False]


def test_the_outcome_of_one_asset_labels_no_other() -> None:
    assert labelled(keys(days(1, 1), 0, 1), trip("b", 2)).follows(7.0).tolist() == [False, True]


def test_only_shutdowns_are_outcomes() -> None:
    assert not labelled(keys(days(0)), Event(DAY_MS, "a", "maintenance")).follows(14.0).any()


def test_a_horizon_that_reaches_past_the_observation_is_not_known() -> None:
    found = labelled(keys(days(1, 3, 3.5)), until_d=10)
    assert found.known(7.0).tolist() == [True, True, False]
    assert found.as_of(9 * DAY_MS).known(7.0).tolist() == [True, False, False]
    assert found.as_of(11 * DAY_MS).known(7.0).tolist() == [True, True, False]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=20),
    st.lists(st.integers(0, 60), max_size=5),
    st.integers(0, 50),
)
def test_hazard_rows_multiply_up_to_the_label_within_each_horizon(
    ends: list[int], trips: list[int], until: int
) -> None:
    horizons = (1.0, 3.0, 7.0)
    labels = labelled(keys(days(*ends)), *(trip("a", t) for t in trips), until_d=until)
    rows = hazard_rows(labels, horizons)
    for i in range(len(ends)):
        mine = rows.row == i
        for j, horizon in enumerate(horizons):
            if labels.known(horizon)[i]:
                happened = rows.outcome[mine & (rows.interval <= j)].any()
                assert happened == labels.follows(horizon)[i]
            else:
                assert not (mine & (rows.interval == j)).any()


def test_a_window_is_at_risk_only_until_its_outcome() -> None:
    rows = hazard_rows(labelled(keys(days(0)), trip("a", 2)), (1.0, 3.0, 7.0))
    assert (rows.interval.tolist(), rows.outcome.tolist()) == ([0, 1], [False, True])


def test_a_machine_is_down_from_its_shutdown_until_its_restart() -> None:
    log = EventLog([trip("a", 2), Event(3 * DAY_MS, "a", "restart")])
    down = is_down(keys(days(1, 2, 2.5, 3, 2.5), 0, 0, 0, 0, 1), log)
    assert down.tolist() == [False, True, True, False, False]


def test_planned_work_censors_what_would_have_followed() -> None:
    """Prevention must not be learnt as health: the windows before it have no label."""
    work = [Event(2 * DAY_MS, "a", "maintenance"), Event(2 * DAY_MS, "b", "restart"), trip("b", 3)]
    found = label(keys(days(1, 1), 0, 1), EventLog(work), 9 * DAY_MS, ("maintenance",))
    assert found.observed_ms.tolist() == [2 * DAY_MS, 9 * DAY_MS]
    rows = hazard_rows(found, (1.0, 3.0))
    assert list(zip(rows.row.tolist(), rows.interval.tolist(), rows.outcome.tolist(), strict=True)) == [
        (0, 0, False),
        (1, 0, False),
        (1, 1, True),
    ]


@pytest.mark.parametrize("restart", [[], [Event(3 * DAY_MS, "a", "restart")]], ids=["none", "logged"])
def test_the_repair_after_a_shutdown_does_not_hide_it(restart: list[Event]) -> None:
    repair, service = (Event(int(day * DAY_MS), "a", "maintenance") for day in (2.25, 20))
    windows = keys(days(1, 2.5, 10))
    found = label(windows, EventLog([trip("a", 2), repair, service, *restart]), 30 * DAY_MS, ("maintenance",))
    assert (found.observed_ms / DAY_MS).tolist() == [20, 20, 20]
    assert (found.follows(14) & found.known(14)).tolist() == [True, False, False]


def test_work_before_a_shutdown_hides_it_and_a_second_visit_after_the_repair_does() -> None:
    work = [Event(int(day * DAY_MS), "a", "maintenance") for day in (1.5, 2.25, 4)]
    found = label(keys(days(1, 1.75, 3)), EventLog([trip("a", 2), *work]), 30 * DAY_MS, ("maintenance",))
    assert (found.observed_ms / DAY_MS).tolist() == [1.5, 4, 4]


def test_the_order_in_which_events_are_given_does_not_matter() -> None:
    windows = keys(days(1, 4, 7))
    events = [
        trip("a", 6),
        Event(int(8.5 * DAY_MS), "a", "maintenance"),
        Event(int(2.5 * DAY_MS), "a", "restart"),
    ]
    events += [trip("a", 2), Event(int(3.5 * DAY_MS), "a", "maintenance")]
    found = label(windows, EventLog(events), 9 * DAY_MS, ("maintenance",))
    assert (found.wait_ms[:2] / DAY_MS).tolist() == [1, 2]
    assert is_down(windows, EventLog(events)).tolist() == [False, False, True]
    assert (found.observed_ms / DAY_MS).tolist() == [3.5, 9, 9]


def test_an_event_that_censors_at_the_end_of_the_observation_or_after_it_changes_nothing() -> None:
    work = EventLog(Event(t * DAY_MS, "a", "maintenance") for t in (9, 12))
    assert (
        label(keys(days(1, 10)), work, 9 * DAY_MS, ("maintenance",)).observed_ms.tolist() == [9 * DAY_MS] * 2
    )


def test_a_machine_without_restarts_runs_again_after_its_downtime_or_at_once() -> None:
    windows, log = keys(days(1, 2, 2.5, 4)), EventLog([trip("a", 2)])
    assert is_down(windows, log).tolist() == [False, True, False, False]
    assert is_down(windows, log, downtime_s=86_400).tolist() == [False, True, True, False]


def test_a_machine_that_trips_twice_without_a_restart_logs_none_whatever_others_do() -> None:
    other = [trip("b", 1), Event(2 * DAY_MS, "b", "restart")]
    windows = keys(days(2, 3, 6))
    assert is_down(windows, EventLog([trip("a", 2), *other])).tolist() == [True, True, True]
    assert is_down(windows, EventLog([trip("a", 2), trip("a", 5), *other])).tolist() == [True, False, False]


def test_of_a_restart_and_a_downtime_the_earlier_counts() -> None:
    log = EventLog([trip("a", 2), Event(3 * DAY_MS, "a", "restart")])
    windows = keys(days(2, 2.5, 3.5))
    assert is_down(windows, log, downtime_s=9 * 86_400).tolist() == [True, True, False]
    assert is_down(windows, log, downtime_s=0).tolist() == [True, False, False]


def stop(asset: str, first: float, last: float, *, kind: str = PLANNED, plan: str = "p1") -> list[Event]:
    return planned_events(kind, asset, Stopped(int(first * DAY_MS), int(last * DAY_MS)), plan)


def test_a_planned_stop_in_the_horizon_leaves_neither_a_positive_nor_a_negative() -> None:
    windows = keys(days(1, 3, 5, 6.5, 7, 9))
    found = labelled(windows, *stop("a", 6, 7), trip("a", 6.2), trip("a", 12))
    assert found.known(2.0).tolist() == [True, True, False, False, True, True]
    assert found.follows(2.0)[found.known(2.0)].tolist() == [False] * 4
    assert hazard_rows(found, (2.0,)).row.tolist() == [0, 1, 4, 5]
    assert found.follows(7.0)[found.known(7.0)].tolist() == [True, True]


def test_a_trip_within_a_planned_stop_is_no_outcome_and_one_at_its_end_is() -> None:
    log = EventLog([*stop("a", 6, 7), trip("a", 6), trip("a", 6.5), trip("a", 7), trip("b", 6.5)])
    assert [(e.asset, e.time_ms) for e in log.outcomes] == [("b", 6.5 * DAY_MS), ("a", 7 * DAY_MS)]
    assert [e.time_ms for e in log.only("shutdown") if e.asset == "a"] == [d * DAY_MS for d in (6, 6.5, 7)]


def test_a_cancelled_stop_censors_nothing_and_another_of_the_same_span_still_does() -> None:
    gone = stop("a", 6, 7, kind=CANCELLED)
    assert labelled(keys(days(5)), *stop("a", 6, 7), *gone).known(2.0).tolist() == [True]
    both = [*stop("a", 6, 7), *stop("a", 6, 7, plan="p2"), *gone]
    assert labelled(keys(days(5)), *both).known(2.0).tolist() == [False]


def test_stops_that_overlap_are_one_and_either_end_tells_it_all() -> None:
    told = [*stop("a", 4, 6)[1:], *stop("a", 5, 8)[:1]]
    found = labelled(keys(days(3, 4.5, 7.9, 8)), *told)
    assert found.observed_ms.tolist() == [4 * DAY_MS, int(4.5 * DAY_MS), int(7.9 * DAY_MS), 100 * DAY_MS]


def test_a_code_that_is_no_span_of_time_stops_nothing() -> None:
    codes = ("", "service", "2026-01-02/2026-01-01", "2026-01-01T00:00/2026-01-02T00:00", "a/b p1")
    log = EventLog(Event(DAY_MS, "a", PLANNED, code) for code in codes)
    assert labelled(keys(days(0, 1)), *log).known(2.0).tolist() == [True, True]
