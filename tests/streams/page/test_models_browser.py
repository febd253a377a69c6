"""Promoting and rolling back in a real browser; axe finds no violation, also where something was refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.stores.sqlite import SqliteStore
from tests.support.browser import AXE_TAGS, serve, sign_in
from tests.support.model_desks import ToldModels
from tests.support.page import FLEET, NEWEST_MS, fill

pytestmark = pytest.mark.browser


@pytest.fixture
def told() -> ToldModels:
    return ToldModels()


@pytest.fixture
def address(tmp_path: Path, door: Door, told: ToldModels) -> Iterator[str]:
    store = SqliteStore(tmp_path / "s.db")
    fill(store)
    work, behind = CaseWork(audit=door.audit), told.backstage()
    yield from serve(
        create_app(store, FLEET, clock=lambda: NEWEST_MS, work=work, door=door, backstage=behind)
    )


def looked_at(tab: Tab) -> None:
    for summary in tab.locator("summary").all():
        summary.click()
    found = Axe().run(tab, options={"runOnly": AXE_TAGS}).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_a_data_scientist_overrides_the_gate_with_a_reason_and_rolls_back(
    tab: Tab, address: str, told: ToldModels, width: int, scheme: Literal["light", "dark"]
) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{address}/models")
    sign_in(tab, "data-scientist")
    tab.wait_for_url(f"{address}/models")
    looked_at(tab)
    form = tab.locator("#promote")
    form.get_by_label("Reason").fill("it has won")
    form.get_by_role("button").click()
    alert = tab.get_by_role("alert")
    alert.wait_for()
    assert "brier: 0.3, at most 0.2 is wanted" in alert.inner_text()
    looked_at(tab)
    form = tab.locator("#promote")
    assert form.get_by_label("Reason").input_value() == "it has won"
    form.get_by_label("Even if the gate refuses it").check()
    form.get_by_role("button").click()
    tab.get_by_text("Version 3 since").first.wait_for()
    assert tab.locator("h2", has_text="Not done").count() == 0
    back = tab.locator("#rollback")
    back.get_by_label("Reason").fill("it cried wolf")
    back.get_by_role("button").click()
    tab.get_by_text("Version 1 since").first.wait_for()
    assert [(p.version, p.who) for p in told.promotions][-2:] == [
        ("3", "data-scientist"),
        ("1", "data-scientist"),
    ]


def test_a_viewer_sees_all_of_it_and_has_nothing_to_press(tab: Tab, address: str) -> None:
    tab.goto(f"{address}/models")
    sign_in(tab, "viewer")
    tab.wait_for_url(f"{address}/models")
    assert tab.get_by_text("is better").count() == 1
    assert tab.locator("#main form").count() == 0
