from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from models.errors import UnavailableError
from models.fleet import load_fleet
from streams.page import create_app, open_cases
from streams.sqlite_store import SqliteStore
from streams.store import Point, Row

FLEET = load_fleet(Path(__file__).parents[2] / "fleets" / "chiller.toml")
HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000
NEWEST_MS = START_MS + 99 * HOUR_MS
SENSORS = msgspec.json.encode(
    [
        {
            "key": "bearing_temp",
            "label": "thrust bearing temperature",
            "unit": "degC",
            "value": 78.31,
            "baseline": 61.2,
            "contribution": 2.0,
        }
    ]
).decode()


def score(asset: str, hour: int, risk: float) -> Point:
    fields: dict[str, float | str] = {"risk_14d": risk, "adapted": risk / 2, "model": "3"}
    return Point("scores", {"asset": asset}, fields, START_MS + hour * HOUR_MS)


def alert(asset: str, stage: str, hour: int, severity: str = "warning") -> Point:
    fields: dict[str, float | str] = {
        "text": "Likely safety shutdown in 2–5 days",
        "risk": 0.6,
        "threshold": 0.4,
        "fault": "bearing wear",
        "check": "Take a vibration reading.",
        "sensors": SENSORS,
        "model": "3",
        "opened_ms": float(START_MS),
        "case": f"{asset}-1",
        "reason": "",
    }
    tags = {"asset": asset, "severity": severity, "stage": stage}
    return Point("alerts", tags, fields, START_MS + hour * HOUR_MS)


def fill(store: SqliteStore) -> None:
    store.add([score(f"CH-{i:04d}", hour, i / 100) for i in range(1, 6) for hour in range(100)])
    store.add([score("CH-0009", 0, 0.9)])
    store.add([alert("CH-0002", "open", 90), alert("CH-0001", "open", 95, "critical")])
    store.add([alert("CH-0003", "open", 10), alert("CH-0003", "closed", 20)])
    store.add([Point("explanations", {"asset": "CH-0002"}, {"sensors": SENSORS}, NEWEST_MS)])
    trip = {"asset": "CH-0002", "kind": "shutdown"}
    store.add([Point("events", trip, {"code": "high-bearing-temperature"}, START_MS + 50 * HOUR_MS)])
    store.flush()


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    return TestClient(create_app(store, FLEET), raise_server_exceptions=False)


def test_critical_cases_come_first_then_warnings_then_risk(client: TestClient) -> None:
    order = [m["asset"] for m in client.get("/api/fleet").json()]
    assert order == ["CH-0001", "CH-0002", "CH-0009", "CH-0005", "CH-0004", "CH-0003"]


def test_the_list_says_in_words_when_and_why(client: TestClient) -> None:
    text = client.get("/").text
    assert "Likely safety shutdown in 2–5 days" in text
    assert "bearing wear" in text
    assert "2 open cases" in text


def test_a_machine_that_stopped_reporting_is_marked_silent(client: TestClient) -> None:
    silent = {m["asset"] for m in client.get("/api/fleet").json() if m["is_silent"]}
    assert silent == {"CH-0009"}
    assert "silent since 2026-01-01" in client.get("/").text


def test_the_search_narrows_the_list_and_says_when_nothing_matches(client: TestClient) -> None:
    assert client.get("/?q=0004").text.count('class="name"') == 1
    assert "matches “nothing”" in client.get("/?q=nothing").text


def test_one_machine_shows_its_case_sensors_chart_and_shutdown(client: TestClient) -> None:
    text = client.get("/assets/CH-0002").text
    for words in ("Take a vibration reading.", "78.31 degC", "61.2 degC", "<svg", "high-bearing-temperature"):
        assert words in text
    shown = client.get("/api/assets/CH-0002?days=7").json()
    assert len(shown["scores"]) == 100
    assert shown["case"]["fault"] == "bearing wear"


def test_a_closed_case_is_not_shown_as_open(client: TestClient) -> None:
    assert "No open case" in client.get("/assets/CH-0003").text


def test_an_unknown_machine_and_an_unknown_page_are_404_in_words(client: TestClient) -> None:
    for path in ("/assets/CH-7777", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Back to the fleet" in answer.text
    assert client.get("/api/assets/CH-7777").json() == {"error": "no chiller CH-7777"}


def test_an_absurd_span_falls_back_to_the_usual_one(client: TestClient) -> None:
    for days in ("-1", "100000000000", "x", ""):
        assert client.get(f"/api/assets/CH-0002?days={days}").json()["days"] == 90


def test_names_from_the_wire_are_escaped(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    evil = "<script>alert(1)</script>"
    store.add(
        [Point("scores", {"asset": evil}, {"risk_14d": 0.5, "adapted": 0.5}, START_MS + h) for h in range(3)]
    )
    store.flush()
    client = TestClient(create_app(store, FLEET))
    for path in ("/", f"/assets/{evil}", "/?q=<script>"):
        assert "<script" not in client.get(path).text


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    client = TestClient(create_app(SqliteStore(tmp_path / "s.db"), FLEET))
    assert "Start the workers" in client.get("/").text


class Away:
    """A store that does not answer: only for injecting the fault."""

    def latest(self, measurement: str) -> Sequence[Row]:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")


def test_a_store_that_does_not_answer_is_named_with_503() -> None:
    client = TestClient(create_app(Away(), FLEET), raise_server_exceptions=False)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "InfluxDB http://db:8086 does not answer" in answer.text
    assert client.get("/healthz").status_code == 200


def test_every_answer_forbids_scripts_and_foreign_content(client: TestClient) -> None:
    for path in ("/", "/assets/CH-0001", "/nowhere", "/static/page.css"):
        assert client.get(path).headers["content-security-policy"].startswith("default-src 'none'")


def test_a_case_that_closed_and_one_that_opened_at_the_same_time_is_open() -> None:
    tags = {"asset": "a", "severity": "warning"}
    rows = [Row(5, {**tags, "stage": "open"}, {}), Row(5, {**tags, "stage": "closed"}, {})]
    assert set(open_cases(rows)) == {"a"}
