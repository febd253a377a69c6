"""The Grafana dashboard: whole, and every query of it answered by a real InfluxDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from models.telemetry.samples import Event
from streams.records import Drift
from streams.stages.sink import drift_point, event_point, refused_point
from streams.stores.influx import InfluxStore
from streams.stores.store import Point
from tests.support.influxd import ORG, Influx

ROOT = Path(__file__).parent.parent
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "chillcast.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES: list[dict[str, Any]] = DASHBOARD["templating"]["list"]
NOW_MS = 1_767_225_600_000
POINTS = [
    Point(
        "scores", {"asset": "CH-1"}, {"risk_1d": 0.1, "risk_14d": 0.4, "adapted": 0.5, "model": "1"}, NOW_MS
    ),
    Point(
        "alerts",
        {"asset": "CH-1", "severity": "warning", "stage": "open"},
        {"text": "Likely safety shutdown in 2–5 days", "fault": "surge", "risk": 0.4},
        NOW_MS,
    ),
    *(
        drift_point(Drift(detector="silent", time_ms=NOW_MS, value=24.0, text="silence", asset=asset), 0)
        for asset in ("CH-1", "CH-2", "CH-3")
    ),
    drift_point(Drift(detector="quality", time_ms=NOW_MS, value=0.2, text="half", sensor="flow"), 1),
    refused_point(Drift(detector="dead-letters", time_ms=NOW_MS, value=10.0, text="no", reason="form"), 1),
    *(event_point(Event(NOW_MS, "CH-1", "shutdown", code)) for code in ("surge", "low-oil-pressure", "")),
]
OLD_POINTS = [
    Point(
        "drift",
        {"detector": "adwin"},
        {"text": "it moved", "asset": "CH-9", "sensor": "", "value": 0.2},
        NOW_MS - 1,
    ),
    Point("events", {"asset": "CH-1", "kind": "shutdown"}, {"code": "bearing"}, NOW_MS - 1),
]
LINES = {4: 6, 6: 4}  # of a table: what came together stands in lines of its own
GRAFANA_GIVES = """
option v = {timeRangeStart: 2025-12-01T00:00:00Z, timeRangeStop: 2026-02-01T00:00:00Z, windowPeriod: 1h}
"""


def test_every_panel_reads_the_source_that_is_provisioned() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "influxdb.yml").read_text(encoding="utf-8")
    assert "uid: chillcast\n" in text
    assert {part["datasource"]["uid"] for part in [*PANELS, *VARIABLES]} == {"chillcast"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(x + i, y + j) for i in range(w) for j in range(h)}
        assert x + w <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.fixture(scope="module")
def bucket(influx: Influx) -> str:
    influx.create_bucket("dashboards")
    store = InfluxStore(influx.url, influx.token, ORG, "dashboards")
    store.add([*POINTS, *OLD_POINTS])
    assert not store.flush().rejected
    store.close()
    return "dashboards"


def rows(influx: Influx, bucket: str, query: str) -> list[dict[str, Any]]:
    given = query.replace('bucket: "chillcast"', f'bucket: "{bucket}"').replace("${asset}", "CH-1")
    *imports, body = given.split("\n")
    text = "\n".join([*imports, GRAFANA_GIVES, body])
    with InfluxDBClient(url=influx.url, token=influx.token, org=ORG) as client:
        return [dict(r.values) for table in client.query_api().query(text) for r in table.records]


@pytest.mark.influx
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_shows_what_was_written(panel: dict[str, Any], influx: Influx, bucket: str) -> None:
    (target,) = panel["targets"]
    found = rows(influx, bucket, target["query"])
    shown = {value for row in found for value in row.values()}
    expected: dict[int, set[object]] = {
        1: {"CH-1", 0.4},
        2: {"CH-1", "warning", "open", "Likely safety shutdown in 2–5 days", "surge"},
        3: {"risk_14d", 0.4, "adapted", 0.5},
        4: {"silent", "silence", "CH-1", "CH-2", "CH-3", "quality", "flow", "adwin", "it moved", "CH-9"},
        5: {"risk_1d", 0.1, "risk_14d", 0.4, "adapted", 0.5},
        6: {"shutdown", "surge", "low-oil-pressure", "bearing"},
    }
    assert shown >= expected[panel["id"]]
    if panel["id"] in LINES:
        assert len(found) == LINES[panel["id"]]


@pytest.mark.influx
def test_the_machines_to_choose_from_are_those_with_scores(influx: Influx, bucket: str) -> None:
    (variable,) = VARIABLES
    assert [row["_value"] for row in rows(influx, bucket, variable["query"])] == ["CH-1"]
