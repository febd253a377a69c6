"""Who comes in, with what rights, and how they leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from streams.access.roles import ROLES
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from tests.support.case_life import asks
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET
from tests.support.people import BY, Hand, bearer, door_with, password_of

CASE = f"/cases/{case_of('CH-0001')}"
Browse = Callable[..., TestClient]


@pytest.fixture
def browse(led: LedCases, door: Door) -> Browse:
    """Return a function that opens a browser."""
    work = CaseWork(led.ask, audit=door.audit)
    app = create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work, door=door)

    def opened(base: str = "http://localhost") -> TestClient:
        return TestClient(app, base, follow_redirects=False, client=("10.0.0.7", 50000))

    return opened


def token(client: TestClient, path: str = "/sign-in") -> str:
    found = re.search(r'name="token" value="([^"]*)"', client.get(path).text)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, name: str, password: str = "", **more: str) -> Any:
    form = {"token": token(client), "name": name, "password": password or password_of(name), **more}
    return client.post("/sign-in", data=form)


@pytest.mark.parametrize("path", ["/", "/cases", CASE, "/assets/CH-0001", "/you", "/nowhere"])
def test_a_stranger_is_shown_where_to_sign_in_and_nothing_else(browse: Browse, path: str) -> None:
    answer = browse().get(path + "?a=b")
    assert (answer.status_code, answer.content) == (303, b"")
    assert answer.headers["location"] == "/sign-in?next=" + path.replace(":", "%3A") + "%3Fa%3Db"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" in answer.headers


def test_a_program_that_nobody_knows_is_told_401(browse: Browse) -> None:
    answer = browse().get("/api/fleet")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "CH-0001" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/static/page.css", "/sign-in"])
def test_what_shows_nothing_of_the_fleet_is_open_to_all(browse: Browse, path: str) -> None:
    assert browse().get(path).status_code == 200


def test_a_stranger_cannot_post(browse: Browse, led: LedCases) -> None:
    for path in (CASE, "/cases/who", "/sign-out"):
        assert browse().post(path, data={"action": "acknowledge"}).headers["location"] == "/sign-in"
    assert led.asked == []


def test_whoever_has_the_password_comes_in_and_goes_on_where_they_were(browse: Browse) -> None:
    client = browse()
    answer = sign_in(client, "lead", next="/cases?state=all")
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases?state=all")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("chillcast_session="))
    assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.lower().split("; "))
    assert "secure" not in cookie.lower()
    assert "expires" not in cookie.lower()
    assert client.get("/cases").status_code == 200
    assert "lead" in client.get("/you").text


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example", "x", ""])
def test_nobody_is_sent_elsewhere_after_signing_in(browse: Browse, place: str) -> None:
    assert sign_in(browse(), "lead", next=place).headers["location"] == "/"


def test_by_https_cookies_are_secure_and_of_this_host_alone(browse: Browse) -> None:
    client = browse("https://localhost")
    cookies = sign_in(client, "lead").headers.get_list("set-cookie")
    assert cookies
    assert all("secure" in cookie.lower() for cookie in cookies)
    assert any(cookie.startswith("__Host-chillcast=") for cookie in cookies)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("name", ["lead", "nobody", "<b>", ""])
def test_a_wrong_password_says_the_same_as_a_wrong_name(browse: Browse, name: str) -> None:
    client = browse()
    form = {"token": token(client), "name": name, "password": "wrong"}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 403
    assert "This name and this password do not belong together." in answer.text
    assert "<b>" not in answer.text
    assert client.get("/").status_code == 303


def test_who_tries_too_often_waits_even_with_the_right_password(
    browse: Browse, clock: Hand, door: Door
) -> None:
    client = browse()
    for _ in range(5):
        assert sign_in(client, "lead", "wrong").status_code == 403
    answer = sign_in(client, "lead")
    assert (answer.status_code, "Too many attempts. Try again in 1 min." in answer.text) == (403, True)
    assert sign_in(browse(), "viewer").status_code == 303
    clock.pass_by(1.01)
    assert sign_in(client, "lead").status_code == 303
    results = [line.result for line in door.audit.read(words="user lead")]
    assert results == ["done", "locked out", *["refused"] * 5, "done"]


@pytest.mark.parametrize("path", ["/sign-in", CASE, "/cases", "/calendar", "/models", "/pipeline"])
def test_behind_a_proxy_that_ends_https_every_cookie_is_secure(
    led: LedCases, tmp_path: Path, clock: Hand, path: str
) -> None:
    door = door_with(tmp_path, clock, is_https=True)
    work = CaseWork(led.ask, audit=door.audit)
    app = create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work, door=door)
    cookies = TestClient(app, "http://localhost").get(path, headers=bearer(door, "lead")).headers
    found = cookies.get_list("set-cookie")
    assert (len(found), all("Secure" in cookie for cookie in found)) == (1, True)


def test_who_says_their_name_behind_such_a_proxy_is_given_secure_cookies_alone(led: LedCases) -> None:
    work = CaseWork(led.ask, url="https://page.example")
    client = TestClient(create_app(led.store, FLEET, work=work), "http://localhost", follow_redirects=False)
    shown = client.get(CASE)
    (cookie,) = shown.headers.get_list("set-cookie")
    said = re.search(r'name="token" value="([^"]*)"', shown.text)
    assert said is not None
    form = {"token": said[1], "who": "ann", "case": case_of("CH-0001")}
    answer = client.post("/cases/who", data=form, headers={"cookie": cookie.partition(";")[0]})
    assert answer.status_code == 303
    assert all("Secure" in one for one in (cookie, answer.headers["set-cookie"]))


def test_whoever_is_locked_out_is_on_record_once_a_minute(browse: Browse, clock: Hand, door: Door) -> None:
    client = browse()
    for i in range(30):
        sign_in(client, f"name {i}", "wrong")
    for minute in range(2):
        for i in range(3):
            assert sign_in(client, f"other {minute} {i}").status_code == 403
        clock.pass_by(0.99)
    found = [line.about for line in door.audit.read(words="locked out")]
    assert found == ["user other 0 0"]


def test_a_name_that_nobody_can_have_is_not_on_record(browse: Browse, door: Door) -> None:
    for name in ("x" * 129, "x" * 60_000):
        answer = sign_in(browse(), name, "wrong")
        assert (answer.status_code, "do not belong together" in answer.text) == (403, True)
    assert door.audit.read(words="sign in") == []


def test_a_form_without_its_token_lets_nobody_in(browse: Browse) -> None:
    client = browse()
    form = {"name": "lead", "password": password_of("lead")}
    for wrong in ({}, {"token": "0" * 64}):
        assert client.post("/sign-in", data={**form, **wrong}).status_code == 403
    answer = client.post(
        "/sign-in", data={**form, "token": token(client)}, headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert client.get("/").status_code == 303


def test_signing_in_begins_a_new_session_and_ends_the_old_one(browse: Browse, door: Door) -> None:
    client = browse()
    sign_in(client, "lead")
    first, form = client.cookies["chillcast_session"], client.cookies["chillcast_form"]
    sign_in(client, "viewer")
    assert client.cookies["chillcast_session"] != first
    assert client.cookies["chillcast_form"] != form
    assert door.sessions.person(first) is None


def test_signing_out_ends_the_session_wherever_its_cookie_is(browse: Browse) -> None:
    client, thief = browse(), browse()
    sign_in(client, "lead")
    thief.cookies.set("chillcast_session", client.cookies["chillcast_session"])
    assert thief.get("/").status_code == 200
    assert client.post("/sign-out", data={"token": "x"}).status_code == 403
    assert client.post("/sign-out", data={"token": token(client, "/you")}).headers["location"] == "/sign-in"
    assert (client.get("/").status_code, thief.get("/").status_code) == (303, 303)


def test_a_session_ends_when_idle_and_the_next_page_is_the_door(browse: Browse, clock: Hand) -> None:
    client = browse()
    sign_in(client, "lead")
    clock.pass_by(61)
    assert client.get("/").headers["location"] == "/sign-in"


ALLOWED = {
    "viewer": set[str](),
    "technician": {"comment", "acknowledge", "take", "snooze", "resolve"},
    "lead": {"comment", "acknowledge", "take", "assign", "snooze", "resolve", "reopen"},
    "data-scientist": {"comment"},
    "admin": {"comment", "acknowledge", "take", "assign", "snooze", "resolve", "reopen"},
}
FORMS: dict[str, dict[str, str]] = {
    "comment": {"action": "comment", "text": "x"},
    "acknowledge": {"action": "acknowledge"},
    "take": {"action": "assign"},
    "assign": {"action": "assign", "assignee": "somebody else"},
    "snooze": {"action": "snooze", "until": "worse"},
    "resolve": {"action": "resolve", "outcome": "confirmed"},
    "reopen": {"action": "reopen"},
}


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("role", ROLES)
def test_a_form_does_what_the_role_may_and_nothing_else_whatever_the_page_shows(
    browse: Browse, led: LedCases, door: Door, role: str, what: str
) -> None:
    client = browse()
    sign_in(client, role)
    version = 1
    if what == "reopen":
        led.ask(asks("resolve", 1, asset="CH-0001", who="bob", outcome="confirmed"))
        version = 2
    asked = len(led.asked)
    form = {"token": token(client, "/you"), "once": "1", "version": str(version), **FORMS[what]}
    form |= {"assignee": role} if what == "take" else {}
    answer = client.post(CASE, data=form)
    may = what in ALLOWED[role]
    assert answer.status_code == (303 if may else 403)
    assert [command.who for command in led.asked[asked:]] == [role] * may
    results = [line.result for line in reversed(door.audit.read(words="case "))]
    assert results == (["asked", "done"] if may else ["forbidden"])
    if not may:
        assert f"{role}: may not" in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_a_case_shows_the_forms_that_the_role_may_post(browse: Browse, role: str) -> None:
    client = browse()
    sign_in(client, role)
    shown = set(re.findall(r'name="action" value="(\w+)"', client.get(CASE).text))
    expected = {FORMS[what]["action"] for what in ALLOWED[role] - {"reopen"}}
    assert shown == expected


def test_who_does_something_is_who_signed_in_not_who_is_typed(browse: Browse, led: LedCases) -> None:
    client = browse()
    sign_in(client, "lead")
    client.cookies.set("chillcast_who", "Mallory")
    form = {"token": token(client, "/you"), "version": "1", "once": "1", "who": "Mallory"}
    assert client.post("/cases/who", data=form).status_code == 403
    assert client.post(CASE, data={**form, "action": "acknowledge"}).status_code == 303
    assert led.asked[-1].who == "lead"


def test_what_was_done_is_on_record_with_who_did_it_and_from_where(browse: Browse, door: Door) -> None:
    client = browse()
    sign_in(client, "lead")
    form = {"token": token(client, "/you"), "version": "1", "once": "1", "action": "acknowledge"}
    client.post(CASE, data=form)
    client.post(CASE, data={**form, "once": "2"})
    lines = door.audit.read(words="acknowledge")
    assert [(e.who, e.role, e.via, e.address, e.result) for e in lines] == [
        ("lead", "lead", "password", "10.0.0.7", result) for result in ("refused", "asked", "done", "asked")
    ]
    assert {e.about for e in lines} == {f"case {case_of('CH-0001')}"}
    assert "version 1 is stale" in lines[0].detail


def test_pages_of_all_are_the_same_for_all(browse: Browse) -> None:
    """What is kept for all who ask must not say who one of them is."""
    pages = []
    for role in ("viewer", "admin"):
        client = browse()
        sign_in(client, role)
        pages.append([client.get(path).text for path in ("/", "/assets/CH-0001")])
    assert pages[0] == pages[1]


def test_a_link_from_elsewhere_is_followed_by_who_has_signed_in(browse: Browse) -> None:
    """The cookie does not come with a link of another site, but with the second try, which is of this one."""
    answer = browse().get(CASE, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0"' in answer.text
    assert "fouling" not in answer.text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a'\"b", "{{ 7 * 7 }}", "é ü", "admin; --"])
def test_a_name_is_shown_as_text_and_does_what_its_role_may(
    browse: Browse, led: LedCases, door: Door, name: str
) -> None:
    door.users.add(name, "lead", password_of(name), BY)
    client = browse()
    assert sign_in(client, name).status_code == 303
    form = {"token": token(client, "/you"), "version": "1", "once": "1", "action": "acknowledge"}
    assert client.post(CASE, data=form).status_code == 303
    assert led.asked[-1].who == name
    for path in ("/you", CASE, "/cases?whose=mine"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert ">49<" not in text


def test_a_door_without_users_is_open_and_says_so(led: LedCases, tmp_path: Path, clock: Hand) -> None:
    door = door_with(tmp_path / "empty", clock, "viewer")
    door.users.remove("viewer", BY)
    client = TestClient(create_app(led.store, FLEET, door=door), "http://localhost", follow_redirects=False)
    assert client.get("/").status_code == 200
    assert client.get("/sign-in").headers["location"] == "/"
    assert "nobody signs in here" in client.get("/you").text
    door.users.add("ann", "lead", "a long password", BY)
    assert client.get("/").headers["location"] == "/sign-in"


def test_if_nobody_can_be_known_the_page_is_unavailable_and_not_open(browse: Browse, door: Door) -> None:
    client = browse()
    sign_in(client, "lead")
    door.audit.database.path.write_bytes(b"damaged" * 4096)
    for path in ("/", CASE, "/api/fleet"):
        answer = client.get(path)
        assert (answer.status_code, "people and their rights cannot be read" in answer.text) == (503, True)
