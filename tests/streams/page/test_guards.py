from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from streams.page.guards import LOOPBACK, AllowedHosts, SecureHeaders


def status(host: str, names: tuple[str, ...] = LOOPBACK, path: str = "/") -> int:
    client = TestClient(AllowedHosts(PlainTextResponse("secret"), names), "http://localhost")
    answer = client.get(path, headers={b"host": host.encode()})
    assert (answer.text == "secret") == (answer.status_code == 200)
    return int(answer.status_code)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "localhost.:80",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:8080",
    ],
)
def test_loopback_is_asked_for_by_any_of_its_names(host: str) -> None:
    assert status(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8080",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "rebound.example@localhost",
        "localhost@rebound.example",
        "localhost/..",
        "localhost, rebound.example",
        "localhost:x",
        "localhost:123456",
        "evil_localhost",
        "xlocalhost",
        "::1",
        "0.0.0.0",
        "",
        "é",
        "<script>",
    ],
)
def test_any_other_name_reads_nothing(host: str) -> None:
    assert status(host) == 400


def test_a_refusal_says_what_was_asked_for_and_what_would_be_answered() -> None:
    client = TestClient(AllowedHosts(PlainTextResponse("secret"), ["page.example"]), "http://localhost")
    assert client.get("/").text == (
        "Host = 'localhost': expected one of page.example (CHILLCAST_PAGE_ALLOWED_HOSTS)\n"
    )


def test_names_can_be_set_one_by_one_for_all_below_one_and_for_any() -> None:
    names = ("Page.example", "*.plant.example")
    asked = ("page.example", "a.plant.example:443", "b.a.plant.example", "plant.example", "localhost")
    assert [status(host, names) for host in asked] == [200, 200, 200, 400, 400]
    assert status("anything.example", ("*",)) == 200
    assert status("any thing", ("*",)) == 400


def test_a_probe_may_ask_for_the_health_by_any_name() -> None:
    assert status("10.1.2.3:8080", path="/healthz") == 200


def test_whatever_is_answered_forbids_scripts_frames_and_foreign_content() -> None:
    for app in (PlainTextResponse("x"), AllowedHosts(PlainTextResponse("x"), ["page.example"])):
        headers = TestClient(SecureHeaders(app), "http://localhost").get("/").headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"  # without one a form's origin is null
        assert headers["x-frame-options"] == "DENY"
