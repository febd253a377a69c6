"""What a message or a store holds, as things that can be counted and compared one by one."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from pathlib import Path

import msgspec

from models.cases.book import Answer
from models.cases.stops import PlannedStop
from models.delivery.notice import Delivery, News
from models.errors import RecordError
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.store.feature_store import FeatureStore
from models.telemetry.event_log import FINDING
from models.telemetry.planned_stops import CANCELLED, PLANNED
from models.telemetry.samples import Event
from streams.kafka.damage import DAMAGED
from streams.kafka.topics import Topics
from streams.records import Alert, Assignment, DeadLetter, Drift, Scores, Watermark
from streams.stage import Incoming
from streams.wire import codec

RELAYED = (FINDING, PLANNED, CANCELLED)
"""Kinds of events that the risk worker passes on to the topic of windows."""
Key = tuple[object, ...]
Element = tuple[str, Key, bytes]
"""The stage that says it, what it is about, and all that is said of that."""
Said = dict[str, dict[Key, Counter[bytes]]]


def gathered(elements: Iterable[Element]) -> Said:
    """Count elements by stage, key and value."""
    out: Said = defaultdict(lambda: defaultdict(Counter))
    for stage, key, value in elements:
        out[stage][key][value] += 1
    return out


class Reading:
    """Takes messages of all topics apart."""

    def __init__(self, fleet: Fleet, topics: Topics) -> None:
        self.topics, self.fingerprint = topics, FeatureSchema(fleet).fingerprint
        self._parts = {
            topics.features: self._features,
            topics.scores: self._scores,
            topics.shadow: self._shadow,
            topics.alerts: _alert,
            topics.drift: _drift,
            topics.events: _event,
            topics.dead_letters: self._dead_letter,
            topics.promotions: _assignment,
            topics.case_commands: _passed_on,
            topics.cases: _case,
            topics.case_replies: _reply,
            topics.outcomes: _outcome,
            topics.notices: _news,
            topics.deliveries: _delivery,
        }

    def elements(self, message: Incoming) -> Iterator[Element]:
        """Yield what one message says; nothing where it is none of ours."""
        part = self._parts.get(message.topic)
        try:
            yield from part(message) if part else ()
        except RecordError:
            return

    def _features(self, message: Incoming) -> Iterator[Element]:
        record = codec.decode_features(message.value, message.content_type, self.fingerprint)
        if isinstance(record, Windows):
            for key, value in windows(record):
                yield "features", ("features", message.partition, *key), value
            return
        is_found = isinstance(record, Event) and record.kind in RELAYED
        yield "risk" if is_found else "features", ("features", message.partition, *_mark(record)), b""

    def _scores(self, message: Incoming) -> Iterator[Element]:
        record = codec.decode_scores(message.value, message.content_type)
        if isinstance(record, Watermark):
            yield "risk", ("scores", message.partition, *_mark(record)), b""
        else:
            yield from (("risk", ("scores", message.partition, *key), said) for key, said in rows(record))

    def _shadow(self, message: Incoming) -> Iterator[Element]:
        record = codec.decode_scores(message.value, message.content_type)
        if isinstance(record, Scores):
            yield from (("risk", ("shadow", message.partition, *key), said) for key, said in rows(record))

    def _dead_letter(self, message: Incoming) -> Iterator[Element]:
        """Those of features come from risk and landing, of alerts from cases and sink; they count with one.

        What stands for a damaged batch is none of the run's own.
        """
        letter = codec.decode_json(message.value, DeadLetter)
        if letter.content_type == DAMAGED:
            return
        name = letter.topic.removeprefix(self.topics.prefix)
        stage = _READERS.get(name, "sink")
        # Where a message stands that a stage has written depends on how it was cut into batches.
        place = (name, letter.partition, letter.offset, letter.payload)
        yield stage, ("dead-letters", *place), msgspec.json.encode(letter.reason)


def windows(record: Windows) -> Iterator[tuple[Key, bytes]]:
    """Yield asset, end and revision of each window with the bytes of its features."""
    for i in range(len(record)):
        key = (record.assets[record.asset[i]], int(record.end_ms[i]), int(record.revision[i]))
        yield key, record.values[i].tobytes()


def rows(record: Scores) -> Iterator[tuple[Key, bytes]]:
    """Yield asset, end and revision of each score with all that is said of it."""
    told = record.readings
    at = {n: k for k, n in enumerate(told.window.tolist())} if told else {}
    for i in range(len(record)):
        asset = int(record.asset[i])
        key = (record.assets[asset], int(record.end_ms[i]), int(record.revision[i]))
        said = (record.model, record.member(asset), record.horizons_d)
        numbers = record.risk[i].tobytes() + record.adapted[i].tobytes()
        if told and i in at:
            numbers += b"".join(part[at[i]].tobytes() for part in (told.value, told.usual, told.spread))
        yield key, msgspec.json.encode(said) + numbers


_READERS = {
    "telemetry": "features",
    "features": "risk",
    "case-commands": "cases",
    "outcomes": "landing",
    "notices": "delivery",
}
_POINTS = "SELECT measurement, series, time_ms, fields FROM points WHERE measurement != 'dead_letters'"


def stored_points(path: Path) -> Iterator[Element]:
    """Yield every point of an embedded store, but for those whose time is an arrival, another in each run."""
    database = sqlite3.connect(path)
    try:
        for *key, fields in database.execute(_POINTS):
            ordered = msgspec.json.encode(msgspec.json.decode(fields), order="sorted")
            yield "sink", ("store", *key), ordered
    finally:
        database.close()


def stored_features(folder: Path, schema: FeatureSchema) -> Iterator[Element]:
    """Yield every window and event of a feature store; of rows that are the same in two files, one."""
    store, found = FeatureStore(folder), set[tuple[Key, bytes]]()
    for file in store.window_files(schema.fingerprint):
        table = store.read_windows(file, schema.names)
        keys = zip(*(table[name].to_pylist() for name in ("asset", "end_ms", "revision")), strict=True)
        columns = [table[name].to_numpy() for name in schema.names]
        for i, key in enumerate(keys):
            found.add((("windows", *key), b"".join(column[i].tobytes() for column in columns)))
    for file in store.event_files():
        found.update((("events", *astuple(event)), b"") for event in store.read_events(file))
    yield from (("landing", key, value) for key, value in found)


def _mark(record: Event | Watermark) -> Key:
    if isinstance(record, Watermark):
        return "watermark", record.time_ms, record.end
    return ("event", *astuple(record))


def _event(message: Incoming) -> Iterator[Element]:
    record = codec.decode_json(message.value, Event)
    yield "features", ("events", message.partition, *astuple(record)), b""


def _alert(message: Incoming) -> Iterator[Element]:
    record = codec.decode_json(message.value, Alert)
    key = ("alerts", message.partition, record.case, record.stage, record.time_ms)
    yield "risk", key, msgspec.json.encode(record)


def _passed_on(message: Incoming) -> Iterator[Element]:
    """What people ask is no word of a stage."""
    if message.content_type == codec.ALERT:
        record = codec.decode_json(message.value, Alert)
        key = ("case-commands", message.partition, record.case, record.stage, record.time_ms)
        yield "cases", key, msgspec.json.encode(record)


def _case(message: Incoming) -> Iterator[Element]:
    record = codec.decode_cases(message.value, message.content_type)
    kind = type(record).__name__
    if isinstance(record, PlannedStop):
        name, version = f"{record.asset}/{record.plan}", int(record.cancelled is not None)
    else:
        name, version = record.case, record.version
    yield "cases", ("cases", message.partition, kind, name, version), message.value or b""


def _reply(message: Incoming) -> Iterator[Element]:
    record = codec.decode_json(message.value, Answer)
    yield "cases", ("case-replies", message.partition, record.id), message.value or b""


def _outcome(message: Incoming) -> Iterator[Element]:
    record = codec.decode_outcomes(message.value, message.content_type)
    if isinstance(record, PlannedStop):
        name, version = f"{record.asset}/{record.plan}", int(record.cancelled is not None)
    else:
        name, version = record.case, record.version
    yield "cases", ("outcomes", message.partition, name, version), message.value or b""


def _news(message: Incoming) -> Iterator[Element]:
    """The clock, and how attempts ended, is no word of a stage."""
    if message.content_type == codec.CASE_NEWS:
        case = codec.decode_json(message.value, News).case
        yield "cases", ("notices", case.case, case.version, case.evidence.time_ms), message.value or b""


def _delivery(message: Incoming) -> Iterator[Element]:
    record = codec.decode_json(message.value, Delivery)
    key = ("deliveries", record.key, record.attempt, record.ending, record.time_ms)
    yield "delivery", key, message.value or b""


def _drift(message: Incoming) -> Iterator[Element]:
    record = codec.decode_json(message.value, Drift)
    if record.reason:  # what could not be used is as of its arrival, which differs from run to run
        record = msgspec.structs.replace(record, time_ms=0)
    key = (
        "drift",
        message.partition,
        record.detector,
        record.asset,
        record.sensor,
        record.segment,
        record.cause,
        record.reason,
        record.value,
        record.time_ms,
    )
    yield (
        "risk"
        if record.detector in ("adwin", "adwin-errors", "adaptation", "fleet", "performance")
        else "features",
        key,
        msgspec.json.encode(record),
    )


def _assignment(message: Incoming) -> Iterator[Element]:
    """A promotion is no word of a stage; where an assignment begins differs from run to run."""
    if message.content_type == codec.ASSIGNMENT:
        record = codec.decode_json(message.value, Assignment)
        key = ("promotions", message.partition, record.role, record.number)
        yield "risk", key, record.version.encode()
