"""The list of cases: what narrows and orders it, and what is done to several cases from it."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_list import AT_ONCE, Wanted
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import asks, signal
from tests.support.case_store import DAY, LedCases
from tests.support.page import FLEET

TIMES = SiteTimes(
    Inventory(
        {
            "CH-0001": {"site": "north", "model": "C-350", "timezone": "Asia/Tokyo"},
            "CH-0002": {"site": "south", "model": "C-350"},
            "CH-0003": {"site": "south", "model": "C-500"},
        }
    )
)


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


@pytest.fixture
def client(led: LedCases) -> TestClient:
    app = create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=CaseWork(led.ask, "", TIMES))
    return TestClient(app, "http://localhost", follow_redirects=False)


@pytest.fixture
def ann(client: TestClient) -> TestClient:
    form = {**hidden(client), "who": "Ann"}
    assert client.post("/cases/who", data=form).headers["location"] == "/cases"
    return client


def hidden(client: TestClient, path: str = "/cases") -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', client.get(path).text)
    return {name: html.unescape(value) for name, value in found}


def ticks(client: TestClient) -> list[str]:
    return re.findall(r'name="on" id="[^"]*" value="([^"]*)"', client.get("/cases?state=all").text)


def do(client: TestClient, action: str, on: list[str], path: str = "/cases", **fields: str) -> Any:
    return client.post("/cases", data={**hidden(client, path), "action": action, "on": on, **fields})


def listed(client: TestClient, query: str = "") -> list[str]:
    return re.findall(r'<span class="name">([^\s<]+)', client.get(f"/cases{query}").text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?site=north", ["CH-0001"]),
        ("?state=all&site=south", ["CH-0002", "CH-0003"]),
        ("?state=all&site=south&model=C-500", ["CH-0003"]),
        ("?site=nowhere", []),
        ("?mode=fouling", ["CH-0002", "CH-0001"]),
        ("?mode=leak", []),
        ("?state=all&sort=machine", ["CH-0001", "CH-0002", "CH-0003"]),
        ("?sort=soonest", ["CH-0002", "CH-0001"]),
    ],
)
def test_the_address_says_which_are_listed_and_in_which_order(
    client: TestClient, query: str, found: list[str]
) -> None:
    assert listed(client, query) == found


def test_an_order_that_there_is_not_is_refused_by_name(client: TestClient) -> None:
    answer = client.get("/cases?sort=colour")
    assert answer.status_code == 400
    assert "sort = &#39;colour&#39;: expected one of worst, soonest" in answer.text


def test_only_sites_and_models_of_the_inventory_are_offered(client: TestClient, led: LedCases) -> None:
    assert "<option>north</option>" in client.get("/cases").text
    bare = TestClient(create_app(led.store, FLEET), "http://localhost")
    assert 'name="site"' not in bare.get("/cases").text


def test_what_is_ticked_is_done_by_who_uses_the_browser_and_the_view_stays(
    ann: TestClient, led: LedCases
) -> None:
    view = "/cases?state=all&sort=machine"
    answer = do(ann, "acknowledge", ticks(ann)[:2], view)
    assert (answer.status_code, answer.headers["location"]) == (303, view)
    assert {(c.asset, c.who, c.action) for c in led.asked} == {
        ("CH-0001", "Ann", "acknowledge"),
        ("CH-0002", "Ann", "acknowledge"),
    }
    assert listed(ann, "?state=acknowledged") == ["CH-0002", "CH-0001"]
    do(ann, "assign", ticks(ann)[:1], assignee="Bob")
    do(ann, "snooze", ticks(ann)[1:2], until="date", date="2026-02-01")
    assert (led.asked[-2].assignee, led.asked[-1].until_ms) == ("Bob", (DAY + 31) * DAY_MS - 9 * 3_600_000)


def test_what_is_refused_is_named_and_the_rest_is_done(ann: TestClient, led: LedCases) -> None:
    seen = ticks(ann)
    led.ask(asks("acknowledge", 1, asset="CH-0001", who="bob"))
    answer = do(ann, "acknowledge", [*seen[:2], "CH-0009-1 4"])
    assert answer.status_code == 409
    assert "CH-0001: not done: version 1 is stale: the case is at 2." in answer.text
    assert "CH-0009-1: there is no such case" in answer.text
    assert listed(ann, "?state=acknowledged") == ["CH-0002", "CH-0001"]


@pytest.mark.parametrize(
    ("action", "on", "status", "words"),
    [
        ("resolve", ["x 1"], 400, "expected one of acknowledge, assign, snooze"),
        ("acknowledge", [], 409, "No case is ticked."),
        ("acknowledge", ["CH-0001-1767225600000 x"], 409, "version = &#39;x&#39;: expected a number"),
        ("assign", ["CH-0001-1767225600000 1"], 303, ""),
        ("snooze", ["CH-0001-1767225600000 1"], 409, "until"),
    ],
)
def test_what_makes_no_sense_is_said(
    ann: TestClient, action: str, on: list[str], status: int, words: str
) -> None:
    answer = do(ann, action, on)
    assert answer.status_code == status
    assert words in answer.text


def test_nothing_is_done_from_the_list_without_a_name_a_token_or_the_right_to(
    client: TestClient, led: LedCases
) -> None:
    assert client.post("/cases", data={**hidden(client), "action": "acknowledge"}).status_code == 400
    assert client.post("/cases", data={"action": "acknowledge", "on": "CH-0001-1 1"}).status_code == 403
    shows = TestClient(create_app(led.store, FLEET), "http://localhost")
    assert shows.post("/cases", data={"action": "acknowledge"}).status_code == 403
    assert "checkbox" not in shows.get("/cases").text
    assert led.asked == []


def test_a_long_list_is_read_page_by_page(client: TestClient, led: LedCases) -> None:
    for i in range(100, 160):
        led.hear(signal("open", DAY, asset=f"CH-0{i}"))
    assert len(listed(client)) == AT_ONCE
    assert len(listed(client, "?page=2")) == 12
    assert "51 to 62 of 62" in client.get("/cases?page=2").text


def test_a_view_is_its_address() -> None:
    view = Wanted(state="all", site="a&b", q="x y", page=3)
    assert view.link() == "/cases?state=all&site=a%26b&q=x+y&page=3"
    assert view.link(page=1, state="open", site="", q="") == "/cases"
