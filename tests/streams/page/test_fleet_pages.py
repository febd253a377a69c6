"""The fleet over the last weeks, and what is in doubt of what is heard from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.page import FLEET, HOUR_MS, NEWEST_MS, fill, lead

TIMES = SiteTimes(
    Inventory(
        {
            f"CH-{i:04d}": {"site": ["north", "south & west"][i % 2], "timezone": "Asia/Tokyo"}
            for i in range(9)
        }
    )
)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    lead(store)
    for hour in (30, 60, 90):
        tags = {"asset": "CH-0002", "detector": "stuck", "sensor": "oil_sump_temp"}
        store.add([Point("drift", tags, {"text": "stands <still>"}, NEWEST_MS - hour * HOUR_MS)])
    store.add([Point("drift", {"detector": "adwin", "partition": "0"}, {"text": "moved"}, NEWEST_MS)])
    store.flush()
    app = create_app(store, FLEET, clock=lambda: NEWEST_MS, work=CaseWork(None, "", TIMES))
    return TestClient(app, "http://localhost")


def rows(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="([^"]*)"', text)


def test_sites_come_first_then_the_machines_the_highest_risk_first(client: TestClient) -> None:
    found = rows(client.get("/weeks").text)
    assert found[:2] == ["/weeks?site=south%20%26%20west", "/weeks?site=north"]
    assert found[2:] == [f"/assets/CH-{i:04d}" for i in (5, 4, 3, 2, 1, 9)]


def test_a_site_shows_its_machines_alone(client: TestClient) -> None:
    found = rows(client.get("/weeks", params={"site": "north"}).text)
    assert found[2:] == ["/assets/CH-0004", "/assets/CH-0002"]
    assert "No scores yet" not in client.get("/weeks?site=nowhere").text


def test_a_page_that_is_no_number_is_refused(client: TestClient) -> None:
    assert client.get("/weeks?page=x").status_code == 400
    assert client.get(f"/weeks?page={'9' * 5000}").status_code == 400


def test_silent_machines_and_bad_sensors_are_told_apart_from_risk(client: TestClient) -> None:
    text = client.get("/doubts").text
    assert "1 silent chiller<" in text
    assert "2026-01-01 00:00 UTC" in text
    assert "stands &lt;still&gt;" in text
    assert ">3 of 7<" in text
    assert "2026-01-04 06:00 JST" in text
    assert "moved" not in text


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("urgent", "CH-0001"),
        ("risk", "CH-0009"),
        ("corrected", "CH-0009"),
        ("seen", "CH-0009"),
        ("name", "CH-0001"),
    ],
)
def test_the_list_of_the_fleet_is_ordered_by_its_columns(client: TestClient, sort: str, first: str) -> None:
    text = client.get(f"/?sort={sort}").text
    assert re.findall(r'<span class="name">([^<]*)', text)[0] == first
    assert client.get("/?sort=colour").status_code == 400


def test_an_empty_fleet_is_shown_empty(tmp_path: Path) -> None:
    client = TestClient(create_app(SqliteStore(tmp_path / "s.db"), FLEET), "http://localhost")
    assert "No scores yet" in client.get("/weeks").text
    assert "No sensor is in doubt" in client.get("/doubts").text
