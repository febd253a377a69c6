"""Whatever comes in whatever order: one open case per machine, a history that only grows, the same again."""

from __future__ import annotations

import itertools
from collections import defaultdict

from hypothesis import given

from models.cases.book import Answer, CaseBook, Change
from models.cases.case import Case, Entry
from models.event_time import DAY_MS
from tests.support.case_life import CONTINUES_D, Step, does, lives

Life = list[Step]


def lived(steps: Life) -> tuple[CaseBook, list[tuple[Change, Answer | None]]]:
    book, out = CaseBook(CONTINUES_D * DAY_MS), list[tuple[Change, Answer | None]]()
    for step in steps:
        answer, change = does(book, step)
        out.append((change, answer))
    return book, out


@given(lives())
def test_a_machine_has_one_open_case_whatever_comes(steps: Life) -> None:
    known: dict[str, dict[str, Case]] = defaultdict(dict)
    for change, _ in lived(steps)[1]:
        if change.case is not None:
            known[change.case.asset][change.case.case] = change.case
            assert sum(case.is_open for case in known[change.case.asset].values()) <= 1


@given(lives())
def test_a_history_grows_only_and_numbers_its_entries_without_a_gap(steps: Life) -> None:
    entries: dict[str, list[Entry]] = defaultdict(list)
    for change, _ in lived(steps)[1]:
        for entry in change.entries:
            entries[entry.case].append(entry)
        if change.case is not None and change.entries:
            assert change.case.version == change.entries[-1].version
    for history in entries.values():
        assert [e.version for e in history] == list(range(1, len(history) + 1))
        assert history[0].kind == "opened"
        assert len({(e.kind, e.time_ms) for e in history}) == len(history)


@given(lives())
def test_a_replay_says_the_same(steps: Life) -> None:
    assert lived(steps)[1] == lived(steps)[1]


@given(lives())
def test_what_is_said_again_at_once_changes_nothing(steps: Life) -> None:
    once = [change for change, _ in lived(steps)[1]]
    twice = [change for change, _ in lived(list(itertools.chain(*zip(steps, steps, strict=True))))[1]]
    assert [change for change in twice[1::2] if change.case] == []
    assert twice[::2] == once


@given(lives())
def test_an_accepted_command_led_to_its_version_and_a_refused_one_to_nothing(steps: Life) -> None:
    seen = set[str]()
    for change, answer in lived(steps)[1]:
        if answer is not None and answer.id not in seen:
            seen.add(answer.id)
            assert bool(change.entries or change.stop) is answer.accepted
            assert answer.accepted is not bool(answer.reason)
            if change.case is not None:
                assert answer.version == change.case.version
