from __future__ import annotations

import html
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.errors import UnavailableError
from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.stores.influx import InfluxStore
from streams.stores.selection import Selected, Selection
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader
from streams.stores.store import Point, Reader, Row
from tests.support.case_life import asks, plans
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.damage import HARMS, Harm
from tests.support.influxd import ORG, Server, find_binary
from tests.support.page import FLEET, NEWEST_MS, START_MS, fill, lead, reading_of, said, score
from tests.support.reading import Counting

READ_OF_A_FLEET = ["scores", "watermarks", "cases", "alerts", "dead_letters"]


def browse(reader: Reader, arrival_ms: int = NEWEST_MS) -> TestClient:
    """Return a browser on the page over a reader, at a time of day of our own clock."""
    app = create_app(reader, FLEET, clock=lambda: arrival_ms)
    return TestClient(app, "http://localhost", raise_server_exceptions=False)


def words_of(client: TestClient, path: str) -> str:
    """Return a page without what keeps dates and numbers on one line."""
    text = str(client.get(path).text).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub("</?time[^>]*>", "", text)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    lead(store)
    return browse(store)


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
    assert "silent since 2026-01-01" in words_of(client, "/")


def test_the_search_narrows_the_list_and_says_when_nothing_matches(client: TestClient) -> None:
    assert client.get("/?q=0004").text.count('class="name"') == 1
    assert "matches “nothing”" in client.get("/?q=nothing").text


def test_one_machine_shows_its_case_sensors_chart_and_shutdown(client: TestClient) -> None:
    text = words_of(client, "/assets/CH-0002")
    for words in ("Take a vibration reading.", "78.3 °C", "61.2 °C", "<svg", "high-bearing-temperature"):
        assert words in text
    shown = client.get("/api/assets/CH-0002?days=7").json()
    assert len(shown["scores"]) == 100
    assert shown["case"]["fault"] == "bearing wear"


def test_a_case_says_when_its_words_and_readings_are_from(client: TestClient) -> None:
    assert 'warning: bearing wear; forecast of <span class="date">2026-01-04</span>' in words_of(client, "/")
    text = words_of(client, "/assets/CH-0002")
    assert "(said 2026-01-04)" in text
    assert "cases open from 40 % on." in text


def test_a_case_that_got_worse_is_on_the_fleets_list_as_it_stands_now(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    led = lead(store)
    span = {"from_ms": NEWEST_MS, "until_ms": NEWEST_MS + 2 * DAY_MS}
    led.hear(said("CH-0002", "update", 99, "critical", **span))
    told: dict[str, Any] = {"asset": "CH-0002", "case": "CH-0002-1"}
    led.ask(asks("acknowledge", led.version("CH-0002"), **told))
    led.ask(asks("assign", led.version("CH-0002"), assignee="<Bob>", **told))
    client = browse(store)
    text = re.sub("</?span[^>]*>", "", words_of(client, "/?q=0002"))
    assert "Likely safety shutdown 2026-01-05 to 2026-01-07" in text
    assert "critical: bearing wear; forecast of 2026-01-05; acknowledged; &lt;Bob&gt; has it" in text
    case = next(m["case"] for m in client.get("/api/fleet").json() if m["asset"] == "CH-0002")
    assert (case["severity"], case["state"], case["assignee"]) == ("critical", "acknowledged", "<Bob>")
    assert (case["from_ms"], case["until_ms"]) == (span["from_ms"], span["until_ms"])
    assert client.get("/api/assets/CH-0002").json()["case"] == case
    told = client.get("/api/v1/machines?q=0002").json()["machines"][0]
    assert (told["severity"], told["state"], told["assignee"]) == ("critical", "acknowledged", "<Bob>")
    assert (told["case"], told["until_ms"]) == ("CH-0002-1", span["until_ms"])


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
    away = browse(Away())
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
    heading = re.compile(r"<h1[^>]*>.*?</h1>", re.DOTALL)
    assert heading.findall(searched) == heading.findall(every) != []
    assert "1 matches “CH-0009”" in searched


def test_blanks_around_a_search_do_not_count(client: TestClient) -> None:
    assert client.get("/?q=%200004%20").text.count('class="name"') == 1


def test_a_machine_without_a_score_at_this_horizon_is_not_shown_as_safe(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([score("CH-0001", 0, 0.0), Point("scores", {"asset": "CH-0002"}, {"risk_1d": 0.9}, START_MS)])
    store.flush()
    client = browse(store)
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
    text = browse(reader, START_MS).get("/").text
    assert text.count('class="name"') == 200
    assert "The 200 most urgent of 4000 are shown" in text
    assert "CH-3999" in text
    assert reader.asked == READ_OF_A_FLEET


def test_messages_that_could_not_be_used_are_told_with_the_command_that_lists_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    tags = {"reason": "form", "partition": "0"}
    store.add([Point("dead_letters", tags, {"text": "10 messages: not <JSON>"}, START_MS)])
    store.flush()
    text = browse(store, START_MS).get("/").text
    assert "10 messages: not &lt;JSON&gt;" in text
    assert "chillcast dead-letters list" in text


@pytest.mark.parametrize("asset", ["a?b", "a#b", "a/b", "é ü", "a&b\"'", "<b>"])
def test_a_link_leads_to_its_machine_whatever_its_name(tmp_path: Path, asset: str) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.add([score(asset, 0, 0.5)])
    store.flush()
    client = browse(store)
    (link,) = re.findall(r'href="(/assets/[^"]*)"', client.get("/").text)
    answer = client.get(html.unescape(link))
    assert answer.status_code == 200
    assert f">{html.escape(asset)} <span" in answer.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


def test_names_from_the_wire_are_escaped(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    evil = "<script>alert(1)</script>"
    store.add(
        [Point("scores", {"asset": evil}, {"risk_14d": 0.5, "adapted": 0.5}, START_MS + h) for h in range(3)]
    )
    store.flush()
    client = browse(store)
    for path in ("/", f"/assets/{evil}", "/?q=<script>"):
        assert client.get(path).text.count("<script") == 1


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    client = browse(SqliteStore(tmp_path / "s.db"))
    assert "Start the workers" in client.get("/").text


class Away:
    """A store that does not answer: only for injecting the fault."""

    def version(self) -> str | None:
        return None

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")

    def select(self, selection: Selection) -> Selected:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")

    def stamp(self, measurement: str) -> str:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        raise UnavailableError("InfluxDB http://db:8086 does not answer")


@pytest.mark.parametrize("path", ["/", "/?q=x", "/assets/CH-0002", "/api/fleet", "/api/assets/CH-0002"])
def test_a_store_that_does_not_answer_is_named_with_503(path: str) -> None:
    client = browse(Away())
    answer = client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["cache-control"] == "no-store"
    assert "InfluxDB http://db:8086 does not answer" in answer.text
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("harm", "words"), HARMS)
def test_a_store_that_cannot_be_read_is_a_page_that_says_so(tmp_path: Path, harm: Harm, words: str) -> None:
    path = tmp_path / "s.db"
    store = SqliteStore(path)
    fill(store)
    store.close()
    reader = SqliteReader(path, busy_s=0.05)
    if harm is Path.unlink:
        assert len(reader.latest("scores")) == 6
    held = harm(path)
    for address in ("/", "/assets/CH-0002", "/api/fleet"):
        answer = browse(reader).get(address)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert words in answer.text
        assert "Traceback" not in answer.text
    del held


@pytest.mark.influx
def test_the_page_comes_back_with_its_influxdb(tmp_path: Path) -> None:
    binary, problem = find_binary()
    if not binary:
        pytest.skip(problem)
    server = Server(binary, tmp_path)
    server.start()
    try:
        influx = server.set_up()
        store = InfluxStore(influx.url, influx.token, ORG, "first")
        fill(store)
        lead(store)
        assert browse(store).get("/assets/CH-0002").status_code == 200
        server.kill()
        assert browse(store).get("/assets/CH-0002").status_code == 503
        server.start()
        assert "Take a vibration reading." in browse(store).get("/assets/CH-0002").text
    finally:
        server.stop()


class Faulty(Away):
    """A reader with a fault of its own: only for injecting it."""

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        raise RuntimeError("a secret of the code")


def test_a_fault_of_our_own_is_said_without_its_insides() -> None:
    answer = browse(Faulty()).get("/")
    assert answer.status_code == 500
    assert "This page could not be made" in answer.text
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_what_a_browser_has_already_is_not_sent_again(client: TestClient) -> None:
    for path in ("/", "/?q=CH-0001", "/assets/CH-0002", "/api/fleet", "/api/assets/CH-0002?days=7"):
        first = client.get(path)
        assert first.headers["cache-control"] == "private, no-cache"
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert client.get(path, headers={"if-none-match": '"other"'}).content == first.content


def test_many_requests_between_two_changes_read_the_store_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    fill(store)
    reader = Counting(store)
    client = browse(reader)
    pages = {client.get(path).text for path in ["/"] * 20 + ["/?q="] * 20}
    assert (len(pages), reader.asked) == (1, READ_OF_A_FLEET)


def test_a_change_of_the_store_is_seen(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    fill(store)
    client = browse(store)
    for risk in (0.31, 0.32):
        store.add([score("CH-0001", 99, risk)])
        store.flush()
        while client.get("/api/assets/CH-0001").json()["risk"] != risk:
            time.sleep(0.1)


def test_a_wrong_clock_is_said_on_the_list_and_on_its_machine(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    fill(store)
    store.add([score("CH-0004", 1_500_000, 0.9), score("<b>", 1_500_000, 0.9)])
    store.flush()
    client = browse(store)
    text = words_of(client, "/")
    assert "2 chillers have clocks that cannot be right" in text
    assert text.count("wrong clock: 2197-02-13") == 2
    assert "<b>" not in text
    assert "it says 2197-02-13 00:00 UTC. What is shown is of before." in words_of(client, "/assets/CH-0004")
    assert "What is shown" not in client.get("/assets/<b>").text


def test_only_who_asks_for_an_allowed_name_is_answered(client: TestClient) -> None:
    answer = client.get("/api/fleet", headers={"host": "rebound.example"})
    assert answer.status_code == 400
    assert "CH-0001" not in answer.text
    assert "content-security-policy" in answer.headers


def test_every_answer_forbids_scripts_and_foreign_content(client: TestClient) -> None:
    for path in ("/", "/assets/CH-0001", "/nowhere", "/static/page.css"):
        assert client.get(path).headers["content-security-policy"].startswith("default-src 'none'")


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
    assert words in browse(store).get("/assets/CH-0001").text


def test_the_page_of_a_machine_lists_all_its_cases_also_those_that_are_over(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    LedCases(store).begin()
    client = browse(store)
    assert f'href="/cases/{case_of("CH-0001")}"' in client.get("/assets/CH-0001").text
    over = words_of(client, "/assets/CH-0003")
    assert f'href="/cases/{case_of("CH-0003", DAY - 3)}"' in over
    assert "<td>ended</td>" in over
    assert "<td>safety shutdown</td>" in over


def test_charts_of_a_machine_mark_its_cases_their_outcomes_its_stops_and_what_drifts(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    led = LedCases(store)
    led.begin()
    told: dict[str, Any] = {"asset": "CH-0001", "case": case_of("CH-0001")}
    led.ask(asks("acknowledge", 1, DAY + 1, id="1", **told))
    led.ask(asks("resolve", 2, DAY + 2, id="2", outcome="confirmed", mode="bearing wear", **told))
    led.plan([plans(DAY + 1, DAY + 2, DAY, asset="CH-0001", text="oil <change>")])
    drift = {"asset": "CH-0001", "detector": "adwin"}
    store.add([Point("drift", drift, {"text": "moved", "value": 0.1}, (DAY + 1) * DAY_MS)])
    store.add(reading_of("CH-0001", day, bearing_temp=60.0 + 2 * day) for day in range(1, 4))
    store.flush()
    text = words_of(browse(store), "/assets/CH-0001?days=7&sensor=bearing_temp")
    assert text.count('<rect class="mark-stop"') == text.count('class="stop-label"') == 2
    assert re.findall(r'class="step"[^>]*>(.)<', text) == ["○", "◐", "●"] * 2
    for words in (
        "2026-01-02 00:00 UTC: acknowledged by ann",
        "2026-01-03 00:00 UTC: found by ann: confirmed, bearing wear",
        "planned stop 2026-01-02 00:00 UTC to 2026-01-03 00:00 UTC: oil &lt;change&gt;",
        "2026-01-02 00:00 UTC: its risk, or what a sensor reads, moved",
    ):
        assert f"<title>{words}</title>" in text
    for words in ("○ opened", "‖ planned stop", "≈ its risk, or what a sensor reads, moved"):
        assert f"{words}</span>" in text
    assert "× doubts about the data" not in text
    elsewhere = words_of(browse(store), "/assets/CH-0004?days=7")
    assert "mark-stop" not in elsewhere


@pytest.fixture
def read(tmp_path: Path) -> TestClient:
    """Return a browser on machines whose sensors were read for four days, one of which departs."""
    store = SqliteStore(tmp_path / "read.db")
    fill(store)
    store.add(reading_of("CH-0004", day, bearing_temp=60.0 + 2 * day, cw_flow=5.0) for day in range(1, 5))
    store.flush()
    return browse(store)


def test_sensors_of_a_machine_without_a_case_are_shown_as_they_depart(read: TestClient) -> None:
    text = words_of(read, "/assets/CH-0004")
    assert "No open case" in text
    assert "in °C: 68.0 °C, usually 60.0 °C (2026-01-04) · " in re.sub("</?span[^>]*>", "", text)
    assert "departs since 2026-01-01" in text
    assert 'aria-label="condenser water flow' not in text
    assert "No sensor departs" not in text


def test_a_reader_chooses_sensors_by_the_address(read: TestClient) -> None:
    text = words_of(read, "/assets/CH-0004?days=30&sensor=cw_flow&sensor=oil_sump_temp")
    assert 'aria-label="condenser water flow' in text
    assert 'aria-label="thrust bearing' not in text
    assert "Nothing was read of oil sump temperature in these 30 days" in text
    assert "?days=7&amp;sensor=cw_flow&amp;sensor=oil_sump_temp" in text
    assert words_of(read, "/assets/CH-0004?sensor=all").count('class="chart"') == 3
    assert "departs" in words_of(read, "/assets/CH-0004")


def test_a_sensor_that_is_none_is_refused(read: TestClient) -> None:
    for path in ("/assets/CH-0004", "/api/assets/CH-0004"):
        answer = read.get(path, params={"sensor": "<b>"})
        assert answer.status_code == 400
        assert "<b>" not in answer.text or path.startswith("/api")


def test_the_json_has_the_readings_of_the_sensors_that_are_asked_for(read: TestClient) -> None:
    every, one = (read.get(f"/api/assets/CH-0004{q}").json()["readings"] for q in ("", "?sensor=cw_flow"))
    assert [sorted(found) for _, found in every] == [["bearing_temp", "cw_flow"]] * 4
    assert one[-1] == [START_MS + 4 * 86_400_000, {"cw_flow": [5.0, 5.0, 0.5]}]
