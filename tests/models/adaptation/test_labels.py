from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.adaptation.labels import Pending, became, happening
from models.event_time import DAY_MS
from models.telemetry.planned_stops import CANCELLED, PLANNED, Stopped, planned_events
from models.telemetry.samples import Event

WEEK_MS = 7 * DAY_MS


def matured(*happened: tuple[int, str]) -> list[bool]:
    """Return the labels of the window that ends after a day, given what happens on some days."""
    pending = Pending(WEEK_MS)
    pending.observe("a", DAY_MS, -1.0)
    for day, what in happened:
        pending.happen("a", (day * DAY_MS, what, ""))
    return [m.label for m in pending.mature(8 * DAY_MS)]


def test_a_label_matures_when_its_horizon_has_passed_and_not_before() -> None:
    pending = Pending(WEEK_MS)
    pending.observe("a", DAY_MS, -1.0)
    pending.happen("a", (5 * DAY_MS, "outcome", ""))
    assert pending.mature(8 * DAY_MS - 1) == []
    assert [(m.asset, m.label) for m in pending.mature(8 * DAY_MS)] == [("a", True)]
    assert len(pending) == 0


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 40)))
def test_matured_labels_are_those_of_the_definition(ends: list[int], trips: list[int]) -> None:
    pending = Pending(7)
    for day in range(60):
        for trip in trips:
            if trip == day:
                pending.happen("a", (trip, "outcome", ""))
        if day in ends:
            pending.observe("a", day, 0.0)
        for lesson in pending.mature(day):
            assert lesson.end_ms == day - 7
            assert lesson.label == any(0 < t - lesson.end_ms <= 7 for t in trips)
    assert len(pending) == 0


def test_labels_come_in_the_order_of_event_time_however_late_a_window_was_scored() -> None:
    pending = Pending(7)
    for asset, end in (("b", 3), ("a", 5), ("c", 1), ("a", 3)):
        pending.observe(asset, end, 0.0)
    assert [(m.end_ms, m.asset) for m in pending.mature(30)] == [(1, "c"), (3, "a"), (3, "b"), (5, "a")]


def test_work_on_a_machine_hides_what_would_have_come_and_what_came_before_it_counts() -> None:
    assert matured((4, "prevented")) == []
    assert matured((4, "prevented"), (6, "outcome")) == []
    assert matured((6, "prevented"), (4, "outcome")) == [True]
    assert matured((9, "prevented")) == [False]


def test_a_fault_that_people_confirm_counts_as_come_though_it_was_mended() -> None:
    assert matured((4, "prevented"), (5, "confirmed")) == [True]
    assert matured((9, "confirmed")) == [False]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("confirmed", "confirmed"),
        ("confirmed-other", "confirmed"),
        ("early-degradation", "prevented"),
        ("no-fault-found", None),
        ("sensor-fault", None),
        ("known-operational", None),
        ("not-inspected", None),
    ],
)
def test_each_outcome_of_a_case_says_what_became_of_a_window_or_leaves_it_to_its_horizon(
    code: str, what: str | None
) -> None:
    expected = (5, what, "") if what else None
    assert happening(Event(5, "a", "finding", code), ("maintenance",)) == expected


def test_only_kinds_that_hide_what_comes_do() -> None:
    assert happening(Event(5, "a", "maintenance"), ("maintenance",)) == (5, "prevented", "")
    assert happening(Event(5, "a", "maintenance"), ()) is None
    assert happening(Event(5, "a", "override"), ("maintenance",)) is None
    assert happening(Event(5, "a", "shutdown"), ()) == (5, "outcome", "")


def test_what_is_held_is_bounded_though_the_watermark_stands_still() -> None:
    pending = Pending(WEEK_MS)
    for day in range(400):
        pending.observe("a", day * DAY_MS, 0.0)
        pending.happen("a", (day * DAY_MS, "outcome", ""))
    waiting, happened = pending.remember("a")
    assert (len(waiting), len(happened)) == (67, 128)
    assert len(pending.mature(500 * DAY_MS)) == 67


def test_what_happened_twice_is_known_once() -> None:
    pending = Pending(WEEK_MS)
    for _ in range(50):
        pending.happen("a", (DAY_MS, "outcome", ""))
    assert pending.remember("a") == ([], [(DAY_MS, "outcome", "")])


def test_a_confirmed_fault_outside_the_horizon_teaches_nothing() -> None:
    assert became([(5, "confirmed", "")], 5, 7) is False
    assert became([(13, "confirmed", "")], 5, 7) is False


def stopped(*kinds: str, days: tuple[int, int] = (4, 5), came: int = 0) -> list[bool]:
    """Return the labels of the window that ends after a day, of a machine with a plan, and a shutdown."""
    pending = Pending(WEEK_MS)
    pending.observe("a", DAY_MS, -1.0)
    for kind in kinds:
        for event in planned_events(kind, "a", Stopped(days[0] * DAY_MS, days[1] * DAY_MS), "p"):
            what = happening(event, ())
            assert what is not None
            pending.happen("a", what)
    if came:
        pending.happen("a", (came * DAY_MS + 1, "outcome", ""))
    return [m.label for m in pending.mature(8 * DAY_MS)]


def test_what_comes_within_or_after_a_planned_stop_nobody_knows_and_what_came_before_counts() -> None:
    assert stopped(PLANNED) == []
    assert stopped(PLANNED, came=4) == []
    assert stopped(PLANNED, came=6) == []
    assert stopped(PLANNED, came=2) == [True]
    assert stopped(PLANNED, days=(0, 3), came=6) == []
    assert stopped(PLANNED, days=(9, 12)) == [False]


def test_a_planned_stop_that_was_cancelled_is_none() -> None:
    assert stopped(PLANNED, CANCELLED) == [False]
    assert stopped(PLANNED, CANCELLED, came=4) == [True]
