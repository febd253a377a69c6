"""Every page, light and dark, wide and as a phone: axe finds no violation, and nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from models.cases.people import made
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.access.audit import Audit, Deed
from streams.access.database import Database
from streams.access.roles import ROLES
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.stages.sink import delivery_point
from streams.stores.sqlite import SqliteStore
from tests.support.browser import AXE_TAGS, serve
from tests.support.case_life import plans
from tests.support.case_store import LedCases, case_of, sent
from tests.support.page import FLEET, NEWEST_MS, drift_of_many, fill, reading_of
from tests.support.people import BY, Hand

pytestmark = pytest.mark.browser
TIMES = SiteTimes(
    Inventory({f"CH-{i:04d}": {"site": f"s{i % 2}", "timezone": "Asia/Tokyo"} for i in range(9)})
)
PATHS = [
    "/",
    "/weeks",
    "/doubts",
    "/calendar",
    "/models",
    "/pipeline",
    "/record",
    f"/sheet/{case_of('CH-0001')}",
    "/cases?state=all",
    f"/cases/{case_of('CH-0001')}",
    "/assets/CH-0001",
    "/assets/CH-0002",
    "/assets/CH-0002?sensor=all",
    "/glossary",
]
ACKNOWLEDGE = {"id": "1", "asset": "CH-0001", "action": "acknowledge", "version": 1, "who": "bob"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("axe")
    led = LedCases(SqliteStore(folder / "s.db"))
    led.begin()
    fill(led.store)
    led.store.add(reading_of("CH-0002", day, bearing_temp=59.0 + day, cw_flow=5.0) for day in range(-9, 5))
    led.store.add(delivery_point(sent(case_of("CH-0001"), 1, ending)) for ending in ("failed", "sent"))
    led.store.add(drift_of_many())
    led.store.flush()
    led.plan([plans(NEWEST_MS / DAY_MS - 1, NEWEST_MS / DAY_MS + 1, asset="CH-0001", site="s1", text="oil")])
    audit = Audit(Database(folder / "access.db"), lambda: NEWEST_MS)
    for i in range(60):
        audit.write(
            BY, Deed("promote model", f"model {i} of chiller", "refused", "recall: 0.4, at least 0.5")
        )
    work = CaseWork(led.ask, "", TIMES, audit, plan=led.plan)
    yield from serve(create_app(led.store, FLEET, clock=lambda: NEWEST_MS, work=work))


@pytest.fixture
def moving(led: LedCases, clock: Hand, door: Door) -> Iterator[str]:
    """Yield the address of a page whose clock is moved by hand, and at whose door nobody has to sign in."""
    for role in ROLES:
        door.users.remove(role, BY)
    yield from serve(create_app(led.store, FLEET, clock=clock, work=CaseWork(led.ask, "", TIMES), door=door))


def violations(tab: Tab) -> list[object]:
    found = Axe().run(tab, options={"runOnly": AXE_TAGS}).response["violations"]
    return [(tab.url, v["id"], [n["html"] for n in v["nodes"]]) for v in found]


def test_what_moved_since_one_looked_is_shown_and_axe_finds_no_violation(
    moving: str, tab: Tab, led: LedCases, clock: Hand
) -> None:
    paths = ["/cases", f"/cases/{case_of('CH-0001')}"]
    for path in paths * 2:
        tab.goto(moving + path)
    clock.pass_by(40)
    led.ask(made({**ACKNOWLEDGE, "time_ms": clock()}))
    tab.wait_for_timeout(300)
    for path in paths:
        tab.goto(moving + path)
        assert "acknowledged by bob" in tab.locator(".since").first.inner_text()
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_axe_finds_no_violation_and_nothing_sticks_out(
    tab: Tab, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{address}/cases")
    tab.get_by_label("Your name").fill("Ann")
    tab.get_by_role("button", name="That is me").click()
    for path in PATHS:
        tab.goto(address + path)
        for summary in tab.locator("summary").all():
            summary.click()
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_the_keyboard_alone_skips_to_the_content_and_works_on_a_case(tab: Tab, address: str) -> None:
    tab.goto(f"{address}/cases")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.id").startswith("to-"):
            break
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/cases/CH-*")
    assert tab.locator("h1").inner_text().startswith("CH-0002")
