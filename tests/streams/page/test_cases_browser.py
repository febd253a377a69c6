"""Cases in a real browser: found, read, and worked on, without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page as Tab

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.browser import FAINT_TEXTS, serve
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET

pytestmark = pytest.mark.browser
CASE = f"/cases/{case_of('CH-0001')}"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    led = LedCases(SqliteStore(tmp_path / "s.db"))
    led.begin()
    yield from serve(create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=CaseWork(led.ask)))


def say_who(tab: Tab, address: str) -> None:
    tab.goto(address + CASE)
    tab.get_by_label("Your name").fill("Ann")
    tab.get_by_role("button", name="That is me").click()


def test_a_person_finds_the_worst_case_acknowledges_it_and_says_what_it_was(tab: Tab, address: str) -> None:
    tab.goto(address)
    tab.get_by_role("link", name="Cases").click()
    first = tab.locator(".list li").first
    assert "CH-0002" in first.inner_text()
    assert "clean the tubes" in first.inner_text()
    first.get_by_role("link").click()
    tab.get_by_label("Your name").fill("Ann")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Acknowledge").click()
    assert "acknowledged by Ann" in tab.locator("section.case").inner_text()
    tab.get_by_text("Resolve: say what it was").click()
    tab.get_by_label("Outcome").select_option("confirmed")
    tab.get_by_label("Cause").fill("scale")
    tab.get_by_label("Hours down").fill("2.5")
    tab.get_by_role("button", name="Resolve").click()
    assert "confirmed: fouling" in tab.locator("section.case").inner_text()
    history = tab.locator("#history tbody tr")
    assert [row.locator("td").first.inner_text() for row in history.all()] == [
        "resolved: confirmed",
        "acknowledged",
        "opened",
    ]


def test_what_one_browser_does_another_sees(tab: Tab, address: str) -> None:
    say_who(tab, address)
    other = tab.context.browser.new_page() if tab.context.browser else tab
    other.goto(address + CASE)
    assert "nobody has it" in other.locator("section.case").inner_text()
    tab.get_by_label("Who has it").fill("Bob")
    tab.get_by_role("button", name="Assign").click()
    other.reload()
    assert "Bob has it" in other.locator("section.case").inner_text()


def test_the_filter_is_in_the_address(tab: Tab, address: str) -> None:
    tab.goto(f"{address}/cases")
    tab.get_by_label("State").select_option("ended")
    tab.get_by_role("button", name="Show").click()
    tab.wait_for_url("**state=ended**")
    assert tab.locator(".list li").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/cases?state=all", CASE])
def test_small_text_of_cases_stands_out_from_its_ground(
    tab: Tab, address: str, path: str, scheme: Literal["light", "dark"]
) -> None:
    tab.emulate_media(color_scheme=scheme)
    say_who(tab, address)
    tab.goto(address + path)
    assert tab.evaluate(FAINT_TEXTS) == []


@pytest.mark.parametrize("path", ["/cases?state=all", CASE])
def test_no_case_sticks_out_on_a_phone(tab: Tab, address: str, path: str) -> None:
    say_who(tab, address)
    tab.goto(address + path)
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("path", ["/cases?state=all", CASE])
def test_every_field_has_a_name_and_every_target_is_large_enough(tab: Tab, address: str, path: str) -> None:
    """WCAG 2.2: 4.1.2 and 2.5.8."""
    say_who(tab, address)
    tab.goto(address + path)
    for summary in tab.locator("summary").all():
        summary.click()
    for field in tab.locator("input:not([type=hidden]), select").all():
        assert field.evaluate("e => e.labels.length") == 1
    for button in tab.locator(":is(button, select, input:not([type=hidden])):visible").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
