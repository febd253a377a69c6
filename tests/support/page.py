"""A store of six machines for what shows the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from models.cases.case import Evidence
from models.cases.machine import Signal, Stage
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Event
from streams.records import Drift
from streams.stages.sink import drift_point, event_point
from streams.stores.store import Point, Store
from tests.support.case_store import LedCases

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
            "said": "78.3 °C",
            "usual": "61.2 °C",
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


def said(asset: str, stage: Stage, hour: int, severity: str = "warning", **more: Any) -> Signal:
    """Return what `alert` says, as a case hears it."""
    told = alert(asset, stage, hour, severity).fields
    words: dict[str, Any] = {
        name: told[name] for name in ("text", "risk", "threshold", "fault", "check", "model")
    }
    opened_ms = more.pop("opened_ms", START_MS)
    evidence = Evidence(time_ms=START_MS + hour * HOUR_MS, severity=severity, horizon_d=14.0, **words | more)
    reason = "cleared" if stage == "closed" else ""
    return Signal(
        case=f"{asset}-1", asset=asset, stage=stage, opened_ms=opened_ms, evidence=evidence, reason=reason
    )


def lead(store: Store) -> LedCases:
    """Lead the cases of which the alerts of `fill` tell."""
    led = LedCases(store)
    for one in (
        said("CH-0002", "open", 90),
        said("CH-0001", "open", 95, "critical"),
        said("CH-0003", "open", 10),
        said("CH-0003", "closed", 20),
    ):
        led.hear(one)
    return led


def reading_of(asset: str, day: int, **values: float) -> Point:
    """Return what sensors read on a day: usual is 60 for the thrust bearing, and 5 for anything else."""
    told = {key: [v, 60.0 if key == "bearing_temp" else 5.0, 0.5] for key, v in values.items()}
    fields: dict[str, float | str] = {"revision": 0.0, "sensors": msgspec.json.encode(told).decode()}
    return Point("readings", {"asset": asset}, fields, START_MS + day * 24 * HOUR_MS)


def drift_of_many() -> list[Point]:
    """Return a season that two partitions told, a name of which is hostile, a population, and two weeks."""
    season = Drift(
        detector="fleet",
        cause="season",
        time_ms=NEWEST_MS - 9 * DAY_MS,
        sensor="bearing_temp",
        value=1.25,
        unit="K",
        text="<b>bearing</b> reads 1.2 K more",
    )
    later = structs.replace(season, time_ms=NEWEST_MS - 3 * DAY_MS)
    moved = structs.replace(season, cause="population", segment="model:<i>X</i>", psi=0.4, ks=0.3, value=-2.0)
    machine = structs.replace(season, cause="machine", asset="CH-0001", text="one machine alone")
    week = Drift(detector="performance", time_ms=NEWEST_MS - 8 * DAY_MS, value=0.0, estimated=0.05, text="")
    told = structs.replace(
        week, time_ms=week.time_ms + 7 * DAY_MS, value=0.0612, labels=80, coverage=0.75, age_d=21
    )
    return [drift_point(one, 0) for one in (season, later, moved, machine, week, told)] + [
        drift_point(later, 1)
    ]


def fill(store: Store) -> None:
    store.add([score(f"CH-{i:04d}", hour, i / 100) for i in range(1, 6) for hour in range(100)])
    store.add([score("CH-0009", 0, 0.9)])
    store.add([alert("CH-0002", "open", 90), alert("CH-0001", "open", 95, "critical")])
    store.add([alert("CH-0003", "open", 10), alert("CH-0003", "closed", 20)])
    store.add([Point("explanations", {"asset": "CH-0002"}, {"sensors": SENSORS}, NEWEST_MS)])
    trip = Event(START_MS + 50 * HOUR_MS, "CH-0002", "shutdown", "high-bearing-temperature")
    store.add([event_point(trip)])
    store.flush()
