"""Planned stops of a machine: entered, overlapping, cancelled, over; and what they do to its case."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.cases.book import CaseBook, Remembered
from models.cases.case import Case
from models.cases.stops import LONGEST_D, MAX_WORDS, MOST, PlannedStop, StopCommand, check, made
from models.errors import RecordError
from models.event_time import DAY_MS
from tests.support.case_life import CONTINUES_D, PRESENT, asks, does, lives, planned, plans, signal, told


@pytest.fixture
def book() -> CaseBook:
    return CaseBook(CONTINUES_D * DAY_MS)


def case_of(book: CaseBook, asset: str = "a") -> Case:
    case = book.remember(asset).case
    assert case is not None
    return case


def refused(book: CaseBook, command: StopCommand) -> str:
    answer, change = book.plan(command)
    assert not answer.accepted
    assert (change.stop, change.case, change.entries) == (None, None, ())
    return answer.reason


def test_a_case_that_opens_within_a_stop_says_that_it_is_held(book: CaseBook) -> None:
    (entry,) = told(book, plans(2, 6), signal("open", 3))
    assert (entry.kind, entry.text) == ("opened", "held: planned stop")
    assert entry.stop is not None
    assert entry.stop.plan == "p1"
    stop = case_of(book).stop_at(3 * DAY_MS)
    assert stop is not None
    assert stop.until_ms == 6 * DAY_MS
    assert case_of(book).stop_at(6 * DAY_MS) is None


def test_a_shutdown_within_a_stop_ends_a_case_as_planned_and_one_after_it_does_not(book: CaseBook) -> None:
    entries = told(book, plans(2, 6), signal("open", 3), signal("closed", 3, 5, reason="event"))
    assert [(e.kind, e.notifies) for e in entries] == [("opened", True), ("planned", False)]
    assert case_of(book).ended == "planned"
    (*_, last) = told(book, signal("open", 5), signal("closed", 5, 6, reason="event"))
    assert (last.kind, last.notifies) == ("event", True)


def test_event_time_decides_and_not_when_it_is_heard_of(book: CaseBook) -> None:
    told(book, plans(2, 6, day=1), plans(7, 8, day=9, plan="p2"))
    (entry,) = told(book, signal("open", 5))
    assert entry.text == "held: planned stop"


def test_an_open_case_has_the_stop_in_its_history_and_one_that_is_over_has_not(book: CaseBook) -> None:
    entries = told(
        book, signal("open", 1), plans(4, 6, day=2, text="coils"), plans(4, 6, day=3, action="cancel")
    )
    assert [(e.kind, e.who, e.text) for e in entries[1:]] == [
        ("stop-planned", "ann", "coils"),
        ("stop-cancelled", "ann", "coils"),
    ]
    told(book, signal("closed", 1, 4))
    assert told(book, plans(5, 6, day=4, plan="p2")) == []
    assert [stop.plan for stop in case_of(book).stops] == ["p2"]


def test_a_resolution_is_not_stale_because_a_stop_was_planned(book: CaseBook) -> None:
    told(book, signal("open", 1), plans(4, 6, day=2))
    assert told(book, asks("resolve", 1, outcome="confirmed"))[0].kind == "resolved"


def test_a_cancelled_stop_has_not_been_and_one_under_way_ends_now(book: CaseBook) -> None:
    _, before = book.plan(plans(4, 6, day=1))
    _, change = book.plan(plans(0, 0, day=2, action="cancel"))
    assert (before.stop, change.stop) != (None, None)
    assert change.stop is not None
    assert (change.stop.state(0), change.stop.planned_until_ms) == ("cancelled", 6 * DAY_MS)
    _, change = book.plan(plans(4, 6, day=1, plan="p2"))
    _, change = book.plan(plans(0, 0, day=5, action="cancel", plan="p2"))
    assert change.stop is not None
    assert (change.stop.until_ms, change.stop.state(5 * DAY_MS)) == (5 * DAY_MS, "over")


def test_what_cannot_be_done_is_refused_with_the_reason(book: CaseBook) -> None:
    told(book, *(plans(4, 6, plan=f"p{i}") for i in range(MOST)))
    assert "20 planned stops ahead" in refused(book, plans(4, 6, plan="more"))
    assert "has plan p1 already" in refused(book, plans(4, 7, id="other"))
    assert "no plan p77" in refused(book, plans(0, 0, plan="p77", action="cancel"))
    assert "days past" in refused(book, plans(1, 2, day=40, plan="old"))
    told(book, plans(0, 0, action="cancel"))
    assert "cancelled by ann" in refused(book, plans(0, 0, action="cancel", id="again"))
    assert "it is over" in refused(book, plans(0, 0, day=6, action="cancel", plan="p2"))


def test_a_cancelled_stop_makes_room_for_another_and_hides_none_that_was(book: CaseBook) -> None:
    told(book, signal("open", 1), plans(1, 3, plan="was"))
    for i in range(3 * MOST):
        for action in ("plan", "cancel"):
            assert book.plan(plans(4, 6, day=3, plan=f"p{i}", action=action))[0].accepted
    stops = book.remember("a").stops
    assert [stop.plan for stop in stops if not stop.is_none] == ["was"]
    assert len(stops) == MOST
    (entry,) = told(book, signal("closed", 1, 2, reason="event"))
    assert entry.kind == "planned"


def test_stops_that_are_over_are_forgotten_after_a_while(book: CaseBook) -> None:
    told(book, plans(2, 3), plans(50, 60, plan="p2"), signal("open", 9))
    assert [stop.plan for stop in book.remember("a").stops] == ["p1", "p2"]
    told(book, signal("update", 9, 10))
    assert [stop.plan for stop in book.remember("a").stops] == ["p2"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"until_ms": DAY_MS}, "until_ms"),
        ({"until_ms": (LONGEST_D + 2) * DAY_MS}, "366 days"),
        ({"from_ms": -1}, "from_ms"),
        ({"time_ms": 0}, "time_ms"),
        ({"who": "a\nb"}, "who"),
        ({"site": "\x00"}, "site"),
        ({"plan": ""}, "plan"),
        ({"text": "x" * (MAX_WORDS + 1)}, "text"),
        ({"action": "stop"}, "action"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_its_key(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(RecordError, match=word):
        made({**msgspec.to_builtins(plans(1, 2)), **changes})
    check(plans(1, 2))


@given(st.lists(planned("a"), max_size=30), st.integers(1, 80))
def test_known_stops_are_bounded_distinct_and_those_of_the_case_lie_ahead(
    asked: list[StopCommand], day: int
) -> None:
    book = CaseBook(CONTINUES_D * DAY_MS)
    told(book, signal("open", 1))
    seen: dict[str, PlannedStop] = {}
    for number, command in enumerate(asked):
        _, change = book.plan(replace(command, id=str(number)))
        if change.stop is not None:
            seen[change.stop.plan] = change.stop
            case = case_of(book)
            assert all(stop.until_ms > command.seen_ms for stop in case.stops)
            assert all(first.from_ms <= last.from_ms for first, last in pairwise(case.stops))
    stops = book.remember("a").stops
    assert (
        len({stop.time_ms for stop in stops}) == len({stop.plan for stop in stops}) == len(stops) <= 2 * MOST
    )
    book.hear(signal("update", 1, day=day))
    covering = [s for s in seen.values() if s in stops and s.from_ms <= day * DAY_MS < s.until_ms]
    found = case_of(book).stop_at(day * DAY_MS) if day > 1 else None
    assert day == 1 or (found.until_ms if found else 0) == max((s.until_ms for s in covering), default=0)


@given(lives())
def test_no_shutdown_within_a_stop_counts_as_one_that_came(steps: list[Any]) -> None:
    book = CaseBook(CONTINUES_D * DAY_MS)
    for step in steps:
        before = book.remember(step.asset).stops
        _, change = does(book, step)
        for entry in change.entries:
            held = any(s.from_ms <= step.time_ms < s.until_ms for s in before)
            assert not (entry.kind == "event" and held)
            assert not (entry.kind == "planned" and not held)


def test_what_was_remembered_before_there_were_stops_is_understood() -> None:
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(Remembered()))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole[:4]), type=Remembered) == Remembered()


def test_a_snooze_until_it_is_worse_outlasts_a_planned_shutdown(book: CaseBook) -> None:
    told(book, plans(2, 9), signal("open", 3), asks("snooze", PRESENT, until="worse"))
    entries = told(book, signal("closed", 3, 5, reason="event"))
    assert [(e.kind, e.text) for e in entries] == [("planned", "")]
    assert case_of(book).snoozed is not None
