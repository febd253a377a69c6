from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import UnavailableError
from streams.access.audit import Audit, Deed
from streams.access.database import Database
from streams.access.roles import Person
from tests.support.people import Hand

ANN = Person("Ann", "lead", "password", "10.0.0.1")


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def audit(tmp_path: Path, clock: Hand) -> Audit:
    return Audit(Database(tmp_path / "access.db"), clock)


def test_a_line_says_who_did_what_when_from_where_and_what_came_of_it(audit: Audit, clock: Hand) -> None:
    audit.write(ANN, Deed("resolve", "case CH-1-7", "refused", "it was resolved by bob"))
    (line,) = audit.read()
    assert (line.number, line.time_ms, line.who, line.role, line.via, line.address) == (
        *(1, clock.now_ms, "Ann", "lead", "password"),
        "10.0.0.1",
    )
    assert (line.action, line.about, line.result) == ("resolve", "case CH-1-7", "refused")
    assert line.detail == "it was resolved by bob"


def test_lines_are_found_by_time_and_words_the_newest_first(audit: Audit, clock: Hand) -> None:
    for about in ("case A", "case B", "user C"):
        audit.write(ANN, Deed("touch", about, "done"))
        clock.pass_by(1)
    assert [line.about for line in audit.read()] == ["user C", "case B", "case A"]
    assert [line.about for line in audit.read(words="CASE")] == ["case B", "case A"]
    assert [line.about for line in audit.read(since_ms=clock.now_ms - 60_000)] == ["user C"]
    assert [line.about for line in audit.read(at_most=1)] == ["user C"]


@pytest.mark.parametrize("words", ["Özge", "ÖZGE", "özge", "GROSSER KÜHLER"])
def test_words_are_found_in_whatever_case_they_are_written(audit: Audit, words: str) -> None:
    audit.write(replace(ANN, name="Özge"), Deed("touch", "Großer Kühler", "done"))
    assert [line.who for line in audit.read(words=words)] == ["Özge"]


def test_a_fault_of_ours_is_on_record_as_one(audit: Audit) -> None:
    with pytest.raises(ZeroDivisionError), audit.recording(ANN, "touch", "it"):
        raise ZeroDivisionError("by zero")
    assert [(line.result, line.detail) for line in audit.read()] == [("failed", "by zero"), ("asked", "")]


def test_nothing_is_on_record_before_anything_was_done(audit: Audit) -> None:
    assert (audit.read(), audit.broken()) == ([], 0)


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'bob'", "DELETE FROM audit"])
def test_the_record_only_grows(audit: Audit, statement: str) -> None:
    audit.write(ANN, Deed("touch", "it", "done"))
    with (
        pytest.raises(UnavailableError, match="the record only grows"),
        audit.database.changing() as changing,
    ):
        changing.execute(statement)
    assert len(audit.read()) == 1


@pytest.mark.parametrize(
    ("harm", "first"),
    [
        ("UPDATE audit SET who = 'bob' WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("UPDATE audit SET number = 7 WHERE number = 3", 3),
    ],
)
def test_a_line_that_was_changed_or_is_gone_all_the_same_is_found(
    audit: Audit, harm: str, first: int
) -> None:
    for about in "abc":
        audit.write(ANN, Deed("touch", about, "done"))
    assert audit.broken() == 0
    with sqlite3.connect(audit.database.path) as database:
        database.execute("DROP TRIGGER audit_stays")
        database.execute("DROP TRIGGER audit_is_kept")
        database.execute(harm)
    database.close()
    assert audit.broken() == first


def test_what_is_undone_leaves_no_line(audit: Audit) -> None:
    with contextlib.suppress(ZeroDivisionError), audit.database.changing() as changing:
        audit.add(changing, ANN, Deed("touch", "it", "done"))
        changing.execute(f"SELECT {1 // 0}")
    assert audit.read() == []


def test_lines_of_many_at_once_are_all_there_in_one_order(audit: Audit) -> None:
    def write(who: str) -> None:
        for i in range(10):
            audit.write(Person(who, "lead", "password"), Deed("touch", str(i), "done"))

    threads = [threading.Thread(target=write, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line.number for line in audit.read()] == list(range(40, 0, -1))
    assert audit.broken() == 0


def test_what_is_strange_is_kept_as_it_is_but_not_without_end(audit: Audit) -> None:
    audit.write(Person("<b>' \ud800", "lead", "password"), Deed("touch", "x" * 100_000, "done"))
    (line,) = audit.read()
    assert line.who.startswith("<b>'")
    assert len(line.about) == 2000
