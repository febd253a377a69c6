"""Coming in by an OpenID provider that runs, and by a proxy that knows people."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from httpx import Response
from starlette.testclient import TestClient

from streams.access.oidc import Oidc
from streams.access.proxy import SECRET_HEADER, Proxy
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.stores.sqlite import SqliteStore
from tests.support.case_store import LedCases, case_of
from tests.support.oidc_providers import client_of, sign_in_at, simple_provider
from tests.support.page import FLEET
from tests.support.people import BY, Hand, door_with, password_of

SECRET = "s" * 32
CASE = f"/cases/{case_of('CH-0001')}"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with simple_provider(tmp_path_factory.mktemp("provider")) as address:
        yield address


@pytest.fixture
def clock() -> Hand:
    return Hand(int(time.time() * 1000))


@pytest.fixture
def door(tmp_path: Path, clock: Hand, issuer: str) -> Door:
    found = door_with(tmp_path, clock, "technician")
    found.users.remove("technician", BY)
    proxy = Proxy(SECRET, {"plant-lead": "lead", "plant-viewer": "viewer"})
    return replace(found, oidc=Oidc(client_of(issuer), time.time), proxy=proxy)


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


@pytest.fixture
def client(door: Door, led: LedCases) -> TestClient:
    app = create_app(led.store, FLEET, work=CaseWork(led.ask, audit=door.audit), door=door)
    return TestClient(app, "http://localhost", follow_redirects=False)


def way_back(client: TestClient, name: str, back: str = "/") -> str:
    """Sign in with the provider; return the address that it sends somebody back to."""
    begun = client.get(f"/sign-in/oidc?{urlencode({'next': back})}")
    assert begun.status_code == 303
    return f"/sign-in/oidc/back?{urlencode(sign_in_at(begun.headers['location'], name))}"


def test_the_door_shows_the_way_to_the_provider_and_no_password_if_there_is_no_user(
    client: TestClient, door: Door
) -> None:
    text = client.get(client.get(CASE).headers["location"]).text
    assert f'href="/sign-in/oidc?next={CASE}"' in text
    assert "Password" not in text
    door.users.add("ann", "lead", "a long password", BY)
    assert "Password" in client.get("/sign-in").text


def test_who_comes_back_from_the_provider_goes_on_where_they_were(client: TestClient, door: Door) -> None:
    answer = client.get(way_back(client, "lead", CASE))
    assert answer.status_code == 200
    assert f'content="0; url={CASE}"' in answer.text
    assert client.get(CASE).status_code == 200
    (line,) = door.audit.read(words="sign in user lead")
    assert (line.who, line.role, line.via, line.result) == ("lead", "lead", "oidc", "done")


def test_the_flow_is_in_a_cookie_of_the_way_that_comes_back_from_elsewhere(client: TestClient) -> None:
    (cookie,) = client.get("/sign-in/oidc").headers.get_list("set-cookie")
    words = set(cookie.lower().split("; "))
    assert {"httponly", "samesite=lax", "path=/sign-in/oidc", "max-age=600"} <= words


def test_a_way_back_is_gone_once_and_by_the_browser_that_began(client: TestClient, clock: Hand) -> None:
    back = way_back(client, "lead")
    flow = client.cookies.get("chillcast_flow") or ""
    client.cookies.clear()
    assert client.get(back).status_code == 403
    for cookie in (flow[:-1], "x" + flow, "x", "x.y"):
        client.cookies.set("chillcast_flow", cookie)
        assert client.get(back).status_code == 403
    client.cookies.set("chillcast_flow", flow)
    clock.pass_by(11)
    assert "This took too long" in client.get(back).text
    clock.pass_by(-11)
    assert client.get(back).status_code == 200
    client.cookies.clear()
    client.cookies.set("chillcast_flow", flow)
    assert "does not take the code" in client.get(back).text


def test_nobody_is_sent_elsewhere_from_the_provider(client: TestClient) -> None:
    answer = client.get(way_back(client, "lead", '//evil.example"><script>'))
    assert 'content="0; url=/"' in answer.text
    answer = client.get(way_back(client, "lead", '/"><script>'))
    assert "<script" not in answer.text


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=<b>", "?state="])
def test_a_way_back_that_nobody_went_is_refused(client: TestClient, query: str) -> None:
    client.get("/sign-in/oidc")
    answer = client.get(f"/sign-in/oidc/back{query}")
    assert (answer.status_code, "<b>" in answer.text) == (403, False)
    assert client.get("/").status_code == 303


def test_ways_back_that_nobody_went_are_on_record_once_a_minute(
    client: TestClient, door: Door, clock: Hand
) -> None:
    client.get("/sign-in/oidc")
    for _ in range(2):
        for _ in range(3):
            assert client.get("/sign-in/oidc/back?state=x&code=y").status_code == 403
        clock.pass_by(1)
    assert len(door.audit.read(words="refused")) == 2


def test_somebody_without_a_role_is_told_and_on_record(client: TestClient, door: Door) -> None:
    answer = client.get(way_back(client, "stranger"))
    assert (answer.status_code, "stranger has no role here" in answer.text) == (403, True)
    (line,) = door.audit.read(words="refused")
    assert "stranger has no role here" in line.detail


def test_nobody_comes_in_under_the_name_of_a_local_user(client: TestClient, door: Door) -> None:
    door.users.add("lead", "admin", "a long password", BY)
    answer = client.get(way_back(client, "lead"))
    assert (answer.status_code, "lead is the name of a local user" in answer.text) == (403, True)


def test_a_provider_that_is_away_is_named(client: TestClient, door: Door) -> None:
    assert door.oidc is not None
    door.oidc._about, door.oidc.client = None, client_of("http://127.0.0.1:9")
    answer = client.get("/sign-in/oidc")
    assert (answer.status_code, "the provider http://127.0.0.1:9 does not answer" in answer.text) == (
        503,
        True,
    )


def by_proxy(name: str, group: str, secret: str = SECRET) -> dict[str, str]:
    return {SECRET_HEADER: secret, "x-forwarded-user": name, "x-forwarded-groups": group}


def test_whom_the_proxy_knows_does_what_their_role_may(client: TestClient, led: LedCases) -> None:
    for group, status, done in (("plant-viewer", 403, 0), ("plant-lead", 200, 1)):
        headers = by_proxy("Ann", group)
        assert client.get(CASE, headers=headers).status_code == 200
        place = f"/api/v1{CASE}/acknowledge"
        assert client.post(place, json={}, headers=headers).status_code == status
        assert [command.who for command in led.asked] == ["Ann"] * done


def test_without_the_secret_of_the_proxy_its_headers_say_nothing(client: TestClient) -> None:
    for secret in ("", "x" * 32):
        assert client.get("/", headers=by_proxy("Ann", "plant-lead", secret)).status_code == 303


def test_somebody_of_the_proxy_without_a_role_is_told(client: TestClient) -> None:
    answer = client.get("/", headers=by_proxy("Ann", "staff"))
    assert (answer.status_code, "Ann has no role here" in answer.text) == (403, True)


def test_a_form_needs_its_token_also_behind_a_proxy(client: TestClient, led: LedCases) -> None:
    headers = by_proxy("Ann", "plant-lead")
    form = {"action": "acknowledge", "version": "1", "once": "1"}
    assert client.post(CASE, data=form, headers=headers).status_code == 403
    assert led.asked == []


def sign_out(client: TestClient) -> Response:
    found = re.search(r'name="token" value="([^"]*)"', client.get("/you").text)
    assert found is not None
    answer: Response = client.post("/sign-out", data={"token": found[1]})
    return answer


def test_who_signs_out_goes_on_to_sign_out_at_the_provider(client: TestClient, issuer: str) -> None:
    client.get(way_back(client, "lead"))
    answer = sign_out(client)
    assert answer.status_code == 200
    place = f'content="0; url={issuer}/oauth2/end_session?id_token_hint='
    assert place in answer.text
    assert "&amp;post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fsign-in" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/you").status_code == 303


def test_where_the_provider_has_no_such_place_the_session_here_ends(client: TestClient, door: Door) -> None:
    assert door.oidc is not None
    client.get(way_back(client, "lead"))
    about = dict(door.oidc._metadata())
    del about["end_session_endpoint"]
    door.oidc._about = about
    answer = sign_out(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert client.get("/you").status_code == 303


def test_a_local_user_signs_out_here_alone(client: TestClient, door: Door) -> None:
    door.users.add("ann", "lead", password_of("ann"), BY)
    found = re.search(r'name="token" value="([^"]*)"', client.get("/sign-in").text)
    assert found is not None
    form = {"token": found[1], "name": "ann", "password": password_of("ann")}
    assert client.post("/sign-in", data=form).status_code == 303
    assert sign_out(client).headers["location"] == "/sign-in"
