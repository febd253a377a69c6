"""What somebody asks of a case: allowed, asked, and on record whatever comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cases.book import Answer
from models.cases.case import Case
from models.cases.people import Command
from models.errors import ChillcastError, ForbiddenError, RecordError, UnavailableError
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.roles import Person
from streams.page.acting import Acting
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import asks
from tests.support.case_store import LedCases, case_of
from tests.support.people import Hand

ANN = Person("ann", "technician", "password", "10.0.0.1")
ACK = asks("acknowledge", 1, asset="CH-0001", who="ann")


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


@pytest.fixture
def case(led: LedCases) -> Case:
    found = led.book.remember("CH-0001").case
    assert found is not None
    return found


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(Database(tmp_path / "access.db"), Hand())


def results(audit: Audit) -> list[str]:
    assert {line.about for line in audit.read()} == {f"case {case_of('CH-0001')}"}
    return [line.result for line in reversed(audit.read())]


def test_what_is_done_was_on_record_before_it_was_asked(led: LedCases, case: Case, audit: Audit) -> None:
    def ask(command: Command) -> Answer:
        assert results(audit) == ["asked"]
        return led.ask(command)

    assert Acting(ask, led.store, audit).do(ANN, ACK, case).accepted
    assert results(audit) == ["asked", "done"]
    assert audit.read()[0].detail == f"command {ACK.id}: version 2"


@pytest.mark.parametrize(
    ("error", "result"), [(UnavailableError("no worker"), "no answer"), (RecordError("no sense"), "refused")]
)
def test_what_comes_to_nothing_is_on_record_with_why(
    led: LedCases, case: Case, audit: Audit, error: ChillcastError, result: str
) -> None:
    def ask(_: Command) -> Answer:
        raise error

    with pytest.raises(type(error)):
        Acting(ask, led.store, audit).do(ANN, ACK, case)
    assert results(audit) == ["asked", result]
    assert str(error) in audit.read()[0].detail


def test_what_the_role_may_not_is_not_asked(led: LedCases, case: Case, audit: Audit) -> None:
    with pytest.raises(ForbiddenError):
        Acting(led.ask, led.store, audit).do(Person("ann", "viewer", "password"), ACK, case)
    assert (results(audit), led.asked) == (["forbidden"], [])


def test_nothing_is_asked_that_cannot_be_put_on_record(led: LedCases, case: Case, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with pytest.raises(UnavailableError):
        Acting(led.ask, led.store, Audit(Database(tmp_path / "broken.db"), Hand())).do(ANN, ACK, case)
    assert led.asked == []
