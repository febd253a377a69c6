"""Planned stops in a real browser: entered on a phone, shown in the zone of the site, held in its case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.browser import serve
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET

pytestmark = pytest.mark.browser
HAMBURG = {"site": "Hamburg", "timezone": "Europe/Berlin"}
TIMES = SiteTimes(Inventory({"CH-0001": HAMBURG, "CH-0002": HAMBURG, "CH-0003": {"site": "Osaka"}}))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    led = LedCases(SqliteStore(tmp_path / "s.db"))
    led.begin()
    work = CaseWork(led.ask, "", TIMES, plan=led.plan)
    yield from serve(create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work))


@pytest.fixture
def phone(tab: Tab, address: str) -> Tab:
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.goto(f"{address}/calendar")
    tab.get_by_label("Your name").fill("Ann")
    tab.get_by_role("button", name="That is me").click()
    tab.wait_for_url("**/calendar#stops")
    return tab


def check(tab: Tab) -> None:
    """Nothing sticks out, and axe finds no violation."""
    found = Axe().run(tab, options={"runOnly": TAGS}).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_planner_stops_a_plant_over_days_and_cancels_it_on_a_phone(phone: Tab) -> None:
    phone.get_by_text("Plan a stop").click()
    phone.get_by_label("or all of site").select_option("Hamburg")
    phone.get_by_label("From day").fill("2026-12-24")
    phone.get_by_label("Until day").fill("2026-12-27")
    phone.get_by_label("Why").fill("holidays")
    check(phone)
    phone.get_by_role("button", name="Plan it").click()
    row = phone.locator("#stops-list tbody tr")
    assert row.locator("th").inner_text() == "2026-12-24 00:00 CET to 2026-12-28 00:00 CET"
    assert "Hamburg 2 machines" in row.inner_text().replace("\n", " ")
    assert "holidays" in row.inner_text()
    check(phone)
    phone.get_by_role("button", name=re.compile("Cancel it.*Hamburg")).click()
    assert "cancelled by Ann" in row.inner_text()


def test_a_stop_from_the_page_of_a_machine_is_said_in_its_case(phone: Tab, address: str) -> None:
    phone.goto(f"{address}/calendar?machine=CH-0001#stops")
    assert phone.get_by_label("Chiller", exact=True).input_value() == "CH-0001"
    for label, value in (("From day", "2026-01-02"), ("Until day", "2026-01-02")):
        phone.get_by_label(label).fill(value)
    phone.get_by_label("at (else the whole day)").fill("00:30")
    phone.get_by_label("at (else its end)").fill("16:00")
    phone.get_by_role("button", name="Plan it").click()
    assert "under way" in phone.locator("#stops-list").inner_text()
    said = "planned stop until 2026-01-02 16:00 CET"
    for path in ("/cases", f"/cases/{case_of('CH-0001')}"):
        phone.goto(address + path)
        assert said in phone.locator("main").inner_text()
        check(phone)


def test_an_hour_that_exists_twice_is_asked_for_and_then_taken(phone: Tab) -> None:
    phone.get_by_text("Plan a stop").click()
    phone.get_by_label("Chiller", exact=True).fill("CH-0001")
    for label in ("From day", "Until day"):
        phone.get_by_label(label).fill("2026-10-25")
    phone.get_by_label("at (else the whole day)").fill("02:30")
    phone.get_by_role("button", name="Plan it").click()
    assert "2026-10-25T02:30+01:00: clocks are put back" in phone.get_by_role("alert").inner_text()
    check(phone)
    phone.get_by_label("at (else the whole day)").fill("02:30+01:00")
    phone.get_by_role("button", name="Plan it").click()
    shown = phone.locator("#stops-list th[scope=row]").inner_text()
    assert shown == "2026-10-25 02:30 CET to 2026-10-26 00:00 CET"
