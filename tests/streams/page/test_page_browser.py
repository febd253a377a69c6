"""The page in a real browser."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from typing import Literal

import pytest
import uvicorn
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from streams.kafka.embedded_broker import free_port
from streams.page.app import create_app
from streams.stores.sqlite import SqliteStore
from tests.support.page import FLEET, fill

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
# The texts whose contrast with what lies behind them, after WCAG 2.2, is below 4.5 : 1.
FAINT_TEXTS = """() => {
  const channels = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const found = channels(getComputedStyle(element).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const ratio = (element) => {
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const [low, high] = [light(channels(ink)), light(ground(element))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((element) => hasText(element) && element.checkVisibility() && ratio(element) < 4.5)
    .map((element) => element.textContent.trim());
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store, port = SqliteStore(tmp_path_factory.mktemp("page") / "s.db"), free_port()
    fill(store)
    server = uvicorn.Server(uvicorn.Config(create_app(store, FLEET), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium on PATH")


@pytest.fixture
def tab(chromium: str) -> Iterator[Tab]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
        assert problems == []


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


def test_the_search_field_narrows_the_list(tab: Tab, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("Find a chiller").fill("0004")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**q=0004")
    assert tab.locator(".list li").count() == 1
