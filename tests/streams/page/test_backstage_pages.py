"""The pages of the pipeline, and sending dead letters again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from models.errors import UnavailableError
from streams.access.roles import Person
from streams.page import backstage_pages
from streams.page.app import create_app
from streams.page.backstage import Backstage
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.page import FLEET, NEWEST_MS, fill

LETTERS = [
    {"letters": 3, "why": "form", "topic": "telemetry", "newest": "0/17", "reason": "not <JSON>"},
]
LETTER = {
    "reason": "not <JSON>",
    "message": "telemetry/0 offset 5",
    "key": "CH-1",
    "content_type": "json",
    "bytes": 9,
    "whole": False,
    "payload": "<script>alert(1)</script>",
}
Browse = Callable[..., TestClient]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    store.add([Point("watermarks", {"partition": "0"}, {"time_ms": NEWEST_MS - 5 * 3.6e6, "end": 0.0}, 0)])
    tags = {"reason": "form", "partition": "0"}
    store.add([Point("dead_letters", tags, {"count": 10.0, "text": "not <JSON>"}, NEWEST_MS)])
    store.add([Point("drift", {"detector": "adwin", "partition": "0"}, {"text": "moved <up>"}, NEWEST_MS)])
    store.flush()

    def opened(**given: Any) -> TestClient:
        app = create_app(store, FLEET, clock=lambda: NEWEST_MS, backstage=Backstage(**given))
        return TestClient(app, "http://localhost", follow_redirects=False)

    return opened


def test_the_pipeline_shows_how_far_it_is_what_was_refused_and_what_was_told(browse: Browse) -> None:
    lag = [{"stage": "risk", "begun": True, "lag": 12, "state": "Empty"}]
    text = browse(lag=lambda: lag).get("/pipeline").text
    for words in ("none runs", "5 hours", "not &lt;JSON&gt;", "moved &lt;up&gt;"):
        assert words in text


def test_what_was_told_of_the_fleet_is_found_among_all_that_was_told_of_machines(
    browse: Browse, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "store.db")
    tags = {"detector": "stuck", "asset": "CH-0001", "sensor": "oil_temp"}
    store.add([Point("drift", tags, {"text": "stands"}, NEWEST_MS + i) for i in range(1, 6_001)])
    store.flush()
    assert "moved &lt;up&gt;" in browse().get("/pipeline").text


def test_a_broker_that_does_not_answer_is_said_and_the_rest_is_shown(browse: Browse) -> None:
    def away() -> list[dict[str, Any]]:
        raise UnavailableError("b:9092 does not answer")

    answer = browse(lag=away).get("/pipeline")
    assert answer.status_code == 200
    assert "b:9092 does not answer" in answer.text
    assert "CHILLCAST_BROKER" in browse().get("/pipeline").text


def test_dead_letters_are_shown_by_reason_and_one_with_its_message(browse: Browse) -> None:
    client = browse(letters=lambda: LETTERS, letter=lambda place: LETTER if place == "0/17" else None)
    assert "not &lt;JSON&gt;" in client.get("/pipeline/letters").text
    text = client.get("/pipeline/letters/0/17").text
    assert "&lt;script&gt;alert(1)" in text
    assert "cannot be sent again" in text
    assert client.get("/pipeline/letters/0/18").status_code == 404
    assert browse().get("/pipeline/letters").status_code == 404


def test_whoever_may_sends_a_reason_again_and_nobody_else_does(
    browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def redrive(reason: str) -> dict[str, int]:
        sent.append(reason)
        return {"sent": 3}

    client = browse(letters=lambda: LETTERS, redrive=redrive)
    text = client.get("/pipeline/letters").text
    assert "Send again" not in text
    token = re.findall(r'name="token" value="([^"]*)"', client.get("/cases").text)
    form = {"reason": "not", "token": (token or [""])[0]}
    assert client.post("/pipeline/redrive", data=form).status_code == 403

    def admin(_: Request) -> Person:
        return Person("ann", "admin", "password")

    monkeypatch.setattr(backstage_pages, "person_of", admin)
    token = re.findall(r'name="token" value="([^"]*)"', client.get("/pipeline/letters").text)
    assert client.post("/pipeline/redrive", data={"reason": "not", "token": ""}).status_code == 403
    assert client.post("/pipeline/redrive", data={"reason": " ", "token": token[0]}).status_code == 400
    answer = client.post("/pipeline/redrive", data={"reason": "not", "token": token[0]})
    assert (answer.status_code, sent) == (303, ["not"])
