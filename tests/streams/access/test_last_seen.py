from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from streams.access.database import Database
from streams.access.last_seen import LastSeen, Sight
from tests.support.people import Hand

FIRST, LATER = Sight(1, "dirt", ("s0",)), Sight(3, "a leak", ("s0", "s1"))


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def seen(tmp_path: Path, clock: Hand) -> LastSeen:
    return LastSeen(Database(tmp_path / "access.db"), clock)


def test_who_looks_for_the_first_time_has_nothing_to_compare_with(seen: LastSeen) -> None:
    assert seen.before("ann", ["a-1"]) == {}
    assert seen.look("ann", {"a-1": FIRST}) == {}
    assert seen.look("bob", {"a-1": FIRST}) == {}


def test_what_was_seen_at_the_visit_before_holds_until_this_one_ends(seen: LastSeen, clock: Hand) -> None:
    seen.look("ann", {"a-1": FIRST})
    began_ms = clock()
    clock.pass_by(31)
    for _ in range(3):
        assert seen.look("ann", {"a-1": LATER}) == {"a-1": FIRST._replace(time_ms=began_ms)}
        clock.pass_by(20)
    assert seen.before("ann", ["a-1", "b-1"]) == {"a-1": FIRST._replace(time_ms=began_ms)}
    clock.pass_by(31)
    assert seen.look("ann", {"a-1": LATER})["a-1"].version == LATER.version


def test_a_case_that_a_reader_who_was_here_before_has_not_seen_is_new_to_them(
    seen: LastSeen, clock: Hand
) -> None:
    seen.look("ann", {"a-1": FIRST})
    assert seen.look("ann", {"b-1": FIRST}) == {}  # the same visit: it was not there to be seen before
    clock.pass_by(31)
    assert seen.look("ann", {"c-1": FIRST})["c-1"].version == 0
    assert seen.look("ann", {"c-1": FIRST})["c-1"].version == 0


def test_what_somebody_else_saw_is_not_told(seen: LastSeen, clock: Hand) -> None:
    seen.look("ann", {"a-1": FIRST})
    clock.pass_by(31)
    assert seen.look("bob", {"a-1": LATER}) == {}


def test_it_is_bounded_by_reader_and_by_time(seen: LastSeen, clock: Hand) -> None:
    seen.look("bob", {"a-1": FIRST})
    clock.pass_by(91 * 24 * 60)
    for i in range(6):
        clock.pass_by(1)
        seen.look("ann", {f"c-{i}-{k}": FIRST for k in range(100)})
    with sqlite3.connect(seen.database.path) as file:
        rows = file.execute("SELECT reader, count(*), min(about) FROM seen GROUP BY reader").fetchall()
    assert rows == [("ann", 500, "c-1-0")]


def test_to_look_again_at_once_writes_nothing(seen: LastSeen, clock: Hand) -> None:
    seen.look("ann", {"a-1": FIRST})
    written = seen.database.path.read_bytes()
    clock.pass_by(1)
    seen.look("ann", {"a-1": FIRST})
    assert seen.database.path.read_bytes() == written
    seen.look("ann", {"a-1": LATER})
    assert seen.database.path.read_bytes() != written


def test_a_file_from_before_gets_what_it_lacks_and_keeps_what_it_has(seen: LastSeen) -> None:
    seen.look("ann", {"a-1": FIRST})
    with sqlite3.connect(seen.database.path) as file:
        file.execute("DROP TABLE seen")
        file.execute("INSERT INTO users VALUES ('ann', 'lead', 'x', 1)")
        file.execute("PRAGMA user_version = 1")
    assert seen.before("ann", ["a-1"]) == {}
    assert seen.look("ann", {"a-1": FIRST}) == {}
    with sqlite3.connect(seen.database.path) as file:
        assert file.execute("SELECT count(*) FROM seen").fetchone() == (1,)
        assert file.execute("SELECT name FROM users").fetchone() == ("ann",)
