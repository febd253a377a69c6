"""The record is told line by line, in its order, in one form however often."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UnavailableError
from streams.access import record_relay
from streams.access.audit import Audit, Deed
from streams.access.database import Database
from streams.access.record_relay import RecordRelay, keep_telling
from streams.access.roles import Person
from streams.records import Recorded
from tests.support.people import Hand

ANN = Person("ann", "admin", "password", "10.0.0.1")


class Heard:
    """Takes what is told; of some calls it keeps all, and says that it was not written."""

    def __init__(self, *broken: int) -> None:
        self.broken, self.calls = broken, 0
        self.lines: list[Recorded] = []

    def __call__(self, lines: Sequence[Recorded]) -> None:
        self.calls += 1
        self.lines += lines
        if self.calls in self.broken:
            raise UnavailableError("b:1 does not answer")

    @property
    def kept(self) -> dict[tuple[str, str, int], Recorded]:
        """What a store has, to which record, kind and time are one point."""
        return {(one.record, one.kind, one.at_ms): one for one in self.lines}


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def audit(tmp_path: Path, clock: Hand) -> Audit:
    return Audit(Database(tmp_path / "access.db"), clock)


def write(audit: Audit, *abouts: str) -> None:
    for about in abouts:
        audit.write(ANN, Deed("touch", about, "done", "since it has won"))


def test_a_line_is_told_as_it_was_written_but_for_the_address(audit: Audit, clock: Hand) -> None:
    write(audit, "model 3 of chiller")
    heard = Heard()
    assert RecordRelay(audit, "b", heard).tell() == 1
    (line,) = heard.lines
    assert (line.number, line.time_ms, line.at_ms, line.kind, line.fleet) == (
        *(1, clock.now_ms, clock.now_ms, "models"),
        "chiller",
    )
    assert (line.who, line.role, line.via, line.action, line.result) == (
        *("ann", "admin", "password", "touch"),
        "done",
    )
    assert line.record == audit.name() != ""
    assert "10.0.0.1" not in repr(line)


def test_what_is_told_is_not_told_again_and_what_is_new_is(audit: Audit) -> None:
    heard = Heard()
    write(audit, "case A")
    RecordRelay(audit, "b", heard).tell()
    later = RecordRelay(audit, "b", heard)
    assert later.tell() == 0
    write(audit, "case B")
    assert [later.tell(), later.tell()] == [1, 0]
    assert [line.about for line in heard.lines] == ["case A", "case B"]


def test_another_place_hears_all_from_the_start(audit: Audit) -> None:
    write(audit, "case A", "case B")
    one, other = Heard(), Heard()
    RecordRelay(audit, "b", one).tell()
    RecordRelay(audit, "c", other).tell()
    assert one.lines == other.lines != []


def test_who_signs_in_stays_in_the_file(audit: Audit) -> None:
    write(audit, "user ann", "case A", "token 7", "provider")
    heard = Heard()
    assert RecordRelay(audit, "b", heard).tell() == 1
    assert [line.about for line in heard.lines] == ["case A"]


def test_nothing_is_made_of_a_record_that_is_not_there(audit: Audit) -> None:
    assert RecordRelay(audit, "b", Heard()).tell() == 0
    assert not audit.database.path.exists()


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    broken=st.sets(st.integers(1, 8)),
    at_once=st.integers(1, 4),
)
def test_however_often_it_is_cut_off_each_line_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], broken: set[int], at_once: int
) -> None:
    """The clock may stand, or go back; lines may have been written though nobody heard that they were."""
    clock, heard = Hand(), Heard(*broken)
    audit = Audit(Database(tmp_path_factory.mktemp("r") / "access.db"), clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_relay, "_AT_ONCE", at_once)
        for i, step in enumerate(steps):
            write(audit, f"case {i}")
            clock.now_ms += step
            tried(RecordRelay(audit, "b", heard).tell)
        for _ in range(9):
            tried(RecordRelay(audit, "b", heard).tell)
    assert sorted(line.number for line in heard.kept.values()) == list(range(1, len(steps) + 1))
    assert len(set(heard.lines)) == len(steps)


def tried(act: Callable[[], object]) -> None:
    with contextlib.suppress(UnavailableError):
        act()


def test_a_broker_that_is_away_is_an_alarm_once_and_waited_for(audit: Audit) -> None:
    write(audit, "case A")
    heard, alarms, ended = Heard(1, 2, 3), list[str](), threading.Event()
    relay = RecordRelay(audit, "b", heard)
    thread = threading.Thread(target=keep_telling, args=(relay, alarms.append, ended, 0.01))
    thread.start()
    while heard.calls < 4:
        threading.Event().wait(0.01)
    ended.set()
    thread.join()
    assert alarms == ["the record of changes waits to be told: b:1 does not answer"]
    assert len(heard.kept) == 1
