"""What the store holds of risks, events and suspicions, as arrays that a policy runs over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.alerting.cases import RiskSeries
from models.errors import StateError
from models.fleet.fleet import Fleet
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from streams.stages.outcome_relay import told_by
from streams.stores.planned_stops import stops_of
from streams.stores.store import Reader, Row


@dataclass(frozen=True, slots=True)
class RiskHistory:
    """Risks and events of a fleet, what each machine was suspected of and when, and the newest threshold.

    Planned stops are events, as they are to whoever labels windows.
    """

    series: RiskSeries
    log: EventLog
    suspected: dict[str, list[tuple[int, str]]]
    threshold: float | None


def read_history(reader: Reader, fleet: Fleet, start_ms: int, end_ms: int) -> RiskHistory:
    """Read what was said in [start, end); StateError if no risk was."""
    assets = sorted({row.tags["asset"] for row in reader.latest("scores")})
    asset, ends, risk, events, suspected = list[int](), list[int](), list[float](), list[Event](), {}
    newest: tuple[int, float] | None = None
    for number, name in enumerate(assets):
        said = _risks(reader.history("scores", name, start_ms, end_ms), fleet)
        asset += [number] * len(said)
        ends += [time_ms for time_ms, _ in said]
        risk += [value for _, value in said]
        events += _events(name, reader.history("events", name, start_ms, end_ms))
        events += [event for stop in stops_of(reader, name) for event in told_by(stop)]
        alerts = reader.history("alerts", name, start_ms, end_ms)
        suspected[name] = [(row.time_ms, str(row.fields.get("fault", ""))) for row in alerts]
        newest = max([newest, *_thresholds(alerts)], key=lambda one: one or (-1, 0.0))
    if not ends:
        raise StateError("the store holds no risks of this time: run the pipeline, or replay a recording")
    series = RiskSeries(tuple(assets), np.array(asset, np.int32), np.array(ends, np.int64), np.array(risk))
    return RiskHistory(series, EventLog(events), suspected, newest[1] if newest else None)


def _risks(rows: Sequence[Row], fleet: Fleet) -> list[tuple[int, float]]:
    field = f"risk_{fleet.alerting.horizon_d:g}d"
    return [(row.time_ms, float(row.fields.get(field, np.nan))) for row in rows]


def _events(asset: str, rows: Sequence[Row]) -> list[Event]:
    return [Event(r.time_ms, asset, r.tags["kind"], r.tags.get("code", "")) for r in rows]


def _thresholds(alerts: Sequence[Row]) -> list[tuple[int, float]]:
    return [(r.time_ms, float(r.fields["threshold"])) for r in alerts if "threshold" in r.fields]
