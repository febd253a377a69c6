"""Writes Grafana's dashboards, panels of a query each laid out row by row, and its alert rules.

``python -m scripts.dashboards`` (`make dashboards`); their uids are pinned, since links are made of them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_GRAFANA = Path(__file__).parents[1] / "deploy" / "grafana"
FOLDER, RULES_FILE = _GRAFANA / "dashboards", _GRAFANA / "provisioning" / "alerting" / "pipeline.json"
SOURCE = {"type": "influxdb", "uid": "chillcast"}
_SEEN = 'from(bucket: "chillcast") |> range(start: v.timeRangeStart, stop: v.timeRangeStop)'
_EVER = 'from(bucket: "chillcast") |> range(start: 1970-01-01T00:00:00Z)'
_WIDE = 'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
_NEWEST_FIRST = 'group() |> sort(columns: ["_time"], desc: true)'


@dataclass(frozen=True)
class Panel:
    """One picture: its query in Flux; 24 columns are the width of a dashboard."""

    title: str
    kind: str
    query: str
    width: int = 12
    height: int = 8
    unit: str = ""
    links_to_machine: bool = False


@dataclass(frozen=True)
class Dashboard:
    """Panels from left to right, and what can be chosen."""

    name: str
    title: str
    panels: Sequence[Panel]
    variables: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Rule:
    """When something is wrong with the pipeline itself: its query's value lies beyond a limit (gt, lt)."""

    name: str
    title: str
    summary: str
    query: str
    beyond: tuple[str, int]
    severity: str = "critical"
    no_data: str = "OK"
    wait: str = "0m"


def cases(*columns: str) -> str:
    """Return the query of the newest row of each machine's case."""
    kept = ", ".join(f'"{name}"' for name in ("asset", *columns))
    return (
        f'{_EVER} |> filter(fn: (r) => r._measurement == "cases") |> last() '
        '|> pivot(rowKey: ["asset"], columnKey: ["_field"], valueColumn: "_value") |> group() '
        f'|> filter(fn: (r) => r.open == 1.0) |> sort(columns: ["rank"]) |> keep(columns: [{kept}])'
    )


def events_of(measurement: str, *fields: str, where: str = "true") -> str:
    """Return the query of texts of a measurement, the newest first."""
    chosen = " or ".join(f'r._field == "{name}"' for name in fields)
    return (
        f'{_SEEN} |> filter(fn: (r) => r._measurement == "{measurement}" and ({chosen}) and {where}) '
        f'|> {_WIDE} |> drop(columns: ["_start", "_stop", "_measurement"]) |> {_NEWEST_FIRST}'
    )


def counts(measurement: str, by: str, field: str, every: str = "1d", where: str = "true") -> str:
    """Return the query of how many points there are in each span of time."""
    return (
        f'{_SEEN} |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}" '
        f'and {where}) |> group(columns: ["{by}"]) '
        f"|> aggregateWindow(every: {every}, fn: count, createEmpty: false)"
    )


_OPENED = '(r.kind == "opened" or r.kind == "reopened")'
_RISKS = 'r._measurement == "scores" and r._field == "${horizon}"'
_TO_ACKNOWLEDGE = (
    f'{_SEEN} |> filter(fn: (r) => r._measurement == "case_history" and r._field == "case" '
    'and (r.kind == "opened" or r.kind == "acknowledged")) |> group(columns: ["_value", "kind"]) '
    "|> first() |> map(fn: (r) => ({case: r._value, kind: r.kind, at: float(v: int(v: r._time))})) "
    '|> group() |> pivot(rowKey: ["case"], columnKey: ["kind"], valueColumn: "at") '
    "|> filter(fn: (r) => exists r.opened and exists r.acknowledged) "
    "|> map(fn: (r) => ({case: r.case, hours: (r.acknowledged - r.opened) / 3600000000000.0})) "
    '|> sort(columns: ["hours"], desc: true)'
)
_OF_MODELS = "/^(adwin|adwin-errors|adaptation|fleet|performance)$/"
_WEEKS = f'{_SEEN} |> filter(fn: (r) => r._measurement == "drift" and r.detector == "performance"'
_BY_LABELS = (
    f'{_WEEKS}) |> {_WIDE} |> group(columns: ["_time"]) |> reduce(identity: {{lost: 0.0, labels: 0.0, '
    "due: 0.0, foretold: 0.0, scored: 0.0}, fn: (r, accumulator) => "
    "({lost: accumulator.lost + r.value * r.labels, labels: accumulator.labels + r.labels, "
    "due: accumulator.due + (if r.coverage > 0.0 then r.labels / r.coverage else 0.0), "
    "foretold: accumulator.foretold + r.estimated, "
    "scored: accumulator.scored + (if r.estimated > 0.0 then 1.0 else 0.0)})) |> group()"
)
_WORTH = 'union(tables: [{}]) |> group(columns: ["_field"])'.format(
    ", ".join(
        f"{_BY_LABELS} |> filter(fn: (r) => r.{of} > 0.0) "
        f'|> map(fn: (r) => ({{_time: r._time, _field: "{name}", _value: r.{sum_} / r.{of}}}))'
        for name, sum_, of in (("foretold", "foretold", "scored"), ("realised", "lost", "labels"))
    )
)
_COVERAGE = (
    f"{_BY_LABELS} |> filter(fn: (r) => r.due > 0.0) "
    "|> map(fn: (r) => ({_time: r._time, coverage: r.labels / r.due}))"
)
DASHBOARDS = (
    Dashboard(
        "fleet",
        "chillcast: the fleet",
        [
            Panel(
                "Open cases, what to do first on top",
                "table",
                cases("case", "state", "severity", "fault", "risk", "assignee"),
                24,
                9,
                links_to_machine=True,
            ),
            Panel(
                "The ten highest risks",
                "timeseries",
                f"{_SEEN} |> filter(fn: (r) => {_RISKS}) "
                "|> aggregateWindow(every: v.windowPeriod, fn: max, createEmpty: false) "
                '|> highestMax(n: 10, groupColumns: ["asset"])',
                16,
                9,
                "percentunit",
            ),
            Panel(
                "Machines scored each day",
                "timeseries",
                f"{_SEEN} |> filter(fn: (r) => {_RISKS}) "
                "|> aggregateWindow(every: 1d, fn: last, createEmpty: false) "
                "|> group() |> aggregateWindow(every: 1d, fn: count, createEmpty: false)",
                8,
                9,
            ),
            Panel(
                "Silent machines and doubtful sensors",
                "table",
                events_of("drift", "text", "value", where=f"r.detector !~ {_OF_MODELS}"),
                12,
            ),
            Panel(
                "Shutdowns each day",
                "timeseries",
                counts("events", "kind", "count", where='r.kind == "shutdown"'),
                12,
            ),
        ],
        ["horizon"],
    ),
    Dashboard(
        "machine",
        "chillcast: one machine",
        [
            Panel(
                "$asset: risk at every horizon, and adapted online",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "scores" and r.asset == "${{asset}}" '
                "and r._field =~ /^(risk_.*|adapted)$/) "
                "|> aggregateWindow(every: v.windowPeriod, fn: max, createEmpty: false)",
                16,
                9,
                "percentunit",
                links_to_machine=True,
            ),
            Panel(
                "$asset: what its controller logged",
                "table",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "events" and r.asset == "${{asset}}") '
                '|> map(fn: (r) => ({_time: r._time, kind: r.kind, code: if r._field == "code" '
                'then string(v: r._value) else if exists r.code then r.code else ""})) '
                f"|> {_NEWEST_FIRST}",
                8,
                9,
            ),
            Panel(
                "$asset: what became of its cases",
                "table",
                events_of("case_history", "case", "who", "text", where='r.asset == "${asset}"'),
                12,
            ),
            Panel(
                "$asset: its data",
                "table",
                events_of("drift", "text", "value", where='r.asset == "${asset}"'),
                12,
            ),
        ],
        ["asset"],
    ),
    Dashboard(
        "models",
        "chillcast: models and drift",
        [
            Panel(
                "Online layer against champion, fleet mean",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "scores" and (r._field == "${{horizon}}" '
                'or r._field == "adapted")) |> group(columns: ["_field"]) '
                "|> aggregateWindow(every: 1d, fn: mean, createEmpty: false)",
                12,
                9,
                "percentunit",
            ),
            Panel(
                "Windows scored by each version",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "scores" and r._field == "model") '
                "|> map(fn: (r) => ({_time: r._time, model: r._value, _value: 1})) "
                '|> group(columns: ["model"]) |> aggregateWindow(every: 1d, fn: sum, createEmpty: false)',
                12,
                9,
            ),
            Panel(
                "How much the scores stand on",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "scores" and r._field == "evidence") '
                "|> group() |> aggregateWindow(every: 1d, fn: mean, createEmpty: false)",
                12,
                8,
                "percentunit",
            ),
            Panel(
                "Drift of the scores",
                "table",
                events_of("drift", "text", "value", where='r.detector == "adwin"'),
                12,
            ),
            Panel(
                "Drift by class each week",
                "timeseries",
                counts("drift", "cause", "value", "1w", where='r.detector == "fleet"'),
                12,
            ),
            Panel(
                "Drift with a name",
                "table",
                events_of("drift", "text", "value", "unit", where='r.detector == "fleet"'),
                12,
            ),
            Panel("Log-loss foretold and realised, each week", "timeseries", _WORTH, 12),
            Panel(
                "Windows due that have a label, each week", "timeseries", _COVERAGE, 12, unit="percentunit"
            ),
            Panel(
                "Age of the newest label, in days",
                "timeseries",
                f'{_WEEKS} and r._field == "age_d" and r._value > 0.0) |> group(columns: ["partition"])',
                12,
            ),
            Panel(
                "The record of changes",
                "table",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "record") |> {_WIDE} '
                f'|> keep(columns: ["_time", "kind", "who", "action", "about", "result", "detail"]) '
                f"|> {_NEWEST_FIRST}",
                12,
            ),
        ],
        ["horizon"],
    ),
    Dashboard(
        "pipeline",
        "chillcast: the pipeline",
        [
            Panel(
                "How far the scores have come",
                "table",
                f'{_EVER} |> filter(fn: (r) => r._measurement == "watermarks" and r._field == "time_ms") '
                "|> last() |> map(fn: (r) => ({partition: r.partition, "
                "reached: time(v: int(v: r._value) * 1000000)})) |> group()",
                8,
            ),
            Panel(
                "Windows written each hour",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "scores" and r._field == "model") '
                "|> group() |> aggregateWindow(every: 1h, fn: count, createEmpty: false)",
                16,
            ),
            Panel(
                "Telemetry that could not be used", "table", events_of("dead_letters", "text", "count"), 12
            ),
            Panel(
                "Notices by channel and end",
                "timeseries",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "deliveries" and r._field == "key") '
                '|> group(columns: ["channel", "ending"]) '
                "|> aggregateWindow(every: 1h, fn: count, createEmpty: false)",
                12,
            ),
        ],
    ),
    Dashboard(
        "people",
        "chillcast: people and alarms",
        [
            Panel(
                "Cases that opened each day",
                "timeseries",
                counts("case_history", "kind", "case", where=_OPENED),
                12,
            ),
            Panel(
                "Notices to people each day",
                "timeseries",
                counts("deliveries", "channel", "key", where='r.ending == "sent"'),
                12,
            ),
            Panel("Hours from opening to acknowledgement", "table", _TO_ACKNOWLEDGE, 8),
            Panel(
                "What was found",
                "table",
                f'{_EVER} |> filter(fn: (r) => r._measurement == "cases" and r._field == "outcome" '
                'and r._value != "") |> group(columns: ["_value"]) |> count(column: "asset") '
                "|> map(fn: (r) => ({outcome: r._value, cases: r.asset})) |> group()",
                8,
            ),
            Panel(
                "Machines that open most",
                "table",
                f'{_SEEN} |> filter(fn: (r) => r._measurement == "case_history" and r._field == "case" '
                'and (r.kind == "opened" or r.kind == "reopened")) |> group(columns: ["asset"]) |> count() '
                '|> group() |> sort(columns: ["_value"], desc: true) |> limit(n: 20)',
                8,
            ),
        ],
    ),
)
RULES = (
    Rule(
        "scores-stand-still",
        "Scores stand still",
        "No window was scored for two hours. See chillcast doctor, and the dashboard of the pipeline.",
        'from(bucket: "chillcast") |> range(start: -2h) |> filter(fn: (r) => r._measurement == "scores" '
        'and r._field == "model") |> group() |> count()',
        ("lt", 1),
        no_data="Alerting",
        wait="30m",
    ),
    Rule(
        "telemetry-refused",
        "Telemetry cannot be used",
        "More than a hundred messages of a day could not be used. See chillcast dead-letters list.",
        'from(bucket: "chillcast") |> range(start: -1d) '
        '|> filter(fn: (r) => r._measurement == "dead_letters" and r._field == "count") '
        '|> group(columns: ["reason"]) |> max()',
        ("gt", 100),
        severity="warning",
    ),
    Rule(
        "notices-given-up",
        "Notices reach nobody",
        "A notice of a case was given up. See docs/delivery.md, and try chillcast notify test.",
        'from(bucket: "chillcast") |> range(start: -1d) |> filter(fn: (r) => r._measurement == "deliveries" '
        'and r._field == "key" and r.ending == "given-up") |> group(columns: ["channel"]) |> count()',
        ("gt", 0),
    ),
)
VARIABLES = {
    "asset": {
        "label": "machine",
        "type": "query",
        "query": 'import "influxdata/influxdb/schema"\nschema.measurementTagValues(bucket: "chillcast", '
        'measurement: "scores", tag: "asset", start: v.timeRangeStart, stop: v.timeRangeStop)',
    },
    "horizon": {
        "label": "risk",
        "type": "query",
        "query": 'import "influxdata/influxdb/schema"\nschema.measurementFieldKeys(bucket: "chillcast", '
        'measurement: "scores", start: v.timeRangeStart) |> filter(fn: (r) => r._value =~ /^risk_/)',
    },
    "page": {"label": "page", "type": "constant", "query": "http://127.0.0.1:8080"},
}


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana provisions it."""
    return {
        "uid": f"chillcast-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["chillcast"],
        "schemaVersion": 39,
        "time": {"from": "now-30d", "to": "now"},
        "refresh": "1m",
        "links": [{"type": "dashboards", "tags": ["chillcast"], "title": "chillcast", "keepTime": True}],
        "templating": {"list": [_variable(name) for name in (*dashboard.variables, "page")]},
        "panels": [_panel(i, p, x, y) for i, (p, x, y) in enumerate(placed(dashboard.panels), 1)],
    }


def placed(panels: Sequence[Panel]) -> list[tuple[Panel, int, int]]:
    """Return panels with their places: from left to right, a row as high as its highest."""
    out, x, y, height = [], 0, 0, 0
    for panel in panels:
        if x + panel.width > 24:
            x, y, height = 0, y + height, 0
        out.append((panel, x, y))
        x, height = x + panel.width, max(height, panel.height)
    return out


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "max": 1} if panel.unit == "percentunit" else {}
    if panel.links_to_machine:
        name = "${asset}" if panel.kind == "timeseries" else "${__data.fields.asset}"
        defaults["links"] = [{"title": "the page of the machine", "url": "${page}/assets/" + name}]
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [{"refId": "A", "query": panel.query}],
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }


def _variable(name: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"name": name, **VARIABLES[name]}
    if chosen["type"] != "constant":
        chosen |= {"datasource": SOURCE, "refresh": 2, "sort": 1}
    return chosen


def texts() -> dict[str, str]:
    """Return each file's name and content."""
    made = {f"{one.name}.json": as_json(one) for one in DASHBOARDS}
    return {name: json.dumps(one, indent=2, ensure_ascii=False) + "\n" for name, one in made.items()}


def rules_text() -> str:
    """Return the alert rules as Grafana provisions them."""
    group = {"orgId": 1, "name": "chillcast pipeline", "folder": "chillcast", "interval": "5m"}
    rules = [_rule(rule) for rule in RULES]
    return json.dumps({"apiVersion": 1, "groups": [{**group, "rules": rules}]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    (kind, limit), span = rule.beyond, {"from": 86_400, "to": 0}
    asked = {"refId": "A", "relativeTimeRange": span, "datasourceUid": SOURCE["uid"]}
    limits = [{"evaluator": {"type": kind, "params": [limit]}}]
    judged = {"refId": "C", "type": "threshold", "expression": "A", "conditions": limits}
    return {
        "uid": f"chillcast-{rule.name}",
        "title": rule.title,
        "condition": "C",
        "for": rule.wait,
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "annotations": {"summary": rule.summary},
        "labels": {"severity": rule.severity},
        "data": [
            {**asked, "model": {"refId": "A", "query": rule.query}},
            {"refId": "C", "datasourceUid": "__expr__", "model": judged},
        ],
    }


def main() -> None:
    """Write the files, and remove those that are no longer made."""
    for old in itertools.filterfalse(lambda path: path.name in texts(), FOLDER.glob("*.json")):
        old.unlink()
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    RULES_FILE.parent.mkdir(exist_ok=True)
    RULES_FILE.write_text(rules_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
