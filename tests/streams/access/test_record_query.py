"""What is asked of the record: of a kind, a fleet, a person, by time and words, a page at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.access.audit import Audit, Deed
from streams.access.database import Database
from streams.access.record_query import KINDS, RecordQuery, fleet_of, kind_of
from streams.access.roles import Person
from tests.support.people import MINUTE_MS, Hand

ABOUT = (
    "model 3 of chiller",
    "retraining 1 of chiller",
    "case CH-1-7",
    "plan of Hamburg",
    "silence works",
    "dead letters",
    "user bob",
    "the weather of chiller",
    "model 4 of drives",
)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def audit(tmp_path: Path, clock: Hand) -> Audit:
    made = Audit(Database(tmp_path / "access.db"), clock)
    for i, about in enumerate(ABOUT):
        made.write(Person("Ann" if i % 2 else "Bob", "admin", "command"), Deed("touch", about, "done"))
        clock.pass_by(1)
    return made


def found(audit: Audit, query: RecordQuery) -> list[str]:
    many, lines = audit.find(query)
    assert many == len(lines)
    return [line.about for line in lines]


def test_every_line_is_of_the_kind_by_which_it_is_found(audit: Audit) -> None:
    by_kind = {kind: found(audit, RecordQuery(kind=kind)) for kind in KINDS}
    assert sorted(about for abouts in by_kind.values() for about in abouts) == sorted(ABOUT)
    assert all(kind_of(about) == kind for kind, abouts in by_kind.items() for about in abouts)
    assert [len(by_kind[kind]) for kind in KINDS] == [2, 1, 1, 1, 1, 1, 1, 1]


def test_a_fleet_has_its_models_and_retrainings_alone(audit: Audit) -> None:
    assert found(audit, RecordQuery(fleet="chiller")) == [ABOUT[1], ABOUT[0]]
    assert found(audit, RecordQuery(fleet="hamburg")) == []
    assert [fleet_of(about) for about in (ABOUT[8], "plan of Hamburg", "case a of b")] == ["drives", "", ""]


def test_a_person_is_found_by_the_whole_name_in_any_case(audit: Audit) -> None:
    assert len(found(audit, RecordQuery(who="ann"))) == 4
    assert found(audit, RecordQuery(who="an")) == []


def test_conditions_hold_together_and_the_end_of_a_span_is_open(audit: Audit, clock: Hand) -> None:
    begun = clock.now_ms - len(ABOUT) * MINUTE_MS
    span = RecordQuery(since_ms=begun + MINUTE_MS, until_ms=begun + 3 * MINUTE_MS)
    assert found(audit, span) == [ABOUT[2], ABOUT[1]]
    assert found(audit, RecordQuery(kind="models", who="bob", words="DRIVES")) == [ABOUT[8]]


def test_a_page_is_a_part_of_all_that_is_found(audit: Audit) -> None:
    many, lines = audit.find(RecordQuery(start=2, most=3))
    assert (many, [line.about for line in lines]) == (9, [ABOUT[6], ABOUT[5], ABOUT[4]])
    assert audit.find(RecordQuery(start=9, most=3)) == (9, [])


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "\0", "model"])
def test_what_is_asked_is_never_taken_for_sql(audit: Audit, text: str) -> None:
    assert found(audit, RecordQuery(fleet=text)) == []
    assert found(audit, RecordQuery(who=text)) == []
