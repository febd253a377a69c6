"""The last stage: what people and pages read goes to the store, each point acknowledged by it."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from models.errors import RecordError, UnavailableError
from models.telemetry.labels import DAY_MS
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.stage import Incoming, Outgoing, Stateless
from streams.stores.store import Point, Rejection, Sink
from streams.wire import messages
from streams.wire.messages import Alert, DeadLetter, Drift, Scores, Watermark

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class SinkStage(Stateless):
    """Writes scores, alerts, drift signals and events as points.

    Nothing is acknowledged before the store has it: while the store does not answer, the stage waits and says
    so. A point the store will never take becomes a dead letter.
    """

    def __init__(self, sink: Sink, topics: Topics, alarm: Callable[[str], None] = log.error) -> None:
        self.sink, self.topics, self.alarm = sink, topics, alarm
        self._last: Incoming | None = None

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Hand the messages' points to the sink."""
        for message in received:
            self._last = message
            try:
                self.sink.add(self._points(message))
            except RecordError as error:
                yield messages.dead_letter(self.topics.dead_letters, DeadLetter.of(message, str(error)))

    async def flush(self) -> Iterable[Outgoing]:
        """Return when the store has every point, with the dead letters of those it refused."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                flushed = await asyncio.to_thread(self.sink.flush)
            except UnavailableError as error:
                self.alarm(f"{error}; nothing is lost, next try in {pause_s:g} s")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return [self._dead(rejection) for rejection in flushed.rejected]

    def _points(self, message: Incoming) -> Sequence[Point]:
        if message.topic == self.topics.scores:
            record = messages.decode_scores(message.value, message.content_type)
            if isinstance(record, Watermark):
                return [_watermark_point(record, message.partition)]
            return list(score_points(record))
        if message.topic == self.topics.alerts:
            return alert_points(messages.decode_json(message.value, Alert))
        if message.topic == self.topics.drift:
            return [drift_point(messages.decode_json(message.value, Drift))]
        return [event_point(messages.decode_json(message.value, Event))]

    def _dead(self, rejection: Rejection) -> Outgoing:
        last = self._last
        letter = DeadLetter(
            reason=f"store refused a point: {rejection.reason}",
            topic=last.topic if last else "",
            partition=last.partition if last else 0,
            offset=last.offset if last else 0,
            key=rejection.point.tags.get("asset", ""),
            content_type="",
            payload=base64.b64encode(msgspec.json.encode(rejection.point)).decode(),
        )
        return messages.dead_letter(self.topics.dead_letters, letter)


def score_points(scores: Scores) -> Iterator[Point]:
    """Return one point per window, its risks as fields ``risk_<horizon>d``."""
    names = [f"risk_{h:g}d" for h in scores.horizons_d]
    rows = zip(
        scores.asset.tolist(),
        scores.end_ms.tolist(),
        scores.risk.tolist(),
        scores.adapted.tolist(),
        strict=True,
    )
    for asset, end_ms, risks, adapted in rows:
        who = {"model": scores.model, "scored_by": scores.member(asset)}
        fields = {**dict(zip(names, risks, strict=True)), "adapted": adapted, **who}
        yield Point("scores", {"asset": scores.assets[asset]}, fields, end_ms)


def alert_points(alert: Alert) -> list[Point]:
    """Return the case as it stands, and its explanation; an update is an explanation only."""
    sensors = msgspec.json.encode(alert.sensors).decode()
    explanation = Point("explanations", {"asset": alert.asset}, {"sensors": sensors}, alert.time_ms)
    if alert.stage == "update":
        return [explanation]
    fields: dict[str, float | str] = {
        "text": alert.text,
        "risk": float(alert.risk),
        "threshold": float(alert.threshold),
        "fault": alert.fault,
        "check": alert.check,
        "sensors": sensors,
        "model": alert.model,
        "opened_ms": float(alert.opened_ms),
        "case": alert.case,
        "reason": alert.reason,
        "causes": msgspec.json.encode(alert.causes).decode(),
    }
    tags = {"asset": alert.asset, "severity": alert.severity, "stage": alert.stage}
    return [Point("alerts", tags, fields, alert.time_ms), explanation]


def drift_point(drift: Drift) -> Point:
    """Return a drift signal; what it is about are fields, since tags must stay few."""
    fields: dict[str, float | str] = {
        "value": float(drift.value),
        "text": drift.text,
        "asset": drift.asset,
        "sensor": drift.sensor,
    }
    tags = {"detector": drift.detector}
    if drift.sensor:
        tags["sensor"] = drift.sensor
    return Point("drift", tags, fields, drift.time_ms)


def event_point(event: Event) -> Point:
    """Return an event of the machine's own log."""
    return Point("events", {"asset": event.asset, "kind": event.kind}, {"code": event.code}, event.time_ms)


def _watermark_point(watermark: Watermark, partition: int) -> Point:
    """Return how far the scores of a partition have come; a reader sees from it that all is written."""
    fields = {"time_ms": float(watermark.time_ms), "end": float(watermark.end)}
    return Point("watermarks", {"partition": str(partition)}, fields, watermark.time_ms // DAY_MS * DAY_MS)
