"""The Grafana dashboards: as they are made, whole, and every query of them answered by a real InfluxDB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from models.telemetry.samples import Event
from scripts import dashboards
from scripts.dashboards import as_json
from streams.records import Drift, Recorded
from streams.stages.sink import drift_point, event_point, record_point, refused_point
from streams.stores.influx import InfluxStore
from streams.stores.store import Point
from tests.support.influxd import ORG, Influx

ROOT = Path(__file__).parent.parent
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {one.name: as_json(one) for one in dashboards.DASHBOARDS}
NOW_MS = 1_767_225_600_000
POINTS = [
    Point(
        "scores",
        {"asset": "CH-1"},
        {"risk_1d": 0.1, "risk_14d": 0.4, "adapted": 0.5, "evidence": 0.9, "model": "1"},
        NOW_MS,
    ),
    Point(
        "cases",
        {"asset": "CH-1"},
        {
            **{"case": "CH-1/1", "state": "new", "severity": "warning", "fault": "bearing wear", "risk": 0.4},
            **{"assignee": "", "outcome": "", "open": 1.0, "rank": "08"},
        },
        NOW_MS,
    ),
    Point("cases", {"asset": "CH-2"}, {"case": "CH-2/1", "outcome": "no-fault-found", "open": 0.0}, NOW_MS),
    *(
        Point("case_history", {"asset": "CH-1", "kind": kind}, {"case": "CH-1/1", "who": who, "text": ""}, ms)
        for kind, who, ms in (("opened", "", NOW_MS), ("acknowledged", "ann", NOW_MS + 7_200_000))
    ),
    Point("deliveries", {"channel": "ops", "ending": "sent"}, {"key": "CH-1/1.1.ops"}, NOW_MS),
    Point("deliveries", {"channel": "ops", "ending": "given-up"}, {"key": "CH-1/1.2.ops"}, NOW_MS),
    Point("watermarks", {"partition": "0"}, {"time_ms": float(NOW_MS), "end": 0.0}, NOW_MS),
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
    drift_point(
        Drift(detector="fleet", cause="season", time_ms=NOW_MS, value=1.5, unit="K", text="all alike"), 0
    ),
    *(
        drift_point(
            Drift(detector="performance", time_ms=NOW_MS, value=value, text="a week", **told),  # type: ignore[arg-type]
            partition,
        )
        for partition, value, told in (
            (0, 0.5, {"estimated": 0.25, "labels": 30, "coverage": 0.5, "age_d": 21.0}),
            (1, 1.0, {"estimated": 0.75, "labels": 10, "coverage": 0.5, "age_d": 28.0}),
            (2, 0.0, {"estimated": 0.5}),
        )
    ),
    record_point(
        Recorded(
            record="r",
            number=1,
            at_ms=NOW_MS,
            time_ms=NOW_MS,
            kind="models",
            fleet="chiller",
            who="ann",
            role="data-scientist",
            via="page",
            action="promote model",
            about="model 3 of chiller",
            result="done",
            detail="",
        )
    ),
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
GRAFANA_GIVES = """
option v = {timeRangeStart: 2025-12-01T00:00:00Z, timeRangeStop: 2026-02-01T00:00:00Z, windowPeriod: 1h}
"""


def test_the_files_are_as_they_are_made_and_there_are_no_others() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in dashboards.FOLDER.glob("*.json")}
    assert found == dashboards.texts()
    assert dashboards.RULES_FILE.read_text(encoding="utf-8") == dashboards.rules_text()


def test_every_panel_reads_the_source_that_is_provisioned() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "influxdb.yml").read_text(encoding="utf-8")
    assert "uid: chillcast\n" in text
    parts = [p for one in DASHBOARDS.values() for p in (*one["panels"], *one["templating"]["list"])]
    assert {part["datasource"]["uid"] for part in parts if part["type"] != "constant"} == {"chillcast"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(x + i, y + j) for i in range(w) for j in range(h)}
        assert x + w <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_uids_and_titles_are_all_different() -> None:
    for key in ("uid", "title"):
        values = [one[key] for one in DASHBOARDS.values()]
        assert len(set(values)) == len(values)


@pytest.fixture(scope="module")
def bucket(influx: Influx) -> str:
    influx.create_bucket("dashboards")
    store = InfluxStore(influx.url, influx.token, ORG, "dashboards")
    store.add([*POINTS, *OLD_POINTS])
    assert not store.flush().rejected
    store.close()
    return "dashboards"


def rows(influx: Influx, bucket: str, query: str) -> list[dict[str, Any]]:
    given = query.replace('bucket: "chillcast"', f'bucket: "{bucket}"')
    for name, value in {"asset": "CH-1", "horizon": "risk_14d"}.items():
        given = given.replace(f"${{{name}}}", value)
    *imports, body = given.split("\n")
    text = "\n".join([*imports, GRAFANA_GIVES, body])
    with InfluxDBClient(url=influx.url, token=influx.token, org=ORG) as client:
        return [dict(r.values) for table in client.query_api().query(text) for r in table.records]


SHOWN: dict[str, set[object]] = {
    "Open cases, what to do first on top": {"CH-1/1", "CH-1", "new", "bearing wear", 0.4},
    "The ten highest risks": {"CH-1", 0.4},
    "Machines scored each day": {1},
    "Silent machines and doubtful sensors": {"silent", "silence", "CH-1", "CH-2", "CH-3", "quality", "flow"},
    "Shutdowns each day": {"shutdown", 3},
    "$asset: risk at every horizon, and adapted online": {"risk_1d", 0.1, "risk_14d", 0.4, "adapted", 0.5},
    "$asset: what its controller logged": {"shutdown", "surge", "low-oil-pressure", "bearing"},
    "$asset: what became of its cases": {"opened", "acknowledged", "ann", "CH-1/1"},
    "$asset: its data": {"silent", "silence"},
    "Online layer against champion, fleet mean": {"risk_14d", 0.4, "adapted", 0.5},
    "Windows scored by each version": {"1"},
    "How much the scores stand on": {0.9},
    "Drift of the scores": {"adwin", "it moved"},
    "Drift by class each week": {"season", 1},
    "Drift with a name": {"season", "all alike", 1.5, "K"},
    "Log-loss foretold and realised, each week": {"foretold", 0.5, "realised", 0.625},
    "Windows due that have a label, each week": {0.5},
    "Age of the newest label, in days": {21.0, 28.0},
    "The record of changes": {"models", "ann", "promote model", "model 3 of chiller", "done"},
    "How far the scores have come": {"0"},
    "Windows written each hour": {1},
    "Telemetry that could not be used": {"form", "no", 10.0},
    "Notices by channel and end": {"ops", "sent", 1},
    "Cases that opened each day": {"opened", 1},
    "Notices to people each day": {"ops", 1},
    "Hours from opening to acknowledgement": {"CH-1/1", 2.0},
    "What was found": {"no-fault-found", 1},
    "Machines that open most": {"CH-1", 1},
}
LINES = {"Silent machines and doubtful sensors": 4, "$asset: what its controller logged": 4}
PANELS = [panel for one in DASHBOARDS.values() for panel in one["panels"]]


@pytest.mark.influx
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_shows_what_was_written(panel: dict[str, Any], influx: Influx, bucket: str) -> None:
    (target,) = panel["targets"]
    found = rows(influx, bucket, target["query"])
    shown = {value for row in found for value in row.values()}
    assert shown >= SHOWN[panel["title"]]
    if panel["title"] in LINES:
        assert len(found) == LINES[panel["title"]]


@pytest.mark.influx
@pytest.mark.parametrize("rule", dashboards.RULES, ids=lambda rule: str(rule.name))
def test_an_alert_rule_asks_what_the_server_answers_with_numbers(
    rule: dashboards.Rule, influx: Influx, bucket: str
) -> None:
    ever = re.sub(r"start: -\w+", "start: 1970-01-01T00:00:00Z", rule.query)
    found = rows(influx, bucket, ever)
    assert found
    assert all(isinstance(row["_value"], int | float) for row in found)


@pytest.mark.influx
def test_machines_and_horizons_to_choose_from_are_those_with_scores(influx: Influx, bucket: str) -> None:
    def chosen(name: str) -> list[object]:
        return [row["_value"] for row in rows(influx, bucket, dashboards.VARIABLES[name]["query"])]

    assert chosen("asset") == ["CH-1"]
    assert sorted(map(str, chosen("horizon"))) == ["risk_14d", "risk_1d"]
