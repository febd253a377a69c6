from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from models.cases.people import made
from models.event_time import DAY_MS
from streams.access.last_seen import Sight
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.changes import moved, sight_of
from streams.page.door import Door
from streams.stores.case_reader import cases_of, history_of
from tests.support.case_life import signal
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET
from tests.support.people import BY, Hand, door_with, password_of

CASE = f"/cases/{case_of('CH-0001')}"


@pytest.fixture
def door(tmp_path: Path, clock: Hand) -> Door:
    return door_with(tmp_path, clock, "lead", "technician")


def browser(led: LedCases, clock: Hand, door: Door, name: str = "") -> TestClient:
    """Return a browser in which somebody has signed in."""
    app = create_app(led.store, FLEET, clock=clock, work=CaseWork(led.ask), door=door)
    client = TestClient(app, "http://localhost")
    if name:
        token = re.search(r'name="token" value="(\w+)"', client.get("/sign-in").text)
        assert token
        form = {"name": name, "password": password_of(name), "token": token[1], "next": "/"}
        client.post("/sign-in", data=form)
    return client


def since(client: TestClient, path: str = CASE, **headers: str) -> list[str]:
    """Return what is said to have moved since a reader looked."""
    text = client.get(path, headers=headers).text
    if path.startswith("/cases/"):
        found = re.search(r'<section class="since">(.*?)</section>', text, re.S)
        return re.findall(r"<li>(.*?)</li>", found[1]) or ["new to you"] if found else []
    return re.findall(r'<span class="since">(.*?)</span>', text)


def acknowledge(led: LedCases, who: str, version: int = 1) -> None:
    about = {"id": who, "asset": "CH-0001", "action": "acknowledge", "version": version, "who": who}
    assert led.ask(made({**about, "time_ms": DAY * DAY_MS})).accepted


def test_who_comes_again_is_told_who_did_what_and_what_the_machine_did(
    led: LedCases, clock: Hand, door: Door
) -> None:
    ann = browser(led, clock, door, "lead")
    assert since(ann) == since(ann, "/cases") == []
    clock.pass_by(40)
    acknowledge(led, "bob")
    led.hear(signal("update", DAY, day=DAY + 1, asset="CH-0001", severity="critical", latest_d=2))
    time.sleep(0.25)  # the list is read anew after 0.2 s
    told = since(ann)
    assert told == since(ann)
    assert told[0].startswith("acknowledged by bob, 2026-01-01")
    assert told[1].startswith("worse, ")
    (line,) = since(ann, "/cases")
    assert line == f"since 2026-01-01 00:00 UTC: {'; '.join(told)}"
    clock.pass_by(40)
    assert since(ann) == since(ann, "/cases") == []


def test_what_one_did_oneself_is_no_news(led: LedCases, clock: Hand, door: Door) -> None:
    ann = browser(led, clock, door, "lead")
    since(ann)
    clock.pass_by(40)
    acknowledge(led, "lead")
    assert since(ann) == []


def test_a_page_that_renews_itself_is_no_look(led: LedCases, clock: Hand, door: Door) -> None:
    ann = browser(led, clock, door, "lead")
    since(ann)
    clock.pass_by(40)
    acknowledge(led, "bob")
    assert since(ann, **{"chillcast-renews": "yes"}) == []
    assert len(since(ann)) == 1
    assert len(since(ann, **{"chillcast-renews": "yes"})) == 1


def test_a_case_that_opened_since_one_was_here_is_new_and_to_another_reader_nothing_is(
    led: LedCases, clock: Hand, door: Door
) -> None:
    ann, bob = browser(led, clock, door, "lead"), browser(led, clock, door, "technician")
    since(ann, "/cases")
    clock.pass_by(40)
    led.hear(signal("open", DAY + 1, asset="CH-0004"))
    time.sleep(0.25)  # the list is read anew after 0.2 s
    assert since(ann, "/cases") == ["new to you"]
    assert since(ann, f"/cases/{case_of('CH-0004', DAY + 1)}") == ["new to you"]
    assert since(bob, "/cases") == []


def test_without_sign_in_the_browser_is_the_reader(led: LedCases, clock: Hand, tmp_path: Path) -> None:
    door = door_with(tmp_path / "open", clock, "lead")
    door.users.remove("lead", BY)
    first, second = browser(led, clock, door), browser(led, clock, door)
    assert since(first) == since(second) == []  # which gives them a cookie
    assert since(first) == []
    clock.pass_by(40)
    acknowledge(led, "bob")
    assert len(since(first)) == 1
    assert since(second) == []


def test_a_page_without_a_door_tells_nobody(led: LedCases, clock: Hand) -> None:
    client = TestClient(create_app(led.store, FLEET, clock=clock, work=CaseWork(led.ask)), "http://localhost")
    assert since(client) == since(client) == []
    clock.pass_by(40)
    acknowledge(led, "bob")
    assert since(client) == []


def test_another_failure_mode_and_a_new_sensor_are_told(led: LedCases) -> None:
    (case,) = cases_of(led.store, "CH-0001")
    before = Sight(case.version, "dirt", ("oil_sump_temp",))
    told = list(moved(case, history_of(led.store, case), before, str))
    assert told == ["now suspected: fouling", "new in the evidence: thrust bearing temperature"]


def test_of_many_changes_the_newest_are_told_and_how_many_there_are_besides(led: LedCases) -> None:
    (case,) = cases_of(led.store, "CH-0001")
    (opened,) = history_of(led.store, case)
    entries = [replace(opened, kind="commented", who="bob", version=2 + i, time_ms=i) for i in range(8)]
    told = list(moved(case, entries, sight_of(case), str))
    assert told == ["3 further changes", *(f"commented by bob, {i}" for i in range(3, 8))]
