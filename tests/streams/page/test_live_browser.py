"""What one browser does another shows by itself: many tabs, one connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.browser import serve
from tests.support.case_life import asks, signal
from tests.support.case_store import DAY, LedCases
from tests.support.page import FLEET

pytestmark = pytest.mark.browser
TWO_S = 2_000


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "s.db"))
    found.begin()
    return found


@pytest.fixture
def address(led: LedCases) -> Iterator[str]:
    yield from serve(create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=CaseWork(led.ask)))


def say_who(tab: Tab, address: str) -> None:
    tab.goto(f"{address}/cases")
    tab.get_by_label("Your name").fill("Ann")
    tab.get_by_role("button", name="That is me").click()


def other(tab: Tab) -> BrowserContext:
    assert tab.context.browser is not None
    return tab.context.browser.new_context()


def test_what_one_browser_does_from_the_list_another_shows_within_two_seconds(tab: Tab, address: str) -> None:
    say_who(tab, address)
    seen = other(tab).new_page()
    seen.goto(f"{address}/cases")
    first = seen.locator(".list li").first
    expect(first).to_contain_text("new")
    tab.get_by_role("checkbox", name="CH-0002").check()
    tab.get_by_role("button", name="Acknowledge").click()
    expect(first).to_contain_text("acknowledged", timeout=TWO_S)


def test_seven_tabs_of_a_browser_share_one_connection_and_all_show_a_change(
    tab: Tab, address: str, led: LedCases
) -> None:
    context = other(tab)
    tabs = [context.new_page() for _ in range(7)]
    for one in tabs:
        one.goto(f"{address}/cases", timeout=10_000)
        expect(one.locator(".list li")).to_have_count(2)
    listening = [one for one in tabs if one.evaluate("document.body.dataset.listens") == "yes"]
    assert len(listening) == 1
    led.hear(signal("open", DAY, asset="CH-0007"))
    for one in tabs:
        expect(one.locator(".list li")).to_have_count(3, timeout=TWO_S)
    listening[0].close()
    led.hear(signal("open", DAY, asset="CH-0008"))
    for one in [one for one in tabs if one is not listening[0]]:
        expect(one.locator(".list li")).to_have_count(4, timeout=4_000)


@pytest.mark.parametrize("lacks", ["BroadcastChannel", "EventSource"])
def test_a_browser_that_cannot_listen_asks(tab: Tab, address: str, led: LedCases, lacks: str) -> None:
    tab.add_init_script(f"delete window.{lacks}")
    tab.goto(f"{address}/cases")
    expect(tab.locator(".list li")).to_have_count(2)
    led.hear(signal("open", DAY, asset="CH-0007"))
    expect(tab.locator(".list li")).to_have_count(3, timeout=15_000)


def test_nothing_is_taken_away_from_who_is_working_on_it_nor_from_who_paused(
    tab: Tab, address: str, led: LedCases
) -> None:
    say_who(tab, address)
    tab.get_by_role("checkbox", name="CH-0001").check()
    led.hear(signal("open", DAY, asset="CH-0007"))
    expect(tab.get_by_text("Something has changed that you are working on")).to_be_visible(timeout=TWO_S)
    expect(tab.get_by_role("checkbox", name="CH-0001")).to_be_checked()
    tab.get_by_role("button", name="Show it as it is now").click()
    expect(tab.locator(".list li")).to_have_count(3)
    tab.get_by_role("button", name="Pause updates").click()
    led.hear(signal("open", DAY, asset="CH-0008"))
    tab.wait_for_timeout(1_500)
    expect(tab.locator(".list li")).to_have_count(3)
    tab.get_by_role("button", name="Resume updates").click()
    expect(tab.locator(".list li")).to_have_count(4, timeout=TWO_S)


def test_who_reads_by_ear_hears_how_many_there_are_and_keeps_their_place(
    tab: Tab, address: str, led: LedCases
) -> None:
    tab.goto(f"{address}/cases")
    link = tab.locator(".list li a").first
    link.focus()
    led.hear(signal("open", DAY, asset="CH-0007"))
    expect(tab.locator("#live-status")).to_have_text("3 cases open", timeout=TWO_S)
    assert tab.evaluate("document.activeElement.id") == link.get_attribute("id")


def test_a_case_that_another_has_changed_shows_it(tab: Tab, address: str, led: LedCases) -> None:
    tab.goto(f"{address}/cases/CH-0001-{DAY * DAY_MS}")
    led.ask(asks("assign", 1, asset="CH-0001", assignee="Bob"))
    expect(tab.locator("section.case")).to_contain_text("Bob has it", timeout=TWO_S)
