"""Planned stops through the API: what programs plan, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.cases.stops import PlannedStop
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.planned_stops import stop_point, stops_of
from streams.stores.sqlite import SqliteStore
from tests.support.case_store import DAY, LedCases
from tests.support.page import FLEET, score
from tests.support.people import BY, Hand, door_with

NOW_MS = (DAY + 1) * DAY_MS
HAMBURG = {"plant": "Hamburg", "timezone": "Europe/Berlin"}
TIMES = SiteTimes(Inventory({"CH-0001": HAMBURG, "CH-0002": HAMBURG}))
BODY = {"from": "2026-01-02T08:00", "until": "2026-01-02T16:00", "text": "service"}


class Program:
    """What asks with a token of a role."""

    def __init__(self, folder: Path, role: str = "technician") -> None:
        self.led = LedCases(SqliteStore(folder / "store.db"))
        self.led.begin()
        self.door = door_with(folder, Hand(NOW_MS), "viewer")
        work = CaseWork(self.led.ask, "", TIMES, self.door.audit, plan=self.led.plan)
        app = create_app(self.led.store, FLEET, clock=lambda: NOW_MS, work=work, door=self.door)
        self.client = TestClient(app, "http://localhost", raise_server_exceptions=False)
        self.headers = {"authorization": f"Bearer {self.door.tokens.create('cmms', role, 1, BY)}"}

    def post(self, place: str, body: dict[str, Any], key: str = "") -> Any:
        headers = {**self.headers, **({"idempotency-key": key} if key else {})}
        return self.client.post(f"/api/v1/{place}", json=body, headers=headers)

    def plans(self, query: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/v1/plans{query}", headers=self.headers).json()
        return found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_a_machine_is_stopped_and_listed_with_the_times_of_its_site(program: Program) -> None:
    said = program.post("plans", {"machine": "CH-0001", **BODY}).json()
    (stop,) = said["stops"]
    assert (stop["begins"], stop["ends"]) == ("2026-01-02T08:00:00+01:00", "2026-01-02T16:00:00+01:00")
    assert (said["of"], said["who"], stop["state"], said["refused"]) == ("CH-0001", "cmms", "planned", [])
    assert program.plans()["plans"] == program.plans("?machine=CH-0001")["plans"] == [said]
    assert program.plans("?machine=CH-0002")["found"] == 0
    assert program.plans("?site=Hamburg")["found"] == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?site=Hambrug", "site = 'Hambrug': expected one of Hamburg"),
        ("?machine=CH-0003", "machine = 'CH-0003': expected a machine of the fleet: did you mean CH-000"),
        ("?machine=<b>", "machine = '<b>': expected one like "),
        ("?machine=CH-0001&site=Hamburg", "machine and site: expected one of them"),
    ],
)
def test_plans_of_what_nobody_knows_are_refused_with_what_is_known(
    program: Program, query: str, words: str
) -> None:
    answer = program.client.get(f"/api/v1/plans{query}", headers=program.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["detail"].startswith(words)


def test_a_machine_that_is_only_heard_of_or_whose_stops_are_long_over_has_no_plans(program: Program) -> None:
    over = PlannedStop(
        plan="p1", asset="CH-0004", from_ms=1, until_ms=9, planned_until_ms=9, who="ann", time_ms=1
    )
    program.led.store.add([score("CH-0003", 0, 0.5), stop_point(over)])
    program.led.store.flush()
    assert program.plans("?machine=CH-0003")["found"] == program.plans("?machine=CH-0004")["found"] == 0


def test_a_plan_that_is_sent_again_with_its_key_is_one(program: Program) -> None:
    first, again = (program.post("plans", {"site": "Hamburg", **BODY}, "17").json() for _ in range(2))
    assert first == again
    assert len(stops_of(program.led.store, "CH-0001")) == 1
    program.post("plans", {"site": "Hamburg", **BODY})
    assert len(stops_of(program.led.store, "CH-0001")) == 2


def test_a_plan_is_cancelled_once(program: Program) -> None:
    plan = program.post("plans", {"site": "Hamburg", **BODY}).json()["plan"]
    said = program.post(f"plans/{plan}/cancel", {}).json()
    assert {stop["state"] for stop in said["stops"]} == {"cancelled"}
    assert program.post(f"plans/{plan}/cancel", {}).status_code == 400
    assert program.post("plans/none/cancel", {}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**BODY}, 400),
        ({"machine": "CH-0001", "from": "2026-03-29T02:30", "until": "2026-03-30"}, 400),
        ({"machine": "CH-0001", "from": "2026-01-02"}, 400),
        ({"machine": "CH-0001", **BODY, "plan": "mine"}, 400),
        ({"site": "a\x00b", **BODY}, 400),
        ({"machine": "CH-0001", **BODY, "text": "x" * 501}, 400),
        ({"machine": "CH-0001", "from": "2025-01-02", "until": "2025-01-03"}, 409),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_expected(
    program: Program, body: dict[str, Any], status: int
) -> None:
    answer = program.post("plans", body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert stops_of(program.led.store, "CH-0001") == []


@pytest.mark.parametrize("role", ["viewer", "data-scientist"])
def test_a_role_that_may_not_plan_is_told_and_it_is_on_record(tmp_path: Path, role: str) -> None:
    program = Program(tmp_path, role)
    answer = program.post("plans", {"machine": "CH-0001", **BODY})
    assert (answer.status_code, program.plans()["found"]) == (403, 0)
    assert "may not enter planned stops" in answer.json()["detail"]
    assert [line.result for line in program.door.audit.read(words="plan ")] == ["forbidden"]
