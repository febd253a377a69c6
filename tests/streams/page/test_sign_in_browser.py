"""Signing in with a real browser: in, out, refused, locked out; without a script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page as Tab

from models.event_time import DAY_MS
from streams.access.oidc import Oidc
from streams.kafka.embedded_broker import free_port
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.stores.sqlite import SqliteStore
from tests.support.browser import FAINT_TEXTS, serve, sign_in
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.oidc_providers import certified_provider, client_of, simple_provider
from tests.support.page import FLEET
from tests.support.people import BY, Hand

pytestmark = pytest.mark.browser
CASE = f"/cases/{case_of('CH-0001')}"


@pytest.fixture
def address(tmp_path: Path, door: Door) -> Iterator[str]:
    led = LedCases(SqliteStore(tmp_path / "s.db"))
    led.begin()
    work = CaseWork(led.ask, audit=door.audit)
    yield from serve(create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work, door=door))


def test_a_person_signs_in_acknowledges_under_their_name_and_signs_out(tab: Tab, address: str) -> None:
    tab.goto(address + CASE)
    assert tab.url.startswith(f"{address}/sign-in?next=")
    sign_in(tab, "technician")
    tab.wait_for_url(address + CASE)
    tab.get_by_role("button", name="Acknowledge").click()
    assert "acknowledged by technician" in tab.locator("section.case").inner_text()
    tab.get_by_role("link", name="You").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(f"{address}/sign-in")
    tab.go_back()
    tab.goto(address + CASE)
    assert tab.url.startswith(f"{address}/sign-in?next=")


def test_a_technician_takes_a_case_and_gives_it_back(tab: Tab, address: str) -> None:
    tab.goto(address + CASE)
    sign_in(tab, "technician")
    assert tab.get_by_role("button", name="Assign").count() == 0
    tab.get_by_role("button", name="Take it").click()
    assert "technician has it" in tab.locator("section.case").inner_text()
    tab.get_by_role("button", name="Give it back").click()
    assert "nobody has it" in tab.locator("section.case").inner_text()


def test_a_viewer_sees_a_case_and_no_form_and_a_forged_one_is_refused(tab: Tab, address: str) -> None:
    tab.goto(address + CASE)
    sign_in(tab, "viewer")
    assert "viewer: may look at cases, and not change them." in tab.locator("main").inner_text()
    assert tab.locator("main form").count() == 0
    tab.get_by_role("link", name="You").click()
    tab.evaluate(
        """(place) => {
            const form = document.querySelector("form"), field = form.querySelector("input").cloneNode();
            form.action = place;
            Object.entries({action: "acknowledge", version: "1", once: "1"}).forEach(([name, value]) => {
                const made = field.cloneNode(); made.name = name; made.value = value; form.append(made);
            });
        }""",
        CASE,
    )
    with tab.expect_response(lambda answer: answer.request.method == "POST") as refused:
        tab.get_by_role("button", name="Sign out").click()
    assert refused.value.status == 403
    assert "may not acknowledge a case" in tab.locator("main").inner_text()


def test_who_tries_too_often_is_locked_out_and_let_in_after_a_while(
    tab: Tab, address: str, clock: Hand
) -> None:
    tab.goto(address)
    for _ in range(5):
        sign_in(tab, "lead", "a wrong password")
        assert "do not belong together" in tab.get_by_role("alert").inner_text()
    sign_in(tab, "lead")
    assert "Too many attempts. Try again in 1 min." in tab.get_by_role("alert").inner_text()
    clock.pass_by(1.01)
    sign_in(tab, "lead")
    tab.wait_for_url(f"{address}/")


def test_a_link_of_another_site_leads_who_has_signed_in_to_the_case(tab: Tab, address: str) -> None:
    tab.goto(address + CASE)
    sign_in(tab, "lead")
    tab.wait_for_url(address + CASE)
    tab.goto("about:blank")
    tab.set_content(f'<a href="{address}{CASE}">a case</a>')
    tab.get_by_role("link", name="a case").click()
    tab.get_by_role("heading", name="Do something").wait_for()
    assert tab.url == address + CASE


@pytest.mark.parametrize(
    "started",
    [
        pytest.param(simple_provider, id="simple"),
        pytest.param(certified_provider, id="certified", marks=pytest.mark.oidc),
    ],
)
def test_a_person_signs_in_with_an_openid_provider(
    tab: Tab, tmp_path: Path, door: Door, started: Any
) -> None:
    port = free_port()
    back = f"http://127.0.0.1:{port}/sign-in/oidc/back"
    options = {"back": back} if started is certified_provider else {}
    led = LedCases(SqliteStore(tmp_path / "s.db"))
    led.begin()
    door.users.remove("lead", BY)
    with started(tmp_path, **options) as issuer:
        ways = replace(door, oidc=Oidc(client_of(issuer, back), time.time))
        app = create_app(led.store, FLEET, work=CaseWork(led.ask), door=ways)
        for address in serve(app, port):
            tab.goto(address + CASE)
            tab.get_by_role("link", name="Sign in with your organisation").click()
            if started is certified_provider:
                tab.get_by_placeholder("Enter any login").fill("lead")
                tab.get_by_placeholder("and password").fill("x")
                tab.get_by_role("button", name="Sign-in").click()
                tab.get_by_role("button", name="Continue").click()
            else:
                tab.locator("[name=sub][value=lead]").click()
            tab.wait_for_url(address + CASE)
            tab.get_by_role("button", name="Acknowledge").click()
            assert "acknowledged by lead" in tab.locator("section.case").inner_text()
            tab.get_by_role("link", name="You").click()
            tab.get_by_role("button", name="Sign out").click()
            tab.get_by_role("button", name=re.compile("Yes, sign me out|End session")).click()
            tab.wait_for_url(f"{address}/sign-in")
            tab.get_by_role("link", name="Sign in with your organisation").click()
            asked = tab.get_by_placeholder("Enter any login").or_(tab.locator("[name=sub][value=lead]"))
            asked.wait_for()
            tab.goto("about:blank")


@pytest.mark.parametrize("path", ["/sign-in", "/you"])
def test_the_door_is_for_everybody(tab: Tab, address: str, path: str) -> None:
    """WCAG 2.2: 1.4.3, 1.4.10, 2.5.8, 4.1.2."""
    tab.goto(address)
    sign_in(tab, "technician")
    tab.wait_for_url(f"{address}/")
    tab.goto(address + path)
    assert tab.evaluate(FAINT_TEXTS) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for field in tab.locator("input:not([type=hidden]), button").all():
        box = field.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
    for field in tab.locator("input:not([type=hidden])").all():
        assert field.evaluate("e => e.labels.length") == 1
