"""Planned stops on the page: entered, shown in the zone of the site, cancelled, refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.planned_stops import stops_of
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import signal
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET, fill
from tests.support.people import Hand, door_with, password_of

HAMBURG = {"site": "Hamburg <&>", "timezone": "Europe/Berlin"}
TIMES = SiteTimes(Inventory({"CH-0001": HAMBURG, "CH-0002": HAMBURG, "CH-0003": {"site": "Osaka"}}))
NOW_MS = (DAY + 1) * DAY_MS  # 2026-01-02
PLAN = {"from_day": "2026-01-02", "from_time": "00:00", "until_day": "2026-01-03", "until_time": "16:00"}


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    fill(found.store)
    return found


@pytest.fixture
def client(led: LedCases) -> TestClient:
    work = CaseWork(led.ask, "", TIMES, url="https://page.example", plan=led.plan)
    found = TestClient(create_app(led.store, FLEET, clock=lambda: NOW_MS, work=work), "https://localhost")
    found.post("/cases/who", data={"who": "Ann", "token": token(found), "to": "calendar"})
    return found


def token(client: TestClient) -> str:
    found = re.search(r'name="token" value="([^"]*)"', client.get("/calendar").text)
    return found[1] if found else ""


def post(client: TestClient, **form: str) -> Any:
    return client.post("/plans", data={"token": token(client), "once": "1", **form}, follow_redirects=False)


def test_a_stop_of_a_machine_is_shown_in_the_zone_of_its_site_wherever_it_matters(client: TestClient) -> None:
    assert post(client, machine="CH-0001", text="oil <b>", **PLAN).headers["location"] == "/calendar#stops"
    calendar = client.get("/calendar").text
    assert "2026-01-02 00:00 CET to 2026-01-03 16:00 CET" in calendar
    assert "oil &lt;b&gt;" in calendar
    assert "under way" in calendar
    said = "planned stop until 2026-01-03 16:00 CET"
    for path in ("/cases", f"/cases/{case_of('CH-0001')}", "/assets/CH-0001"):
        assert said in client.get(path).text, path
    assert said not in client.get(f"/cases/{case_of('CH-0002')}").text
    assert "stop-planned" in client.get(f"/cases/{case_of('CH-0001')}").text


def test_a_site_is_stopped_on_whole_days_as_one_plan(client: TestClient, led: LedCases) -> None:
    days = {"from_day": "2026-01-05", "until_day": "2026-01-08"}
    assert post(client, site="Hamburg <&>", **days).status_code == 303
    found = stops_of(led.store, "CH-0001")[0], stops_of(led.store, "CH-0002")[0]
    assert {stop.plan for stop in found} == {found[0].plan}
    text = client.get("/calendar").text
    assert "2026-01-05 00:00 CET to 2026-01-09 00:00 CET" in text
    assert "<strong>Hamburg &lt;&amp;&gt;</strong>" in text
    assert "2 machines" in text
    lines = client.get("/cases.ics").text.split("\r\n")
    for line in (
        f"UID:{found[0].plan}@plans.chillcast",
        "DTSTART:20260104T230000Z",
        "DTEND:20260108T230000Z",
        "SUMMARY:planned stop: Hamburg <&> (2 machines)",
        "STATUS:CONFIRMED",
    ):
        assert line in lines
    assert "@plans.chillcast" not in client.get("/cases.ics?site=Osaka").text


def test_what_is_posted_twice_is_one_plan(client: TestClient, led: LedCases) -> None:
    for _ in range(2):
        assert post(client, machine="CH-0001", **PLAN).status_code == 303
    assert len(stops_of(led.store, "CH-0001")) == 1


def test_a_plan_is_cancelled_and_one_under_way_ends_now(client: TestClient, led: LedCases) -> None:
    post(client, machine="CH-0001", **PLAN)
    later = {**PLAN, "from_day": "2026-02-01", "until_day": "2026-02-02"}
    post(client, machine="CH-0001", **later)
    for stop in stops_of(led.store, "CH-0001"):
        assert post(client, cancel=stop.plan).status_code == 303
    ahead, now = stops_of(led.store, "CH-0001")
    assert (ahead.state(NOW_MS), now.until_ms, now.state(NOW_MS)) == ("cancelled", NOW_MS, "over")
    again = post(client, cancel=now.plan)
    assert again.status_code == 400
    assert "over, or cancelled already" in again.text
    assert "ended by Ann" in client.get("/calendar").text
    assert "planned stop until" not in client.get("/cases").text
    assert "STATUS:CANCELLED" in client.get("/cases.ics").text


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"machine": "CH-0001", "site": "Osaka"}, "machine and site: expected one of them"),
        ({"machine": "<script>"}, "machine = &#39;&lt;script&gt;&#39;"),
        ({"site": "Kiel"}, "expected one of Hamburg &lt;&amp;&gt;, Osaka"),
        ({"machine": "CH-0001", "from_day": "soon"}, "from = &#39;soonT00:00&#39;: expected a date or time"),
        ({"machine": "CH-0001", "until_day": "2026-01-01"}, "expected an end after"),
        (
            {"machine": "CH-0001", "from_day": "2026-03-29", "from_time": "02:30", "until_day": "2026-03-30"},
            "2026-03-29T01:30 or 2026-03-29T03:30: clocks are put forward",
        ),
        (
            {"machine": "CH-0001", "from_day": "2026-10-25", "from_time": "02:30", "until_day": "2026-10-26"},
            "2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00: clocks are put back",
        ),
        ({"machine": "CH-0001", "text": "x" * 501}, "text"),
        ({"cancel": "none"}, "plan = &#39;none&#39;: there is none"),
    ],
)
def test_what_makes_no_sense_is_said_above_the_form_which_keeps_what_was_written(
    client: TestClient, led: LedCases, form: dict[str, str], reason: str
) -> None:
    answer = post(client, **{**PLAN, "text": "kept", **form})
    assert answer.status_code == 400
    assert reason in answer.text
    assert ('value="kept"' in answer.text) is ("text" not in form)
    assert stops_of(led.store, "CH-0001") == []


def test_an_hour_that_exists_twice_is_entered_with_its_offset(client: TestClient, led: LedCases) -> None:
    days = {"from_day": "2026-10-25", "until_day": "2026-10-25"}
    assert post(client, machine="CH-0001", from_time="02:30+01:00", **days).status_code == 303
    assert "2026-10-25 02:30 CET to 2026-10-26 00:00 CET" in client.get("/calendar").text


def test_machines_that_cannot_be_stopped_are_named_and_the_others_are(
    client: TestClient, led: LedCases
) -> None:
    for i in range(20):
        post(client, machine="CH-0001", **{**PLAN, "text": str(i)})
    answer = post(client, site="Hamburg <&>", **PLAN)
    assert answer.status_code == 409
    assert "CH-0001: not done: CH-0001 has 20 planned stops ahead of it" in answer.text
    assert len(stops_of(led.store, "CH-0002")) == 1


def test_a_case_that_opens_within_a_stop_says_why_nobody_was_told(client: TestClient, led: LedCases) -> None:
    post(client, machine="CH-0009", **PLAN)
    led.hear(signal("open", DAY + 1, asset="CH-0009"))
    text = client.get(f"/cases/{case_of('CH-0009', DAY + 1)}").text
    assert "held: planned stop, 2026-01-02 00:00 UTC to 2026-01-03 16:00 UTC" in text


def test_a_form_without_its_token_or_from_elsewhere_plans_nothing(client: TestClient, led: LedCases) -> None:
    form = {"machine": "CH-0001", **PLAN}
    assert client.post("/plans", data=form).status_code == 403
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/plans", data={**form, "token": token(client)}, headers=foreign).status_code == 403
    assert stops_of(led.store, "CH-0001") == []


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", False), ("data-scientist", False), ("technician", True), ("lead", True), ("admin", True)],
)
def test_roles_plan_as_the_table_says_and_all_is_on_record(
    led: LedCases, tmp_path: Path, role: str, may: bool
) -> None:
    door = door_with(tmp_path, Hand(NOW_MS))
    work = CaseWork(led.ask, "", TIMES, door.audit, plan=led.plan)
    app = create_app(led.store, FLEET, clock=lambda: NOW_MS, work=work, door=door)
    client = TestClient(app, "https://localhost")
    page = client.get("/sign-in").text
    hidden = re.findall(r'name="(\w+)" value="([^"]*)"', page)
    client.post("/sign-in", data={**dict(hidden), "name": role, "password": password_of(role)})
    assert ("Plan a stop</summary>" in client.get("/calendar").text) is may
    answer = client.post(
        "/plans",
        data={"token": token_of_sign(client), "machine": "CH-0001", **PLAN},
        follow_redirects=False,
    )
    assert answer.status_code == (303 if may else 403)
    assert bool(stops_of(led.store, "CH-0001")) is may
    results = [line.result for line in reversed(door.audit.read(words="plan "))]
    assert results == (["asked", "done"] if may else ["forbidden"])


def token_of_sign(client: TestClient) -> str:
    """Return the token of this browser's forms, which every page of a case has."""
    found = re.search(r'name="token" value="([^"]*)"', client.get("/you").text)
    assert found
    return found[1]


def test_a_page_that_only_shows_plans_nothing(led: LedCases) -> None:
    work = CaseWork(None, "No broker here.", TIMES)
    client = TestClient(create_app(led.store, FLEET, clock=lambda: NOW_MS, work=work), "https://localhost")
    text = client.get("/calendar").text
    assert "No broker here." in text
    assert "Plan a stop</summary>" not in text
    assert client.post("/plans", data={"machine": "CH-0001", **PLAN}).status_code == 403
