from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.telemetry.labels import DAY_MS, hazard_rows, is_down, known, observed_until, time_to_next, within
from models.telemetry.samples import Event


def trip(asset: str, day: float) -> Event:
    return Event(int(day * DAY_MS), asset, "shutdown", "code")


def days(*values: float) -> np.ndarray:
    return np.array([int(v * DAY_MS) for v in values], np.int64)


def test_an_outcome_at_the_window_end_is_past_and_at_the_horizon_is_inside() -> None:
    ends = days(2, 3, 4)
    wait = time_to_next(("a",), np.zeros(3, np.int32), ends, [trip("a", 4)])
    assert within(wait, 1.0).tolist() == [False, True, False]
    assert within(wait, 2.0).tolist() == [True, True, False]


def test_the_outcome_of_one_asset_labels_no_other() -> None:
    wait = time_to_next(("a", "b"), np.array([0, 1], np.int32), days(1, 1), [trip("b", 2)])
    assert within(wait, 7.0).tolist() == [False, True]


def test_only_shutdowns_are_outcomes() -> None:
    planned = Event(DAY_MS, "a", "maintenance")
    wait = time_to_next(("a",), np.zeros(1, np.int32), days(0), [planned])
    assert not within(wait, 14.0).any()


def test_a_horizon_that_reaches_past_the_observation_is_not_known() -> None:
    assert known(days(1, 3, 3.5), 7.0, 10 * DAY_MS).tolist() == [True, True, False]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=20),
    st.lists(st.integers(0, 60), max_size=5),
    st.integers(0, 50),
)
def test_hazard_rows_multiply_up_to_the_label_within_each_horizon(
    ends: list[int], trips: list[int], until: int
) -> None:
    horizons = (1.0, 3.0, 7.0)
    end_ms = days(*ends)
    wait = time_to_next(("a",), np.zeros(len(ends), np.int32), end_ms, [trip("a", t) for t in trips])
    rows = hazard_rows(wait, end_ms, horizons, until * DAY_MS)
    for i in range(len(ends)):
        mine = rows.row == i
        for j, horizon in enumerate(horizons):
            if known(end_ms[[i]], horizon, until * DAY_MS)[0]:
                happened = rows.outcome[mine & (rows.interval <= j)].any()
                assert happened == within(wait[[i]], horizon)[0]
            else:
                assert not (mine & (rows.interval == j)).any()


def test_a_window_is_at_risk_only_until_its_outcome() -> None:
    end_ms = days(0)
    wait = time_to_next(("a",), np.zeros(1, np.int32), end_ms, [trip("a", 2)])
    rows = hazard_rows(wait, end_ms, (1.0, 3.0, 7.0), 100 * DAY_MS)
    assert (rows.interval.tolist(), rows.outcome.tolist()) == ([0, 1], [False, True])


def test_a_machine_is_down_from_its_shutdown_until_its_restart() -> None:
    events = [trip("a", 2), Event(3 * DAY_MS, "a", "restart")]
    down = is_down(("a", "b"), np.array([0, 0, 0, 0, 1], np.int32), days(1, 2, 2.5, 3, 2.5), events)
    assert down.tolist() == [False, True, True, False, False]


def test_planned_work_censors_what_would_have_followed() -> None:
    """Prevention must not be learnt as health: the windows before it have no label."""
    wait_ms, end_ms = np.array([1 << 62, 2 * DAY_MS]), np.array([DAY_MS, DAY_MS])
    work = [Event(2 * DAY_MS, "a", "maintenance"), Event(2 * DAY_MS, "b", "restart")]
    observed = observed_until(
        ("a", "b"), np.arange(2, dtype=np.int32), end_ms, work, kinds=("maintenance",), until_ms=9 * DAY_MS
    )
    assert observed.tolist() == [2 * DAY_MS, 9 * DAY_MS]
    rows = hazard_rows(wait_ms, end_ms, (1.0, 3.0), observed)
    assert list(zip(rows.row.tolist(), rows.interval.tolist(), rows.outcome.tolist(), strict=True)) == [
        (0, 0, False),
        (1, 0, False),
        (1, 1, True),
    ]


def test_the_order_in_which_events_are_given_does_not_matter() -> None:
    ends, nobody = days(1, 4, 7), np.zeros(3, np.int32)
    events = [
        trip("a", 6),
        Event(int(8.5 * DAY_MS), "a", "maintenance"),
        Event(int(2.5 * DAY_MS), "a", "restart"),
    ]
    events += [trip("a", 2), Event(int(3.5 * DAY_MS), "a", "maintenance")]
    assert (time_to_next(("a",), nobody, ends, events)[:2] / DAY_MS).tolist() == [1, 2]
    assert is_down(("a",), nobody, ends, events).tolist() == [False, False, True]
    until = observed_until(("a",), nobody, ends, events, kinds=("maintenance",), until_ms=9 * DAY_MS)
    assert (until / DAY_MS).tolist() == [3.5, 8.5, 8.5]
