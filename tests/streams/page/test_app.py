from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from models.errors import UnavailableError
from models.fleet.fleet import load_fleet
from streams.page.app import create_app, open_cases
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point, Reader, Row

FLEET = load_fleet(Path(__file__).parents[3] / "fleets" / "chiller.toml")
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
    for words in ("Take a vibration reading.", "78.3 °C", "61.2 °C", "<svg", "high-bearing-temperature"):
        assert words in text
    shown = client.get("/api/assets/CH-0002?days=7").json()
    assert len(shown["scores"]) == 100
    assert shown["case"]["fault"] == "bearing wear"


def test_a_case_says_when_its_words_and_readings_are_from(client: TestClient) -> None:
    assert "warning: bearing wear; said 2026-01-04<" in client.get("/").text
    text = client.get("/assets/CH-0002").text
    assert "Opened 2026-01-04 18:00 UTC, at a risk of 60%" in text
    assert "What drove it when the case opened" in text


def test_a_closed_case_is_not_shown_as_open(client: TestClient) -> None:
    assert "No open case" in client.get("/assets/CH-0003").text


def test_an_unknown_machine_and_an_unknown_page_are_404_in_words(client: TestClient) -> None:
    for path in ("/assets/CH-7777", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Back to the fleet" in answer.text


def test_the_api_says_what_is_wrong_in_json(client: TestClient) -> None:
    assert client.get("/api/assets/CH-7777").json()["error"].startswith("No chiller CH-7777: ")
    assert client.get("/api/nowhere").json() == {"error": "No such page: /api/nowhere"}
    away = TestClient(create_app(Away(), FLEET))
    assert away.get("/api/fleet").json()["error"].endswith("InfluxDB http://db:8086 does not answer")


@pytest.mark.parametrize("days", ["-1", "0", "8", "100000000000", "x", "7.0", "²"])
def test_a_span_that_is_not_offered_is_refused_with_those_that_are(client: TestClient, days: str) -> None:
    answer = client.get("/assets/CH-0002", params={"days": days})
    assert answer.status_code == 400
    assert "expected one of 7, 30, 90, 365" in answer.text
    assert client.get("/api/assets/CH-0002", params={"days": days}).status_code == 400


def test_without_a_span_the_usual_one_is_shown(client: TestClient) -> None:
    for query in ("", "?days="):
        assert client.get(f"/api/assets/CH-0002{query}").json()["days"] == 90


def test_a_search_does_not_change_how_many_cases_are_open_nor_as_of_when(client: TestClient) -> None:
    every, searched = (client.get(path).text for path in ("/", "/?q=CH-0009"))
    heading = re.compile(r"<h1>.*?</h1>", re.DOTALL)
    assert heading.findall(searched) == heading.findall(every) != []
    assert "1 matches “CH-0009”" in searched


def test_blanks_around_a_search_do_not_count(client: TestClient) -> None:
    assert client.get("/?q=%200004%20").text.count('class="name"') == 1


def test_a_machine_without_a_score_at_this_horizon_is_not_shown_as_safe(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([score("CH-0001", 0, 0.0), Point("scores", {"asset": "CH-0002"}, {"risk_1d": 0.9}, START_MS)])
    store.flush()
    client = TestClient(create_app(store, FLEET))
    assert [(m["asset"], m["risk"]) for m in client.get("/api/fleet").json()] == [
        ("CH-0001", 0.0),
        ("CH-0002", None),
    ]
    assert "no score" in client.get("/?q=CH-0002").text
    assert "no score" in client.get("/assets/CH-0002").text


def test_the_most_urgent_of_a_large_fleet_are_shown_from_one_query_per_measurement(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([score(f"CH-{i:04d}", 0, i / 5000) for i in range(4000)])
    store.flush()
    reader = Counting(store)
    text = TestClient(create_app(reader, FLEET)).get("/").text
    assert text.count('class="name"') == 200
    assert "The 200 most urgent of 4000 are shown" in text
    assert "CH-3999" in text
    assert reader.asked == ["scores", "alerts"]


@pytest.mark.parametrize("asset", ["a?b", "a#b", "a/b", "é ü", "a&b\"'", "<b>"])
def test_a_link_leads_to_its_machine_whatever_its_name(tmp_path: Path, asset: str) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([score(asset, 0, 0.5)])
    store.flush()
    client = TestClient(create_app(store, FLEET))
    (link,) = re.findall(r'href="(/assets/[^"]*)"', client.get("/").text)
    answer = client.get(html.unescape(link))
    assert answer.status_code == 200
    assert f"<h1>{html.escape(asset)} " in answer.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


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


class Counting:
    """A reader that remembers which measurements it was asked for."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.asked: list[str] = []

    def latest(self, measurement: str) -> Sequence[Row]:
        self.asked.append(measurement)
        return self.reader.latest(measurement)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        self.asked.append(measurement)
        return self.reader.history(measurement, asset, start_ms, end_ms)


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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scored_by": "model:C-350"}, "Scored by version 3, its model for model C-350."),
        ({"scored_by": "fleet"}, "Scored by version 3, its model for the whole fleet."),
        ({}, "Scored by version 3, its model for the whole fleet."),
    ],
)
def test_a_machine_says_which_model_scored_it(tmp_path: Path, fields: dict[str, str], words: str) -> None:
    store, plain = SqliteStore(tmp_path / "s.db"), score("CH-0001", 0, 0.1)
    store.add([Point(plain.measurement, plain.tags, {**plain.fields, **fields}, plain.time_ms)])
    store.flush()
    assert words in TestClient(create_app(store, FLEET)).get("/assets/CH-0001").text
