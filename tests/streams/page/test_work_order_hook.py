"""Work orders back: what is signed and new moves its case, once; all else is refused and says why."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.delivery.notice import Line, Notice, Parcel
from models.fleet.inventory import NOTHING
from models.fleet.site_times import SiteTimes
from streams.access.audit import Audit
from streams.delivery.signing import Signatures, signed
from streams.delivery.wording import Wording
from streams.delivery.work_orders import WorkOrderChannel
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.page.work_order_hook import PLACE
from tests.support.case_store import LedCases, case_of
from tests.support.cmms import SECRET, cmms
from tests.support.page import FLEET, NEWEST_MS

CASE = case_of("CH-0001")
NOW_S = 1_700_000_000


@pytest.fixture
def client(led: LedCases, door: Door) -> TestClient:
    """A system that has no token and no session: its signature shows who it is."""
    work = CaseWork(led.ask, audit=door.audit)
    signatures = Signatures(SECRET, lambda: NOW_S)
    app = create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=work, door=door, signatures=signatures)
    return TestClient(app, "http://localhost")


def post(client: TestClient, now_s: int = NOW_S, secret: str = SECRET, **said: Any) -> Any:
    body = json.dumps({"id": "e1", "case": CASE, "who": "ann", **said}).encode()
    return client.post(PLACE, content=body, headers=signed(secret, body, now_s))


def test_who_accepts_an_order_has_acknowledged_the_case(client: TestClient, led: LedCases) -> None:
    answer = post(client, status="accepted", text="on it")
    assert (answer.status_code, answer.json()) == (200, {"case": CASE, "version": 2})
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.acknowledged is not None
    assert case.acknowledged.who == "ann"


def test_an_order_that_is_given_to_somebody_gives_them_the_case_once(
    client: TestClient, led: LedCases
) -> None:
    for now_s in (NOW_S, NOW_S + 1):
        assert post(client, now_s, status="accepted", assignee="bob").status_code == 200
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.assigned is not None
    assert (case.assigned.name, case.version) == ("bob", 2)


def test_an_order_that_is_complete_resolves_the_case_with_all_that_was_found(
    client: TestClient, led: LedCases
) -> None:
    found: dict[str, Any] = {
        "outcome": "confirmed",
        "cause": "scale",
        "remedy": "cleaned",
        "downtime_h": 3.5,
        "parts": "tubes",
    }
    assert post(client, status="complete", **found).status_code == 200
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.resolved is not None
    assert {key: getattr(case.resolved, key) for key in found} == found
    assert case.resolved.mode == "fouling"


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ({"status": "complete", "outcome": "confirmed"}, "resolve"),
        ({"status": "note", "text": "parts ordered"}, "comment"),
    ],
)
def test_what_an_event_says_is_done_though_it_names_who_has_the_case(
    client: TestClient, led: LedCases, said: dict[str, Any], action: str
) -> None:
    assert post(client, status="accepted", assignee="bob").status_code == 200
    answer = post(client, id="e2", assignee="bob", **said)
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    assert [command.action for command in led.asked] == ["assign", action]


def test_an_order_that_is_accepted_once_its_case_is_over_is_refused_whoever_has_it(
    client: TestClient,
) -> None:
    assert post(client, status="accepted", assignee="bob").status_code == 200
    assert post(client, id="e2", status="complete", outcome="confirmed").status_code == 200
    answer = post(client, id="e3", status="accepted", assignee="bob")
    assert (answer.status_code, "was resolved by ann" in answer.json()["detail"]) == (409, True)


def test_a_body_that_is_no_utf_8_says_so(client: TestClient) -> None:
    body = b'{"id": "\xff"}'
    answer = client.post(PLACE, content=body, headers=signed(SECRET, body, NOW_S))
    assert (answer.status_code, answer.json()["title"]) == (422, "Not understood")


def test_a_replay_is_refused_and_done_once(client: TestClient, led: LedCases) -> None:
    said: dict[str, Any] = {"status": "note", "text": "parts ordered"}
    assert post(client, **said).status_code == 200
    again = post(client, **said)
    assert (again.status_code, "came before" in again.json()["detail"]) == (401, True)
    assert post(client, NOW_S + 1, **said).status_code == 200  # sent again by its sender: the same words
    assert [c.action for c in led.asked] == ["comment", "comment"]
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.version == 2


@pytest.mark.parametrize(
    ("options", "status", "why"),
    [
        ({"secret": "another"}, 401, "expected sha256="),
        ({"now_s": NOW_S - 301}, 401, "expected a time within 300 s"),
        ({"case": "CH-9-1"}, 422, "there is none of this name"),
        ({"case": "CH-0001"}, 422, "there is none of this name"),
        ({"status": "done"}, 422, "Invalid enum value 'done'"),
        ({"status": "complete"}, 422, "outcome = None: expected what was found"),
        ({"status": "complete", "outcome": "fine"}, 422, "Invalid enum value 'fine'"),
        ({"who": ""}, 422, "length >= 1"),
        ({"status": "note"}, 422, "text = ''"),
    ],
)
def test_what_is_not_signed_or_makes_no_sense_says_why(
    client: TestClient, led: LedCases, options: dict[str, Any], status: int, why: str
) -> None:
    answer = post(client, **{"status": "accepted", **options})
    assert (answer.status_code, why in answer.json()["detail"]) == (status, True), answer.text
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.version == 1


def test_what_the_case_does_not_allow_is_refused(client: TestClient) -> None:
    assert post(client, status="complete", outcome="confirmed").status_code == 200
    answer = post(client, status="accepted")
    assert (answer.status_code, "was resolved by ann" in answer.json()["detail"]) == (409, True)


def test_what_is_done_is_on_record(client: TestClient, door: Door) -> None:
    post(client, status="note", text="parts ordered")
    audit: Audit = door.audit
    entries = [(e.who, e.via, e.action, e.result) for e in audit.read()]
    assert ("ann", "work order", "comment", "done") in entries


def test_a_body_that_is_too_long_is_refused(client: TestClient) -> None:
    assert post(client, status="note", text="x" * 70_000).status_code == 413


def test_an_order_goes_out_and_what_came_of_it_comes_back(led: LedCases) -> None:
    case = led.book.remember("CH-0001").case
    assert case is not None
    notice = Notice(id="n", route="r", kind="opened", time_ms=1, lines=(Line(case=case, kind="opened"),))
    words = Wording("shutdown", SiteTimes(NOTHING))
    app = create_app(
        led.store,
        FLEET,
        clock=lambda: NEWEST_MS,
        work=CaseWork(led.ask),
        signatures=Signatures(SECRET, time.time),
    )
    client = TestClient(app, "http://localhost")
    with cmms() as system:
        address = f"http://{system.hook.address}/orders"
        way = WorkOrderChannel("cmms", address, words, NOTHING, {}, SECRET, time.time)
        way.send(Parcel(notice=notice, channel="cmms", next_ms=1))
        (order,) = system.orders.values()
        told = {"case": order["case"], "who": "cy"}
        for event in (
            {"id": "1", "status": "accepted"},
            {"id": "2", "status": "complete", "outcome": "no-fault-found"},
        ):
            body, headers = system.event(**told, **event)
            assert client.post(PLACE, content=body, headers=headers).status_code == 200
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.acknowledged is not None
    assert case.resolved is not None
    assert (case.acknowledged.who, case.resolved.outcome) == ("cy", "no-fault-found")


def test_without_a_secret_there_is_no_way_back(led: LedCases) -> None:
    app = create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=CaseWork(led.ask))
    answer = TestClient(app, "http://localhost").post(PLACE, content=b"{}")
    assert answer.status_code in (404, 405)
