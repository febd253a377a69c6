"""The page of the record: who may read it, what narrows it, and the same as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from streams.access.audit import Audit, Deed, Line
from streams.access.record_query import RecordQuery
from streams.access.roles import Person
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from tests.support.case_store import LedCases
from tests.support.loops import is_in_a_loop
from tests.support.page import FLEET, NEWEST_MS
from tests.support.people import Hand, bearer

SERVICE = Person("retrain", "data-scientist", "service")
ANN = Person("ann", "admin", "password", "10.0.0.1")
Read = Callable[..., TestClient]


@pytest.fixture
def read(led: LedCases, door: Door) -> Read:
    """Return who asks with a token of some role."""

    def opened(role: str = "data-scientist") -> TestClient:
        work = CaseWork(led.ask, audit=door.audit)
        app = create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=work, door=door)
        return TestClient(app, "http://localhost", headers=bearer(door, role), follow_redirects=False)

    return opened


@pytest.fixture(autouse=True)
def on_record(door: Door, clock: Hand) -> None:
    """Put a retraining, a promotion and many comments on record, a day apart."""
    door.audit.write(
        SERVICE,
        Deed("trigger retraining", "retraining of chiller", "skipped", "retraining 1 began lately: <drift>"),
    )
    clock.pass_by(24 * 60)
    door.audit.write(ANN, Deed("promote model", "model 3 of chiller", "done", "=it has won"))
    clock.pass_by(24 * 60)
    for i in range(60):
        door.audit.write(ANN, Deed("comment", f"case CH-{i:04d}", "done"))


def test_every_line_says_who_what_when_why_and_what_came_of_it(read: Read) -> None:
    text = read().get("/record?kind=retraining").text
    assert "1 line on record" in text
    for words in ("2026-01-01", "retrain", "data-scientist by service", "trigger retraining"):
        assert words in text
    assert "<strong>skipped</strong>: retraining 1 began lately: &lt;drift&gt;" in text
    assert "admin by password, 10.0.0.1" in read().get("/record?kind=models").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fleet=chiller", 2),
        ("fleet=chiller&who=ANN", 1),
        ("who=ann&kind=cases&q=CH-0007", 1),
        ("since=2026-01-02&until=2026-01-02", 1),
        ("until=2026-01-01&kind=retraining", 1),
        ("kind=cases&who=bob", 0),
    ],
)
def test_it_is_narrowed_by_kind_fleet_person_day_and_words(read: Read, query: str, found: int) -> None:
    text = read().get(f"/record?{query}").text
    assert f"{found} {'line' if found == 1 else 'lines'} on record" in text
    assert ("No such line." in text) is (found == 0)


def test_a_view_is_turned_page_by_page(read: Read) -> None:
    client = read()
    first = client.get("/record?kind=cases").text
    assert "1 to 50 of 60" in first
    assert "/record?kind=cases&amp;page=2" in first
    last = client.get("/record?kind=cases&page=2").text
    assert "51 to 60 of 60" in last
    assert "case CH-0000" in last
    assert "case CH-0000" not in first


@pytest.mark.parametrize(
    "query", ["kind=x", "page=0", "page=1e9", "page=" + "9" * 30, "since=soon", "until=9999-12-31", "until=1"]
)
def test_what_makes_no_sense_is_refused_by_its_name(read: Read, query: str) -> None:
    answer = read().get(f"/record?{query}")
    assert answer.status_code == 400
    assert f"{query.partition('=')[0]} = " in answer.text


@pytest.mark.parametrize("role", ["viewer", "technician"])
def test_who_may_not_read_it_is_told_so_and_sees_no_link(read: Read, role: str) -> None:
    client = read(role)
    for path in ("/record", "/record.csv"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "may not read the record of changes" in answer.text
        assert "ann" not in answer.text
    assert "/record" not in client.get("/models").text
    assert "/record" not in client.get("/you").text


@pytest.mark.parametrize("role", ["lead", "data-scientist", "admin"])
def test_who_may_read_it_is_led_there(read: Read, role: str) -> None:
    client = read(role)
    assert client.get("/record").status_code == 200
    assert "/record?kind=retraining" in client.get("/models").text
    assert "/record" in client.get("/you").text


def test_a_view_is_had_whole_as_a_table_in_which_nothing_is_computed(read: Read) -> None:
    answer = read().get("/record.csv?who=ann&page=2")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 61
    assert rows[-1]["detail"] == "'=it has won"
    assert (rows[-1]["who"], rows[-1]["address"], rows[-1]["about"]) == (
        *("ann", "10.0.0.1"),
        "model 3 of chiller",
    )
    assert rows[-1]["when_utc"].startswith("2026-01-02")


def test_programs_ask_for_the_same_by_the_same(read: Read) -> None:
    asked = "/api/v1/audit?kind=cases&who=ann&most=50&page=2&q=case"
    told = read().get(asked).json()
    assert (told["found"], told["page"], len(told["lines"])) == (60, 2, 10)
    (line,) = read().get("/api/v1/audit?fleet=chiller&kind=models").json()["lines"]
    assert line["detail"] == "=it has won"
    assert read().get("/api/v1/audit?kind=x").status_code == 400


def test_without_a_record_there_is_no_page_of_it(led: LedCases) -> None:
    client = TestClient(create_app(led.store, FLEET, work=CaseWork(led.ask)), "http://localhost")
    assert client.get("/record").status_code == 404
    assert "/record" not in client.get("/models").text


class Watched(Audit):
    """Notes whether its lines are gone through by the thread that answers everybody."""

    in_loop: list[bool]

    def find(self, query: RecordQuery) -> tuple[int, list[Line]]:
        found, lines = super().find(query)
        return found, _Noted(lines, self.in_loop)


class _Noted(list[Line]):
    def __init__(self, lines: list[Line], in_loop: list[bool]) -> None:
        super().__init__(lines)
        self.in_loop = in_loop

    def __iter__(self) -> Iterator[Line]:
        self.in_loop.append(is_in_a_loop())
        return super().__iter__()


def test_a_table_is_made_while_others_are_answered(led: LedCases, door: Door) -> None:
    audit = Watched(door.audit.database, door.audit.clock)
    audit.in_loop = []
    work = CaseWork(led.ask, audit=audit)
    app = create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=work, door=door)
    client = TestClient(app, "http://localhost", headers=bearer(door, "data-scientist"))
    assert client.get("/record.csv").status_code == 200
    assert audit.in_loop == [False]
