from __future__ import annotations

import pytest

from models.cases.book import CaseBook
from models.cases.case import Case
from models.event_time import DAY_MS
from tests.support.case_life import CONTINUES_D, Step, asks, signal, told


def current(book: CaseBook) -> Case:
    case = book.remember("a").case
    assert case is not None
    return case


def kinds(book: CaseBook, *steps: Step) -> list[str]:
    return [entry.kind for entry in told(book, *steps)]


@pytest.fixture
def book() -> CaseBook:
    return CaseBook(CONTINUES_D * DAY_MS)


def test_a_case_opens_with_a_name_that_stays(book: CaseBook) -> None:
    assert kinds(book, signal("open", 1)) == ["opened"]
    case = current(book)
    assert (case.case, case.version, case.active, case.state()) == ("a-86400000", 1, True, "new")


def test_what_is_heard_again_is_heard_once(book: CaseBook) -> None:
    steps = [signal("open", 1), signal("update", 1, day=2), signal("closed", 1, day=3)]
    assert kinds(book, *steps) == ["opened", "cleared"]
    assert kinds(book, *steps, *steps[1:]) == []


@pytest.mark.parametrize("reason", ["cleared", "event", "expired"])
def test_a_case_that_nobody_took_ends_with_the_machine(book: CaseBook, reason: str) -> None:
    assert kinds(book, signal("open", 1), signal("closed", 1, day=2, reason=reason)) == ["opened", reason]
    assert current(book).state() == "ended"


def test_a_case_that_somebody_took_stays_until_they_say_what_it_was(book: CaseBook) -> None:
    told(book, signal("open", 1), asks("acknowledge", 1), signal("closed", 1, day=2))
    assert (current(book).active, current(book).is_open) == (False, True)
    told(book, signal("open", 60, day=60))
    assert current(book).case == "a-86400000", "one open case per machine"


def test_a_machine_that_opens_again_soon_goes_on_with_its_case(book: CaseBook) -> None:
    told(book, signal("open", 1), signal("closed", 1, day=3))
    entries = told(book, signal("open", 3 + CONTINUES_D, day=3 + CONTINUES_D))
    assert [(e.kind, e.case, e.version) for e in entries] == [("opened", "a-86400000", 3)]
    assert current(book).openings == 2


def test_a_machine_that_opens_again_later_has_another_case(book: CaseBook) -> None:
    told(book, signal("open", 1), signal("closed", 1, day=3))
    (entry,) = told(book, signal("open", 4 + CONTINUES_D, day=4 + CONTINUES_D))
    assert (entry.version, current(book).openings) == (1, 1)
    assert entry.case != "a-86400000"


def test_a_step_of_severity_or_of_time_left_is_said_and_keeps_the_acknowledgement(book: CaseBook) -> None:
    told(book, signal("open", 1, latest_d=20), asks("acknowledge", 1))
    entries = told(book, signal("update", 1, day=2, latest_d=6))
    entries += told(book, signal("update", 1, day=3, latest_d=6, severity="critical"))
    assert [(e.kind, e.severity, e.notifies) for e in entries] == [
        ("worse", "warning", True),
        ("worse", "critical", True),
    ]
    assert current(book).state() == "acknowledged"


def test_a_level_that_comes_and_goes_is_said_once(book: CaseBook) -> None:
    days = [signal("update", 1, day=d, severity=("warning", "critical")[d % 2]) for d in range(2, 12)]
    assert kinds(book, signal("open", 1), *days) == ["opened", "worse"]


def test_it_is_better_once_that_has_lasted(book: CaseBook) -> None:
    told(book, signal("open", 1, severity="critical"), signal("update", 1, day=2))
    assert current(book).severity == "critical"
    assert kinds(book, signal("update", 1, day=3)) == ["better"]
    assert current(book).severity == "warning"


def test_a_machine_that_opens_again_and_again_calls_nobody_each_time(book: CaseBook) -> None:
    loud = []
    for day in range(1, 11, 2):
        loud += told(book, signal("open", day, day=day), signal("closed", day, day=day + 1))
    assert [e.notifies for e in loud if e.kind == "opened"] == [True, True, True, False, False]


def test_what_was_before_a_resolution_does_not_undo_it_however_late_it_comes(book: CaseBook) -> None:
    told(book, signal("open", 1), signal("closed", 1, day=2), asks("resolve", 2, day=5, outcome="confirmed"))
    assert kinds(book, signal("open", 4, day=4), signal("update", 4, day=5, severity="critical")) == []
    assert current(book).state() == "resolved"


def test_what_comes_after_a_resolution_opens_the_case_again_with_its_history(book: CaseBook) -> None:
    told(book, signal("open", 1), asks("acknowledge", 1), signal("closed", 1, day=2))
    told(book, asks("resolve", 3, day=5, outcome="confirmed"))
    (entry,) = told(book, signal("open", 6, day=6))
    case = current(book)
    assert (entry.kind, entry.version, case.state(), case.acknowledged) == ("opened", 5, "new", None)


def test_a_resolved_case_that_gets_worse_is_open_again_and_one_that_does_not_stays(book: CaseBook) -> None:
    told(book, signal("open", 1), asks("resolve", 1, day=2, outcome="no-fault-found"))
    assert kinds(book, signal("update", 1, day=3)) == []
    assert kinds(book, signal("update", 1, day=4, severity="critical")) == ["worse"]
    assert current(book).state() == "new"


def test_a_shutdown_after_a_resolution_is_on_record_and_changes_nothing(book: CaseBook) -> None:
    told(book, signal("open", 1), asks("resolve", 1, day=2, outcome="confirmed"))
    (entry,) = told(book, signal("closed", 1, day=3, reason="event"))
    assert (entry.kind, entry.notifies, current(book).state()) == ("event", False, "resolved")


@pytest.mark.parametrize(
    ("until", "step", "wakes"),
    [
        ("worse", signal("update", 1, day=3, severity="critical"), True),
        ("worse", signal("update", 1, day=3), False),
        ("cleared", signal("update", 1, day=3, severity="critical"), False),
        ("cleared", signal("closed", 1, day=3), True),
        ("worse", signal("closed", 1, day=3, reason="event"), True),
        ("date", signal("update", 1, day=9), False),
        ("date", signal("update", 1, day=10), True),
    ],
)
def test_a_snooze_ends_as_it_was_asked(book: CaseBook, until: str, step: Step, wakes: bool) -> None:
    until_ms = 10 * DAY_MS if until == "date" else 0
    told(book, signal("open", 1), asks("snooze", 1, day=2, until=until, until_ms=until_ms))
    assert current(book).state(2 * DAY_MS) == "snoozed"
    assert ("unsnoozed" in kinds(book, step)) is wakes
    assert (current(book).snoozed is None) is wakes


def test_worse_while_it_is_quiet_for_longer_is_on_record_and_calls_nobody(book: CaseBook) -> None:
    told(book, signal("open", 1), asks("snooze", 1, day=2, until="cleared"))
    (entry,) = told(book, signal("update", 1, day=3, severity="critical"))
    assert (entry.kind, entry.notifies) == ("worse", False)


def test_a_case_whose_opening_was_never_heard_opens_with_its_next_word(book: CaseBook) -> None:
    assert kinds(book, signal("closed", 1, day=2), signal("update", 3, day=4)) == ["opened"]
