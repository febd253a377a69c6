from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.cases.book import CaseBook
from models.cases.case import NOT_INSPECTED, OUTCOMES
from models.cases.people import check
from models.errors import RecordError
from models.event_time import DAY_MS
from tests.support.case_life import CONTINUES_D, asks, signal, told


@pytest.fixture
def book() -> CaseBook:
    book = CaseBook(CONTINUES_D * DAY_MS)
    told(book, signal("open", 1))
    return book


def test_who_acknowledged_and_who_has_it_are_apart(book: CaseBook) -> None:
    told(book, asks("acknowledge", 1, who="ann"), asks("assign", 2, who="ann", assignee="bob"))
    case = book.remember("a").case
    assert case is not None
    assert case.acknowledged is not None
    assert case.assigned is not None
    assert (case.acknowledged.who, case.assigned.who, case.assigned.name) == ("ann", "ann", "bob")


@pytest.mark.parametrize("action", ["acknowledge", "assign", "snooze", "reopen"])
def test_a_stale_command_is_refused_with_the_case_as_it_is(book: CaseBook, action: str) -> None:
    told(book, signal("update", 1, day=2, severity="critical"))
    answer, change = book.ask(asks(action, 1, until="worse"))
    assert (answer.accepted, change.case) == (False, None)
    assert answer.reason == "version 1 is stale: the case is at 2"
    assert answer.case == book.remember("a").case


def test_a_resolution_beats_an_acknowledgement_whichever_comes_first(book: CaseBook) -> None:
    acknowledged, _ = book.ask(asks("acknowledge", 1))
    resolved, _ = book.ask(asks("resolve", 1, outcome="confirmed"))
    again, _ = book.ask(asks("acknowledge", 2))
    assert [a.accepted for a in (acknowledged, resolved, again)] == [True, True, False]


def test_a_resolution_that_has_not_seen_that_it_got_worse_is_refused(book: CaseBook) -> None:
    told(book, signal("update", 1, day=2, severity="critical"))
    assert not book.ask(asks("resolve", 1, outcome="confirmed"))[0].accepted


def test_a_comment_contradicts_nothing(book: CaseBook) -> None:
    told(book, asks("acknowledge", 1))
    assert book.ask(asks("comment", 1, text="oil smells"))[0].accepted
    told(book, asks("resolve", 3, outcome="confirmed"))
    assert book.ask(asks("comment", 1, text="it did"))[0].accepted


def test_what_is_sent_twice_is_done_once_and_answered_the_same(book: CaseBook) -> None:
    command = asks("comment", 1, text="oil smells")
    first, _ = book.ask(command)
    again, change = book.ask(command)
    assert (again, change.entries) == (first, ())


def test_a_confirmed_case_has_the_mode_that_was_suspected_unless_another_is_named(book: CaseBook) -> None:
    told(book, asks("resolve", 1, outcome="confirmed", cause="wear", downtime_h=3.5))
    case = book.remember("a").case
    assert case is not None
    assert case.resolved is not None
    assert (case.resolved.mode, case.resolved.cause, case.resolved.downtime_h) == ("fouling", "wear", 3.5)


def test_not_inspected_is_no_label_and_every_other_outcome_is(book: CaseBook) -> None:
    labels = {}
    for version, outcome in enumerate(OUTCOMES):
        told(book, asks("resolve", 1 + 2 * version, outcome=outcome, mode="leak"))
        case = book.remember("a").case
        assert case is not None
        assert case.resolved is not None
        labels[outcome] = case.resolved.is_label
        told(book, asks("reopen", 2 + 2 * version))
    assert {name for name, is_label in labels.items() if not is_label} == {NOT_INSPECTED}


def test_a_case_that_is_over_is_reopened_by_whoever_then_has_it(book: CaseBook) -> None:
    told(book, signal("closed", 1, day=2))
    assert not book.ask(asks("acknowledge", 2))[0].accepted
    told(book, asks("reopen", 2, who="ann"))
    case = book.remember("a").case
    assert case is not None
    assert case.state() == "acknowledged"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (asks("acknowledge", 9), "version 9 is not there yet: the case is at 1"),
        (asks("unacknowledge", 1), "nobody has acknowledged it"),
        (asks("unsnooze", 1), "it is not snoozed"),
        (asks("reopen", 1), "it is open"),
        (asks("comment", 1, text="x", case="a-7"), "a-7 is over: the case of a is a-86400000"),
        (asks("comment", 1, text="x", asset="b"), "b has no case"),
        (
            asks("snooze", 1, day=9, until="date", until_ms=8 * DAY_MS),
            "the date it is to be quiet until is past",
        ),
    ],
)
def test_a_refusal_says_why(book: CaseBook, command: Any, reason: str) -> None:
    answer, change = book.ask(command)
    assert (answer.accepted, answer.reason, change.case) == (False, reason, None)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (asks("comment", 1), "comment: text = '': expected what is to be said"),
        (asks("snooze", 1), "snooze: until = None: expected date, worse or cleared"),
        (
            asks("snooze", 1, until="date"),
            "snooze: until_ms = 0: expected the end if until is date, else none",
        ),
        (asks("snooze", 1, until="worse", until_ms=5), "snooze: until_ms = 5: expected the end"),
        (asks("resolve", 1), "resolve: outcome = None: expected what was found"),
        (
            asks("resolve", 1, outcome="confirmed-other"),
            "resolve: mode = '': expected the other failure mode",
        ),
        (
            asks("resolve", 1, outcome="confirmed", downtime_h=-1.0),
            "resolve: downtime_h = -1.0: expected hours",
        ),
        (asks("acknowledge", 1, who="a\nb"), "acknowledge: who = 'a\\nb': expected printable characters"),
        (asks("acknowledge", 1, day=-1), "acknowledge: time_ms = -86400000: expected milliseconds"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_by_name(command: Any, words: str) -> None:
    with pytest.raises(RecordError) as error:
        check(command)
    assert str(error.value).startswith(words)


def test_two_entries_of_a_kind_never_have_the_same_time(book: CaseBook) -> None:
    entries = told(book, *[asks("comment", 1, text=str(i), day=1) for i in range(3)])
    assert [e.time_ms - DAY_MS for e in entries] == [0, 1, 2]


def test_what_is_remembered_fits_its_form(book: CaseBook) -> None:
    known = book.remember("a")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(known), type=type(known)) == known
