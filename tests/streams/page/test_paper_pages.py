"""What leaves the page: a table, a calendar, a work sheet, and codes for doors."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from models.telemetry.samples import Event
from streams.page.app import create_app
from streams.page.case_files import folded
from streams.page.case_pages import CaseWork
from streams.stages.sink import event_point
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import asks, plans, signal
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.loops import is_in_a_loop
from tests.support.page import FLEET

TIMES = SiteTimes(Inventory({"CH-0001": {"site": "north, 1", "timezone": "Asia/Tokyo"}}))
URL = "https://page.example"


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


@pytest.fixture
def client(led: LedCases) -> TestClient:
    work = CaseWork(led.ask, "", TIMES, url=URL)
    return TestClient(
        create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work), "http://localhost"
    )


def table(client: TestClient, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"/cases.csv{query}").text)))


def test_a_view_is_had_as_a_table_in_its_order(client: TestClient) -> None:
    first, second = table(client)
    assert (first["machine"], second["machine"]) == ("CH-0002", "CH-0001")
    assert second["site"] == "north, 1"
    assert (second["likely_from"], second["likely_until"]) == ("2026-01-02", "2026-01-07")
    assert second["opened"] == "2026-01-01T09:00:00+09:00"
    assert [row["machine"] for row in table(client, "?state=ended")] == ["CH-0003"]
    assert client.get("/cases.csv?state=old").status_code == 400


def test_a_table_holds_more_than_a_page(client: TestClient, led: LedCases) -> None:
    for i in range(100, 170):
        led.hear(signal("open", DAY, asset=f"CH-0{i}"))
    assert len(table(client)) == 72


def test_what_a_spreadsheet_would_compute_is_text(client: TestClient, led: LedCases) -> None:
    led.ask(asks("assign", 1, asset="CH-0001", assignee='=HYPERLINK("http://evil")'))
    assert table(client)[1]["assigned_to"] == '\'=HYPERLINK("http://evil")'


def test_a_view_is_had_as_a_calendar_of_days_of_the_site(client: TestClient) -> None:
    answer = client.get("/cases.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    text = answer.text.replace("\r\n ", "")
    lines = text.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    for line in (
        f"UID:{case_of('CH-0001')}@chillcast",
        "DTSTART;VALUE=DATE:20260102",
        "DTEND;VALUE=DATE:20260108",
        "SUMMARY:CH-0001: fouling (warning)",
        f"URL:{URL}/cases/{case_of('CH-0001')}",
    ):
        assert line in lines
    assert all(len(line.encode()) <= 75 for line in answer.text.split("\r\n"))


def test_a_calendar_holds_no_sign_that_ends_a_line_or_is_none(client: TestClient, led: LedCases) -> None:
    text = "\x00\x1b[2J a\tb\x85c\u2028d\r\nEND:VCALENDAR\rBEGIN:VEVENT"
    led.plan([plans(DAY + 2, DAY + 3, DAY + 1, asset="CH-0001", text=text)])
    lines = client.get("/cases.ics").text.split("\r\n")
    assert "DESCRIPTION:[2J a\tbcd\\nEND:VCALENDARBEGIN:VEVENT" in lines
    assert lines.count("END:VCALENDAR") == 1


def test_a_cancelled_stop_ends_after_it_begins_as_calendars_want_it(
    client: TestClient, led: LedCases
) -> None:
    led.plan([plans(DAY + 2, DAY + 3, DAY + 1, asset="CH-0001")])
    led.plan([plans(0, 0, DAY + 1, asset="CH-0001", action="cancel")])
    lines = client.get("/cases.ics").text.split("\r\n")
    assert {"DTSTART:20260103T000000Z", "DTEND:20260104T000000Z", "STATUS:CANCELLED"} <= set(lines)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_a_long_line_is_folded_within_no_character_and_comes_back(line: str) -> None:
    parts = list(folded(line))
    assert all(len(part.encode()) <= 75 for part in parts)
    assert parts[0] + "".join(part[1:] for part in parts[1:]) == line


def test_the_weeks_ahead_show_who_is_due_and_what_was_done(client: TestClient, led: LedCases) -> None:
    led.store.add([event_point(Event(DAY * DAY_MS, "CH-0009", "maintenance", "oil <changed>"))])
    led.store.flush()
    text = client.get("/calendar").text
    assert text.index("CH-0002") < text.index("CH-0001")
    assert "oil &lt;changed&gt;" in text
    assert text.count('class="likely-critical"') == 1


def test_a_work_sheet_says_what_to_do_and_has_room_for_what_was_found(client: TestClient) -> None:
    text = client.get(f"/sheet/{case_of('CH-0001')}").text
    for words in ("Work sheet: CH-0001", "clean the tubes", "78.3", "no-fault-found", "north, 1"):
        assert words in text
    assert client.get("/sheet/CH-0001-7").status_code == 404


class Watched(SiteTimes):
    """Notes whether a time is said by the thread that answers everybody."""

    in_loop: list[bool]

    def _local(self, asset: str, time_ms: int) -> datetime:
        self.in_loop.append(is_in_a_loop())
        return super()._local(asset, time_ms)


@pytest.mark.parametrize("path", ["/cases.csv", "/cases.ics", f"/sheet/{case_of('CH-0001')}"])
def test_what_leaves_the_page_is_made_while_others_are_answered(led: LedCases, path: str) -> None:
    times = Watched(TIMES.inventory)
    times.in_loop = []
    app = create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=CaseWork(led.ask, "", times))
    assert TestClient(app, "http://localhost").get(path).status_code == 200
    assert set(times.in_loop) == {False}


@pytest.mark.parametrize("path", ["/qr/CH-0001", "/qr/a/b%3F", f"/qr/{case_of('CH-0001')}?to=case"])
def test_a_code_is_a_picture_that_runs_no_script(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(answer.text).tag.endswith("svg")
    assert "script" not in answer.text
