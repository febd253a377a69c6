"""A real browser, of the width of a phone; and cases that are led in a store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, sync_playwright
from playwright.sync_api import Page as Tab

from streams.page.door import Door
from streams.stores.sqlite import SqliteStore
from tests.support.browser import ARGUMENTS
from tests.support.case_store import LedCases
from tests.support.page import fill
from tests.support.people import Hand, door_with


def is_problem(message: ConsoleMessage) -> bool:
    """Return whether a line of the console is an error of the page.

    That a form was refused is none, nor what a provider to sign in with wants from elsewhere: our own policy
    forbids that.
    """
    refused = tuple(f"the server responded with a status of {status}" for status in (400, 403, 409))
    others = (*refused, "net::ERR_NAME_NOT_RESOLVED")
    is_other = message.location["url"].endswith("/favicon.ico") or any(one in message.text for one in others)
    return message.type == "error" and not is_other


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def door(tmp_path: Path, clock: Hand) -> Door:
    return door_with(tmp_path, clock)


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    found = LedCases(store)
    found.begin()
    return found


@pytest.fixture(scope="module")
def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium on PATH")


@pytest.fixture
def tab(chromium: str, request: pytest.FixtureRequest) -> Iterator[Tab]:
    if "address" in request.fixturenames:
        request.getfixturevalue("address")  # so that the tab is closed before its server is
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
        assert problems == []
