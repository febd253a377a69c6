"""The list of cases, one case, and what is done to it through forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import asks, signal
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET

TIMES = SiteTimes(Inventory({"CH-0001": {"timezone": "Asia/Tokyo"}}))
CASE = f"/cases/{case_of('CH-0001')}"
Post = Callable[..., Any]


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


def browser(led: LedCases, work: CaseWork) -> TestClient:
    app = create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work)
    return TestClient(app, "http://localhost", follow_redirects=False)


@pytest.fixture
def client(led: LedCases) -> TestClient:
    return browser(led, CaseWork(led.ask, "", TIMES))


@pytest.fixture
def ann(client: TestClient) -> TestClient:
    """A browser whose user has said who she is."""
    answer = client.post("/cases/who", data={**hidden(client), "who": "Ann Ö", "case": case_of("CH-0001")})
    assert (answer.status_code, answer.headers["location"]) == (303, CASE)
    return client


def hidden(client: TestClient, path: str = CASE) -> dict[str, str]:
    """Return the fields of the first form that nobody fills in."""
    text = client.get(path).text
    return dict(re.findall(r'<input type="hidden" name="(token|once|version)" value="([^"]*)"', text))


def post(client: TestClient, action: str, path: str = CASE, **fields: str) -> Any:
    return client.post(path, data={**hidden(client, path), "action": action, **fields})


def listed(client: TestClient, query: str = "") -> list[str]:
    return re.findall(r'<span class="name">([^\s<]+)', client.get(f"/cases{query}").text)


def test_open_cases_are_listed_the_worst_first(client: TestClient) -> None:
    assert listed(client) == ["CH-0002", "CH-0001"]
    assert listed(client, "?state=all") == ["CH-0002", "CH-0001", "CH-0003"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=ended", ["CH-0003"]),
        ("?state=resolved", []),
        ("?q=ch-0001", ["CH-0001"]),
        ("?q=FOULING", ["CH-0002", "CH-0001"]),
        ("?whose=nobody", ["CH-0002"]),
        ("?whose=mine", ["CH-0001"]),
        ("?page=2", []),
    ],
)
def test_the_address_says_which_are_listed(ann: TestClient, query: str, found: list[str]) -> None:
    assert post(ann, "assign", assignee="Ann Ö").status_code == 303
    assert listed(ann, query) == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?state=old", "state = &#39;old&#39;: expected one of open, new"),
        ("?whose=his", "whose = &#39;his&#39;: expected one of anybody"),
        ("?page=0", "page = &#39;0&#39;: expected a number from 1 on"),
        ("?page=١", "expected a number from 1 on"),
        (f"?page={'9' * 5000}", "expected a number from 1 on"),
    ],
)
def test_what_cannot_be_listed_is_refused_by_name(client: TestClient, query: str, words: str) -> None:
    answer = client.get(f"/cases{query}")
    assert (answer.status_code, words in answer.text) == (400, True)


def test_a_case_says_what_to_do_why_and_what_was_done_in_the_time_of_its_site(client: TestClient) -> None:
    text = client.get(CASE).text
    for words in ("fouling", "clean the tubes", "thrust bearing temperature", "2026-01-01 09:00 JST"):
        assert words in text
    assert re.sub("</?span[^>]*>", "", text).count("2026-01-02 to 2026-01-07") == 1


@pytest.mark.parametrize(
    ("action", "fields", "state"),
    [
        ("acknowledge", {}, "acknowledged"),
        ("assign", {"assignee": "bob"}, "new"),
        ("comment", {"text": "oil <b>smells</b>"}, "new"),
        ("snooze", {"until": "worse"}, "snoozed"),
        ("snooze", {"until": "date", "date": "2026-02-01"}, "snoozed"),
        ("resolve", {"outcome": "confirmed", "cause": "scale", "downtime_h": "2.5"}, "resolved"),
    ],
)
def test_what_is_done_is_done_by_who_uses_the_browser(
    ann: TestClient, led: LedCases, action: str, fields: dict[str, str], state: str
) -> None:
    answer = post(ann, action, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, CASE)
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert (case.state(), led.asked[-1].who, led.asked[-1].action) == (state, "Ann Ö", action)
    assert "Ann Ö" in ann.get(CASE).text


def test_a_day_is_that_of_the_site(ann: TestClient, led: LedCases) -> None:
    post(ann, "snooze", until="date", date="2026-02-01")
    assert led.asked[-1].until_ms == (DAY + 31) * DAY_MS - 9 * 3_600_000


def test_a_form_that_is_posted_twice_is_done_once_and_one_that_was_changed_again(
    ann: TestClient, led: LedCases
) -> None:
    form = {**hidden(ann), "action": "comment"}
    for text in ("one", "one", "two"):
        assert ann.post(CASE, data={**form, "text": text}).status_code == 303
    case = led.book.remember("CH-0001").case
    assert case is not None
    assert case.version == 3


def test_what_is_stale_is_refused_with_the_case_as_it_is(ann: TestClient, led: LedCases) -> None:
    form = hidden(ann)
    led.ask(asks("acknowledge", 1, asset="CH-0001", who="bob"))
    answer = ann.post(CASE, data={**form, "action": "assign", "assignee": "cy"})
    assert answer.status_code == 409
    assert "Not done: version 1 is stale: the case is at 2." in answer.text
    assert "acknowledged by bob" in answer.text


@pytest.mark.parametrize(
    ("action", "fields", "words"),
    [
        ("explode", {}, "Invalid enum value"),
        ("comment", {"text": "  "}, "expected what is to be said"),
        ("snooze", {"until": "date", "date": "soon"}, "date = &#39;soon&#39;: expected a day of the site"),
        ("resolve", {}, "outcome = None: expected what was found"),
        (
            "resolve",
            {"outcome": "confirmed", "downtime_h": "x"},
            "downtime_h = &#39;x&#39;: expected a number",
        ),
        ("comment", {"text": "x", "version": "x"}, "version = &#39;x&#39;: expected a number"),
    ],
)
def test_what_makes_no_sense_is_named_and_changes_nothing(
    ann: TestClient, led: LedCases, action: str, fields: dict[str, str], words: str
) -> None:
    answer = post(ann, action, **fields)
    assert (answer.status_code, led.asked) == (400, [])
    assert words in answer.text


def test_nobody_does_anything_without_saying_who_they_are(client: TestClient, led: LedCases) -> None:
    assert "Who are you?" in client.get(CASE).text
    answer = post(client, "acknowledge")
    assert (answer.status_code, led.asked) == (400, [])


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_a_form_of_another_site_is_refused(ann: TestClient, led: LedCases, headers: dict[str, str]) -> None:
    answer = ann.post(CASE, data={**hidden(ann), "action": "acknowledge"}, headers=headers)
    assert (answer.status_code, led.asked) == (403, [])


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
def test_a_form_without_the_token_of_its_browser_is_refused(
    ann: TestClient, led: LedCases, token: str
) -> None:
    answer = ann.post(CASE, data={**hidden(ann), "action": "acknowledge", "token": token})
    assert (answer.status_code, led.asked) == (403, [])


def test_the_token_of_another_browser_is_refused(ann: TestClient, led: LedCases) -> None:
    form = {**hidden(ann), "action": "acknowledge"}
    ann.cookies.clear()
    assert ann.post(CASE, data=form).status_code == 403
    assert led.asked == []


def test_a_form_that_is_too_large_or_none_is_refused(ann: TestClient) -> None:
    assert ann.post(CASE, data={**hidden(ann), "text": "x" * 70_000}).status_code == 413
    assert ann.post(CASE, json={"action": "acknowledge"}).status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert ann.post(CASE, content=b"a=%ff", headers=form).status_code == 400
    assert ann.post(CASE, content="&".join(f"a{i}=" for i in range(101)), headers=form).status_code == 400


def test_a_page_that_only_shows_has_no_form_and_takes_none(led: LedCases) -> None:
    client = browser(led, CaseWork(None, "Cases cannot be changed here: so it was said.", TIMES))
    assert "Cases cannot be changed here: so it was said." in client.get(CASE).text
    assert "<form method" not in client.get(CASE).text
    for path in (CASE, "/cases/who"):
        assert client.post(path, data={"action": "acknowledge", "who": "x"}).status_code == 403
    assert led.asked == []


def test_there_is_no_case_of_another_name(client: TestClient) -> None:
    assert client.get("/cases/CH-0001-7").status_code == 404


def test_what_people_wrote_is_shown_as_text(ann: TestClient, led: LedCases) -> None:
    post(ann, "comment", text="<script>alert(1)</script>")
    led.hear(signal("closed", DAY, day=DAY + 1, asset="CH-0001"))
    text = ann.get(CASE).text
    assert text.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_case_is_found_under_its_name_also_when_the_machine_has_another(
    client: TestClient, led: LedCases
) -> None:
    led.hear(signal("open", DAY + 40, day=DAY + 40, asset="CH-0003"))
    assert client.get(f"/cases/{case_of('CH-0003', DAY - 3)}").status_code == 200
    assert listed(client)[-1] == "CH-0003"
