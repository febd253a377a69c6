"""The last stage: what people and pages read goes to the store, each point acknowledged by it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from models.cases.case import Case
from models.cases.stops import PlannedStop
from models.delivery.notice import Delivery
from models.errors import RecordError, UnavailableError
from models.event_time import DAY_MS
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import Alert, Drift, Recorded, Scores, Watermark
from streams.stage import Incoming, Outgoing
from streams.stores import likelihoods
from streams.stores.case_points import case_point, entry_point
from streams.stores.planned_stops import stop_point
from streams.stores.reading_points import reading_points
from streams.stores.store import Point, Rejection, Sink
from streams.wire import codec

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_REFUSALS_EVERY_S = 60.0


class SinkStage:
    """Writes scores, readings, alerts, cases, planned stops, drift signals, events, deliveries, the record.

    Nothing is acknowledged before the store has it: while the store does not answer, the stage waits and says
    so. Points the store will never take become dead letters, and an alarm says how many they are.
    """

    def __init__(
        self,
        sink: Sink,
        topics: Topics,
        alarm: Callable[[str], None] = log.error,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sink, self.topics, self.alarm = sink, topics, alarm
        self._refusals = Refusals(alarm, clock)
        self._unanswered: list[tuple[Incoming, Sequence[Point]]] = []

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Hand the messages' points to the sink."""
        for message in received:
            try:
                points = self._points(message)
            except RecordError as error:
                yield codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))
            else:
                self.sink.add(points)
                self._unanswered.append((message, points))

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
                self._refusals.count(flushed.rejected)
                return self._letters(flushed.rejected)

    def _points(self, message: Incoming) -> Sequence[Point]:
        if message.topic == self.topics.scores:
            record = codec.decode_scores(message.value, message.content_type)
            if isinstance(record, Watermark):
                return [_watermark_point(record, message.partition)]
            return [*score_points(record), *reading_points(record)]
        if message.topic == self.topics.alerts:
            return alert_points(codec.decode_json(message.value, Alert))
        return [self._point(message)]

    def _point(self, message: Incoming) -> Point:
        if message.topic == self.topics.cases:
            found = codec.decode_cases(message.value, message.content_type)
            if isinstance(found, PlannedStop):
                return stop_point(found)
            return case_point(found) if isinstance(found, Case) else entry_point(found)
        if message.topic == self.topics.deliveries:
            return delivery_point(codec.decode_json(message.value, Delivery))
        if message.topic == self.topics.record:
            return record_point(codec.decode_json(message.value, Recorded))
        if message.topic == self.topics.drift:
            drift = codec.decode_json(message.value, Drift)
            point = refused_point if drift.reason else drift_point
            return point(drift, message.partition)
        return event_point(codec.decode_json(message.value, Event))

    def _letters(self, rejected: Sequence[Rejection]) -> list[Outgoing]:
        """Return a dead letter for each message that the store refused points of."""
        reasons = {id(rejection.point): rejection.reason for rejection in rejected}
        sent, self._unanswered = self._unanswered, []
        letters = []
        for message, points in sent if rejected else ():
            refused = [reasons[id(point)] for point in points if id(point) in reasons]
            if refused:
                why = "; ".join(dict.fromkeys(refused))
                text = f"store refused {len(refused)} of {len(points)} points: {why}"
                letters.append(codec.dead_letter(self.topics.dead_letters, codec.letter(message, text)))
        return letters


class Refusals:
    """Raises an alarm for points that a store refused for good: at once, then at most once a minute."""

    def __init__(self, alarm: Callable[[str], None], clock: Callable[[], float]) -> None:
        self.alarm, self.clock = alarm, clock
        self._refused = 0
        self._reason = ""
        self._quiet_until_s = -math.inf

    def count(self, rejected: Sequence[Rejection]) -> None:
        """Count what one flush was refused, and raise the alarm if one is due."""
        if rejected:
            self._refused += len(rejected)
            self._reason = rejected[-1].reason
        if self._refused and self.clock() >= self._quiet_until_s:
            self.alarm(f"the store refused {self._refused} points, see the dead letters: {self._reason}")
            self._refused, self._quiet_until_s = 0, self.clock() + _REFUSALS_EVERY_S


def score_points(scores: Scores) -> Iterator[Point]:
    """Return one point per window, its risks as fields ``risk_<horizon>d``, those that are said."""
    names = [f"risk_{h:g}d" for h in scores.horizons_d]
    rows = zip(
        scores.asset.tolist(),
        scores.end_ms.tolist(),
        scores.risk.tolist(),
        scores.adapted.tolist(),
        scores.revision.tolist(),
        [math.nan] * len(scores) if scores.evidence is None else scores.evidence.tolist(),
        strict=True,
    )
    for asset, end_ms, risks, adapted, revision, evidence in rows:
        who = {"model": scores.model, "scored_by": scores.member(asset)}
        fields: dict[str, float | str] = {**who, "revision": float(revision)}
        if not all(map(math.isnan, risks)):
            fields |= {**dict(zip(names, risks, strict=True)), "adapted": adapted}
        if not math.isnan(evidence):
            fields["evidence"] = evidence
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
        "causes": likelihoods.written((cause.code, cause.probability) for cause in alert.causes),
        "modes": likelihoods.written((mode.fault, mode.probability) for mode in alert.modes),
    }
    days = {"from_d": alert.from_d, "to_d": alert.to_d}
    fields |= {name: value for name, value in days.items() if value is not None}
    tags = {"asset": alert.asset, "severity": alert.severity, "stage": alert.stage}
    return [Point("alerts", tags, fields, alert.time_ms), explanation]


def drift_point(drift: Drift, partition: int) -> Point:
    """Return a drift signal; all that tells it from others of the same instant are tags.

    What is about no single machine every partition says of its own machines.
    """
    tags = {name: getattr(drift, name) for name in ("detector", "sensor", "asset", "segment", "cause")}
    if not drift.asset:
        tags["partition"] = str(partition)
    said = {name: text for name, text in tags.items() if text}
    fields: dict[str, float | str] = {"value": float(drift.value), "text": drift.text}
    if drift.cause:
        effects = {name: float(getattr(drift, name)) for name in ("deviations", "psi", "ks", "wasserstein")}
        fields |= {"unit": drift.unit, "machines": ", ".join(drift.machines), **effects}
    if drift.detector == "performance":
        worth = {"estimated": drift.estimated, "labels": float(drift.labels)}
        fields |= {**worth, "coverage": drift.coverage, "age_d": drift.age_d}
    return Point("drift", said, fields, drift.time_ms)


def refused_point(drift: Drift, partition: int) -> Point:
    """Return how many messages of a partition could not be used for one reason, in a day."""
    tags = {"reason": drift.reason, "partition": str(partition)}
    return Point("dead_letters", tags, {"count": float(drift.value), "text": drift.text}, drift.time_ms)


def delivery_point(delivery: Delivery) -> Point:
    """Return an attempt to deliver a notice; of a channel no two have the same time."""
    fields: dict[str, float | str] = {
        "key": delivery.key,
        "route": delivery.route,
        "kind": delivery.kind,
        "cases": ", ".join(delivery.cases),
        "attempt": float(delivery.attempt),
        "reason": delivery.reason,
        "reference": delivery.reference,
        "again": float(delivery.again),
    }
    tags = {"channel": delivery.channel, "ending": delivery.ending}
    return Point("deliveries", tags, fields, delivery.time_ms)


def record_point(line: Recorded) -> Point:
    """Return a line of the record of changes; of a record no two have the same time."""
    tags = {"record": line.record, "kind": line.kind}
    if line.fleet:
        tags["fleet"] = line.fleet
    said = ("who", "role", "via", "action", "about", "result", "detail")
    fields: dict[str, float | str] = {name: getattr(line, name) for name in said}
    return Point(
        "record", tags, {**fields, "number": float(line.number), "time_ms": float(line.time_ms)}, line.at_ms
    )


def event_point(event: Event) -> Point:
    """Return an event of the machine's own log; several codes at one instant are several points."""
    tags = {"asset": event.asset, "kind": event.kind}
    if event.code:
        tags["code"] = event.code
    return Point("events", tags, {"count": 1.0}, event.time_ms)


def _watermark_point(watermark: Watermark, partition: int) -> Point:
    """Return how far the scores of a partition have come; a reader sees from it that all is written."""
    fields = {"time_ms": float(watermark.time_ms), "end": float(watermark.end)}
    return Point("watermarks", {"partition": str(partition)}, fields, watermark.time_ms // DAY_MS * DAY_MS)
