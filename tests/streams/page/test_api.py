"""The API: what programs read and do, with which rights, and what they are told if not."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.access.roles import ROLES
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from tests.support.case_life import signal
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET, NEWEST_MS, score
from tests.support.people import BY, Hand, bearer

TIMES = SiteTimes(Inventory({"CH-0001": {"timezone": "Asia/Tokyo"}}))
_MAY_READ = "lead, data-scientist, admin"
CASE = f"/api/v1/cases/{case_of('CH-0001')}"


@pytest.fixture
def client(led: LedCases, door: Door) -> TestClient:
    """A program with a token of a lead."""
    work = CaseWork(led.ask, times=TIMES, audit=door.audit)
    app = create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=work, door=door)
    return TestClient(app, "http://localhost", headers=bearer(door, "lead"))


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [shown["case"]["asset"] for shown in answer.json()["cases"]]


def test_it_says_which_release_answers_and_how_the_fleet_is(client: TestClient) -> None:
    assert client.get("/api/v1/version").json()["name"] == "chillcast"
    fleet = client.get("/api/v1/fleet").json()
    assert (fleet["fleet"], fleet["machines"], fleet["silent"]) == (FLEET.name, 6, 1)
    assert (fleet["open_cases"], fleet["critical_cases"]) == (2, 1)


def test_machines_are_listed_a_page_at_a_time_the_most_urgent_first(client: TestClient) -> None:
    first = client.get("/api/v1/machines?per_page=2").json()
    assert (first["found"], [m["machine"] for m in first["machines"]]) == (6, ["CH-0002", "CH-0001"])
    assert first["machines"][0]["severity"] == "critical"
    third = client.get("/api/v1/machines?per_page=2&page=3").json()
    assert [m["machine"] for m in third["machines"]] == ["CH-0004", "CH-0003"]
    assert client.get("/api/v1/machines?q=0004").json()["found"] == 1


@pytest.mark.parametrize("asset", ["a?b", "a/b", "a/comment", "é ü", "a&b\"'", "<b>"])
def test_a_machine_is_found_whatever_its_name(client: TestClient, led: LedCases, asset: str) -> None:
    led.store.add([score(asset, 0, 0.5)])
    led.store.flush()
    led.hear(signal("open", DAY, asset=asset))
    found = client.get(f"/api/v1/machines/{quote(asset, safe='')}")
    assert found.json()["machine"]["machine"] == asset
    (case,) = found.json()["cases"]
    place = f"/api/v1/cases/{quote(case, safe='')}"
    assert client.get(place).json()["case"]["asset"] == asset
    assert client.post(f"{place}/comment", json={"text": "x"}).json()["case"]["version"] == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["CH-0002", "CH-0001"]),
        ("?state=all", ["CH-0002", "CH-0001", "CH-0003"]),
        ("?state=ended", ["CH-0003"]),
        ("?q=ch-0001", ["CH-0001"]),
        ("?order=machine", ["CH-0001", "CH-0002"]),
        ("?per_page=1&page=2", ["CH-0001"]),
        ("?assignee=bob", ["CH-0001"]),
        ("?assignee=", ["CH-0002"]),
        (f"?mode={FLEET.advice[0].fault}", []),
    ],
)
def test_cases_are_filtered_ordered_and_listed_a_page_at_a_time(
    client: TestClient, query: str, found: list[str]
) -> None:
    assert client.post(f"{CASE}/assign", json={"assignee": "bob"}).status_code == 200
    assert names(client.get(f"/api/v1/cases{query}")) == found


def test_a_failure_mode_that_the_fleet_does_not_know_is_refused_with_those_it_does(
    client: TestClient,
) -> None:
    answer = client.get("/api/v1/cases?mode=foulng&state=all")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    detail = answer.json()["detail"]
    assert detail.startswith("mode = 'foulng': expected one of ")
    assert all(advice.fault in detail for advice in FLEET.advice)


def test_a_case_has_its_history_and_is_also_found_by_its_machine(client: TestClient) -> None:
    client.post(f"{CASE}/comment", json={"text": "oil <b>smells</b>"})
    for place in (CASE, "/api/v1/cases/CH-0001"):
        found = client.get(place).json()
        assert [e["kind"] for e in found["history"]] == ["opened", "commented"]
        assert found["history"][1]["who"] == "lead program"
        assert (found["state"], found["case"]["case"]) == ("new", case_of("CH-0001"))


@pytest.mark.parametrize(
    ("action", "body", "state"),
    [
        ("acknowledge", {"text": "on my way"}, "acknowledged"),
        ("assign", {"assignee": "bob"}, "new"),
        ("comment", {"text": "x"}, "new"),
        ("snooze", {"until": "worse"}, "snoozed"),
        ("snooze", {"until": "date", "at": "2026-02-01"}, "snoozed"),
        ("resolve", {"outcome": "confirmed", "cause": "scale", "downtime_h": 2.5}, "resolved"),
    ],
)
def test_what_is_asked_is_done_under_the_name_of_the_token(
    client: TestClient, led: LedCases, door: Door, action: str, body: dict[str, Any], state: str
) -> None:
    answer = client.post(f"{CASE}/{action}", json=body)
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (led.asked[-1].who, led.asked[-1].action) == ("lead program", action)
    lines = door.audit.read(words="case ")
    assert [(line.who, line.via, line.result) for line in lines] == [
        ("lead program", "token", result) for result in ("done", "asked")
    ]


def test_what_was_done_is_taken_back(client: TestClient) -> None:
    for action, body in (("acknowledge", {}), ("unacknowledge", {}), ("snooze", {"until": "cleared"})):
        assert client.post(f"{CASE}/{action}", json=body).status_code == 200
    assert client.post(f"{CASE}/unsnooze", json={}).json()["state"] == "new"
    assert client.post(f"{CASE}/resolve", json={"outcome": "no-fault-found"}).json()["state"] == "resolved"
    assert client.post(f"{CASE}/reopen", json={}).json()["state"] == "acknowledged"


def test_a_date_is_that_of_the_site(client: TestClient, led: LedCases) -> None:
    client.post(f"{CASE}/snooze", json={"until": "date", "at": "2026-02-01"})
    assert led.asked[-1].until_ms == (DAY + 31) * DAY_MS - 9 * 3_600_000


def test_what_is_sent_again_with_its_key_is_done_once(client: TestClient, led: LedCases) -> None:
    key = {"idempotency-key": "1"}
    for text in ("a", "a", "b"):
        assert client.post(f"{CASE}/comment", json={"text": text}, headers=key).status_code == 200
    for _ in range(2):
        client.post(f"{CASE}/comment", json={"text": "c"})
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.version == 5


def problem_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "place", "body", "status", "words"),
    [
        ("GET", "/api/v1/cases?state=old", None, 400, "Invalid enum value 'old' - at `$.state`"),
        ("GET", "/api/v1/cases?page=0", None, 400, "`int` >= 1 - at `$.page`"),
        ("GET", "/api/v1/machines?per_page=x", None, 400, "at `$.per_page`"),
        ("GET", "/api/v1/machines/CH-7777", None, 404, "the store has no score of it"),
        ("GET", "/api/v1/cases/CH-0001-7", None, 404, "case = 'CH-0001-7': there is none"),
        ("GET", "/api/v1/nowhere", None, 404, "/api/v1/nowhere"),
        ("PUT", "/api/v1/cases", {}, 405, "Method Not Allowed"),
        ("POST", "/api/v1/cases/CH-7777/comment", {"text": "x"}, 404, "there is none"),
        ("POST", f"{CASE}/comment", {}, 400, "missing required field `text`"),
        ("POST", f"{CASE}/comment", {"text": " "}, 400, "expected what is to be said"),
        ("POST", f"{CASE}/comment", [], 400, "Expected `object`"),
        ("POST", f"{CASE}/acknowledge", {"who": "bob"}, 400, "unknown field `who`"),
        ("POST", f"{CASE}/resolve", {"outcome": "fixed"}, 400, "Invalid enum value 'fixed'"),
        ("POST", f"{CASE}/snooze", {"until": "date", "at": "soon"}, 400, "at = 'soon': expected a date"),
        ("POST", f"{CASE}/assign", {"assignee": "x", "version": 0}, 409, "version 0 is stale"),
        ("POST", f"{CASE}/reopen", {}, 409, "it is open"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(
    client: TestClient, led: LedCases, method: str, place: str, body: Any, status: int, words: str
) -> None:
    found, detail = problem_of(client.request(method, place, json=body))
    assert (found, words in detail) == (status, True), detail
    assert status == 409 or led.asked == []


def test_what_is_no_json_too_large_or_of_another_site_is_refused(client: TestClient) -> None:
    for headers, body, status in (
        ({"content-type": "text/plain"}, b"{}", 415),
        ({"content-type": "application/json"}, b"{", 400),
        ({"content-type": "application/json"}, b"\xff", 400),
        ({"content-type": "application/json"}, b'{"text": "\xff"}', 400),
        ({"content-type": "application/json"}, b" " * 70_000, 413),
        ({"content-type": "application/json", "origin": "http://evil.example"}, b"{}", 403),
    ):
        answer = client.post(f"{CASE}/acknowledge", content=body, headers=headers)
        assert problem_of(answer)[0] == status


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer x", "Basic eDp4", "bearer \u00e4"])
def test_without_a_token_that_holds_nothing_is_told(client: TestClient, shown: str) -> None:
    client.headers.clear()
    headers = [(b"authorization", shown.encode("latin-1"))]
    for place in ("/api/v1/fleet", "/api/v1/cases", "/api/fleet"):
        answer = client.get(place, headers=headers)
        assert problem_of(answer)[0] == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert problem_of(client.post(f"{CASE}/comment", json={"text": "x"}, headers=headers))[0] == 401


def test_a_token_ends_with_its_time_and_when_it_is_revoked(
    client: TestClient, door: Door, clock: Hand
) -> None:
    short = bearer(door, "viewer", days=1)
    assert client.get("/api/v1/fleet", headers=short).status_code == 200
    clock.pass_by(24 * 60)
    assert client.get("/api/v1/fleet", headers=short).status_code == 401
    assert client.get("/api/v1/fleet").status_code == 200
    (key,) = [token.id for token in door.tokens.every() if token.role == "lead"]
    door.tokens.revoke(key, BY)
    assert client.get("/api/v1/fleet").status_code == 401


@pytest.mark.parametrize("role", ROLES)
def test_a_token_does_what_its_role_may(client: TestClient, led: LedCases, door: Door, role: str) -> None:
    answer = client.post(f"{CASE}/acknowledge", json={}, headers=bearer(door, role))
    may = role in ("technician", "lead", "admin")
    assert (answer.status_code, len(led.asked)) == ((200, 1) if may else (403, 0))
    if not may:
        assert f"{role}: may not acknowledge a case" in problem_of(answer)[1]
    assert client.get(CASE, headers=bearer(door, role)).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_the_record_is_read_by_who_may(client: TestClient, door: Door, role: str) -> None:
    client.post(f"{CASE}/comment", json={"text": "x"})
    answer = client.get("/api/v1/audit?q=comment&most=1", headers=bearer(door, role))
    if role in ("lead", "data-scientist", "admin"):
        (line,) = answer.json()["lines"]
        assert (line["who"], line["action"], line["result"]) == ("lead program", "comment", "done")
    else:
        assert problem_of(answer) == (403, f"{role}: may not read the record of changes; {_MAY_READ} may")


def test_at_an_open_door_anything_is_read_and_nothing_done_by_nobody(led: LedCases) -> None:
    client = TestClient(create_app(led.store, FLEET, work=CaseWork(led.ask)), "http://localhost")
    assert client.get("/api/v1/cases").status_code == 200
    assert problem_of(client.post(f"{CASE}/acknowledge", json={}))[0] == 403
    assert led.asked == []


def test_where_nobody_changes_cases_the_api_does_not_either(led: LedCases, door: Door) -> None:
    app = create_app(led.store, FLEET, work=CaseWork(None, "This page only shows."), door=door)
    client = TestClient(app, "http://localhost", headers=bearer(door, "admin"))
    answer = client.post(f"{CASE}/acknowledge", json={})
    assert problem_of(answer) == (403, "This page only shows.")
    assert client.get(CASE).status_code == 200


def test_the_description_names_each_operation_with_its_types(client: TestClient) -> None:
    client.headers.clear()
    said = client.get("/api/v1/openapi.json").json()
    assert said["openapi"] == "3.1.0"
    operations = {o["operationId"] for methods in said["paths"].values() for o in methods.values()}
    assert len(operations) == 22
    body = said["paths"]["/api/v1/cases/{case}/resolve"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/ResolvedAs"}
    (listed,) = [p for p in said["paths"]["/api/v1/cases"]["get"]["parameters"] if p["name"] == "per_page"]
    assert listed["schema"]["maximum"] == 200


def test_what_an_operator_has_to_mend_is_said_to_who_asks(led: LedCases, door: Door) -> None:
    def ask(_: object) -> Any:
        raise ConfigError("topic case-commands", "partitions", 4, "2, as CHILLCAST_PARTITIONS says")

    app = create_app(led.store, FLEET, work=CaseWork(ask, audit=door.audit), door=door)
    client = TestClient(app, "http://localhost", headers=bearer(door, "admin"), raise_server_exceptions=False)
    status, detail = problem_of(client.post(f"{CASE}/comment", json={"text": "x"}))
    assert (status, detail) == (
        500,
        "topic case-commands: partitions = 4: expected 2, as CHILLCAST_PARTITIONS says",
    )
