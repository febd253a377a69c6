"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page as Tab

from streams.page.app import create_app
from streams.stores.sqlite import SqliteStore
from tests.support.browser import FAINT_TEXTS, serve
from tests.support.page import FLEET, fill, lead

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = SqliteStore(tmp_path_factory.mktemp("page") / "s.db")
    fill(store)
    lead(store)
    yield from serve(create_app(store, FLEET))


def test_a_person_finds_the_most_urgent_machine_and_what_to_check(tab: Tab, address: str) -> None:
    tab.goto(address)
    assert "Likely safety shutdown in 2–5 days" in tab.locator(".list li").first.inner_text()
    tab.locator(".list a").first.click()
    assert tab.locator("h1").inner_text().startswith("CH-0001")
    assert tab.get_by_text("Take a vibration reading.").is_visible()


def test_the_chart_is_drawn_and_shutdowns_are_marked(tab: Tab, address: str) -> None:
    tab.goto(f"{address}/assets/CH-0002")
    chart = tab.locator("svg.chart")
    box = chart.bounding_box()
    assert box is not None
    assert box["width"] > 250
    assert chart.locator("polyline").count() == 2
    assert chart.locator(".trip").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/assets/CH-0002"])
def test_small_text_stands_out_from_its_ground(
    tab: Tab, address: str, path: str, scheme: Literal["light", "dark"]
) -> None:
    """WCAG 2.2 asks 4.5 : 1 of body text (1.4.3)."""
    tab.emulate_media(color_scheme=scheme)
    tab.goto(address + path)
    assert tab.evaluate(FAINT_TEXTS) == []


@pytest.mark.parametrize("path", ["/", "/assets/CH-0002"])
def test_nothing_sticks_out_on_a_phone(tab: Tab, address: str, path: str) -> None:
    tab.goto(address + path)
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.evaluate(
        "[...document.querySelectorAll('.list a')].every(a => a.scrollWidth <= a.clientWidth)"
    )


def test_the_search_field_narrows_the_list(tab: Tab, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("Find a chiller").fill("0004")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**q=0004")
    assert tab.locator(".list li").count() == 1
