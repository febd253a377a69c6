"""What travels on the topics: the codec of every kind of message, checked before it is believed.

Things that people read are JSON; blocks of numbers are a MessagePack header with little-endian arrays. The
``content-type`` header names the codec. Whatever cannot be understood raises RecordError with its reason.
"""

from __future__ import annotations

import base64
from typing import NamedTuple, TypeVar

import msgspec

from models.cases.book import Answer
from models.cases.case import Case, Entry
from models.cases.machine import STAGES
from models.cases.people import Command, check
from models.cases.stops import PlannedStop, StopCommand
from models.cases.stops import check as check_stop
from models.delivery.notice import Beat, Delivery, News, Report, Silence
from models.errors import RecordError
from models.features.kernel import Windows
from models.registry.promotion import Promotion
from models.telemetry.samples import Event, Samples
from streams.records import (
    Alert,
    Assignment,
    CaseOutcome,
    Control,
    DeadLetter,
    Drift,
    FeatureMark,
    Heard,
    Recorded,
    Redriven,
    Sample,
    Scores,
    Watermark,
)
from streams.redaction import redact
from streams.stage import Incoming, Outgoing
from streams.wire import blocks
from streams.wire import validation as checks
from streams.wire.window_blocks import (
    ScoreBlock,
    WindowBlock,
    pack_scores,
    pack_windows,
    to_scores,
    to_windows,
)

SAMPLE = "application/json"
BLOCK = "application/vnd.chillcast.block.v1+msgpack"
EVENT = "application/vnd.chillcast.event.v1+json"
WATERMARK = "application/vnd.chillcast.watermark.v1+json"
WINDOWS = "application/vnd.chillcast.windows.v1+msgpack"
SCORES = "application/vnd.chillcast.scores.v1+msgpack"
ALERT = "application/vnd.chillcast.alert.v1+json"
DRIFT = "application/vnd.chillcast.drift.v1+json"
DEAD_LETTER = "application/vnd.chillcast.dead-letter.v1+json"
REDRIVEN = "application/vnd.chillcast.redriven.v1+json"
PROMOTION = "application/vnd.chillcast.promotion.v1+json"
ASSIGNMENT = "application/vnd.chillcast.tenure.v1+json"
FEATURE_MARK = "application/vnd.chillcast.feature-mark.v1+json"
CONTROL = "application/vnd.chillcast.control.v1+json"
HEARD = "application/vnd.chillcast.heard.v1+json"
CASE_COMMAND = "application/vnd.chillcast.case-command.v1+json"
CASE = "application/vnd.chillcast.case.v1+json"
CASE_ENTRY = "application/vnd.chillcast.case-entry.v1+json"
STOP_COMMAND = "application/vnd.chillcast.stop-command.v1+json"
PLANNED_STOP = "application/vnd.chillcast.planned-stop.v1+json"
CASE_REPLY = "application/vnd.chillcast.case-reply.v1+json"
CASE_OUTCOME = "application/vnd.chillcast.case-outcome.v1+json"
CASE_NEWS = "application/vnd.chillcast.case-news.v1+json"
BEAT = "application/vnd.chillcast.beat.v1+json"
SILENCE = "application/vnd.chillcast.silence.v1+json"
REPORT = "application/vnd.chillcast.report.v1+json"
DELIVERY = "application/vnd.chillcast.delivery.v1+json"
RECORDED = "application/vnd.chillcast.recorded.v1+json"

MAX_PAYLOAD_BYTES = 64 * 1024

T = TypeVar("T")


def decode_features(value: bytes | None, content_type: str, fingerprint: str) -> Windows | Event | Watermark:
    """Decode a message of the features topic, refusing windows of another feature schema."""
    data = checks.sized(value)
    if content_type == EVENT:
        return parsed_event(data)
    if content_type == WATERMARK:
        return parsed_watermark(data)
    if content_type == WINDOWS:
        return to_windows(checks.from_msgpack(data, WindowBlock), fingerprint)
    raise unexpected(content_type, WINDOWS, EVENT, WATERMARK)


class FeaturesFound(NamedTuple):
    """What a message of the features topic holds; windows have a fingerprint, and may be computed beside."""

    fingerprint: str
    record: Windows | Event | Watermark
    beside: bool = False


def decode_any_features(value: bytes | None, content_type: str) -> FeaturesFound:
    """Decode a message of the features topic, whatever its feature schema; return its fingerprint, too."""
    if content_type != WINDOWS:
        return FeaturesFound("", decode_features(value, content_type, ""))
    head = checks.from_msgpack(checks.sized(value), WindowBlock)
    return FeaturesFound(head.fingerprint, to_windows(head, head.fingerprint), head.beside)


def decode_scores(value: bytes | None, content_type: str) -> Scores | Watermark:
    """Decode a message of the scores topic."""
    data = checks.sized(value)
    if content_type == WATERMARK:
        return parsed_watermark(data)
    if content_type == SCORES:
        return to_scores(checks.from_msgpack(data, ScoreBlock))
    raise unexpected(content_type, SCORES, WATERMARK)


def decode_json(value: bytes | None, kind: type[T]) -> T:
    """Decode an alert, drift signal, event, dead letter, promotion or assignment."""
    return checks.from_json(checks.sized(value), kind)


def sample(topic: str, record: Sample) -> Outgoing:
    """Encode one named sample."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), SAMPLE)


def block(topic: str, samples: Samples, schema: str, arrived_ms: int | None = None) -> Outgoing:
    """Encode at least one row, of one or several assets, and when they came as the source counts time."""
    data = msgspec.msgpack.encode(blocks.to_block(samples, schema, arrived_ms))
    return Outgoing(topic, samples.assets[0].encode(), data, BLOCK)


def event(topic: str, record: Event) -> Outgoing:
    """Encode an event."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), EVENT)


def watermark(topic: str, record: Watermark) -> Outgoing:
    """Encode a watermark."""
    return Outgoing(topic, b"", msgspec.json.encode(record), WATERMARK)


def windows(topic: str, record: Windows, rows: slice, fingerprint: str, *, beside: bool = False) -> Outgoing:
    """Encode the given rows of windows."""
    packed = pack_windows(record, rows, fingerprint, beside=beside)
    return Outgoing(topic, record.assets[record.asset[rows].min()].encode(), packed, WINDOWS)


def scores(topic: str, record: Scores) -> Outgoing:
    """Encode scores."""
    return Outgoing(topic, record.assets[0].encode(), pack_scores(record), SCORES)


def alert(topic: str, record: Alert) -> Outgoing:
    """Encode an alert."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), ALERT)


def drift(topic: str, record: Drift) -> Outgoing:
    """Encode a drift signal."""
    return Outgoing(topic, (record.asset or record.sensor).encode(), msgspec.json.encode(record), DRIFT)


def control(topic: str, record: Control) -> Outgoing:
    """Encode a command to a replay."""
    return Outgoing(topic, b"", msgspec.json.encode(record), CONTROL)


def heard(topic: str, record: Heard) -> Outgoing:
    """Encode what a replay answers to a command."""
    return Outgoing(topic, b"", msgspec.json.encode(record), HEARD)


def letter(message: Incoming, reason: str) -> DeadLetter:
    """Return the dead letter of a message; the payload is cut at 64 kB."""
    return DeadLetter(
        reason=checks.clip(redact(reason), 2000),
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=checks.clip((message.key or b"").decode("utf-8", "replace"), checks.MAX_NAME),
        content_type=checks.clip(message.content_type),
        payload=base64.b64encode((message.value or b"")[:MAX_PAYLOAD_BYTES]).decode(),
    )


def dead_letter(topic: str, record: DeadLetter) -> Outgoing:
    """Encode a dead letter."""
    return Outgoing(topic, record.key.encode(), msgspec.json.encode(record), DEAD_LETTER)


def redriven(topic: str, record: Redriven) -> Outgoing:
    """Encode which dead letters were sent again."""
    return Outgoing(topic, b"", msgspec.json.encode(record), REDRIVEN)


def promotion(topic: str, record: Promotion) -> Outgoing:
    """Encode a promotion, under a key of its own: compaction keeps every one."""
    key = f"{record.fleet}/{record.number}/{record.promoted_ms}"
    return Outgoing(topic, key.encode(), msgspec.json.encode(record), PROMOTION)


def assignment(topic: str, record: Assignment) -> Outgoing:
    """Encode an assignment, under a key of its own."""
    return Outgoing(topic, f"{record.role}/{record.offset}".encode(), msgspec.json.encode(record), ASSIGNMENT)


def feature_mark(topic: str, record: FeatureMark) -> Outgoing:
    """Encode which features are computed from an offset on, under a key of its own."""
    return Outgoing(topic, f"features/{record.offset}".encode(), msgspec.json.encode(record), FEATURE_MARK)


def case_command(topic: str, record: Command) -> Outgoing:
    """Encode what somebody asks of a case."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), CASE_COMMAND)


def case(topic: str, record: Case) -> Outgoing:
    """Encode a case as it stands, under its name."""
    return Outgoing(topic, record.case.encode(), msgspec.json.encode(record), CASE)


def case_entry(topic: str, record: Entry) -> Outgoing:
    """Encode an entry of a history, under a key of its own: compaction keeps every one."""
    return Outgoing(
        topic, f"{record.case}/{record.version}".encode(), msgspec.json.encode(record), CASE_ENTRY
    )


def stop_command(topic: str, record: StopCommand) -> Outgoing:
    """Encode what somebody asks of the planned stops of a machine."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), STOP_COMMAND)


def planned_stop(topic: str, record: PlannedStop) -> Outgoing:
    """Encode a planned stop as it is now, under its machine and plan."""
    key = f"{record.asset}/stop/{record.plan}".encode()
    return Outgoing(topic, key, msgspec.json.encode(record), PLANNED_STOP)


def case_reply(topic: str, record: Answer) -> Outgoing:
    """Encode what became of a command."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), CASE_REPLY)


def case_outcome(topic: str, record: CaseOutcome) -> Outgoing:
    """Encode what was found, under a key of its own: compaction keeps every one."""
    key = f"{record.case}/{record.version}".encode()
    return Outgoing(topic, key, msgspec.json.encode(record), CASE_OUTCOME)


def case_news(topic: str, record: News, partition: int) -> Outgoing:
    """Encode what became of a case, for those who are told of it."""
    return Outgoing(topic, record.case.case.encode(), msgspec.json.encode(record), CASE_NEWS, partition)


def beat(topic: str, record: Beat) -> Outgoing:
    """Encode what time it is."""
    return Outgoing(topic, b"", msgspec.json.encode(record), BEAT)


def silence(topic: str, record: Silence) -> Outgoing:
    """Encode a silence."""
    return Outgoing(topic, record.id.encode(), msgspec.json.encode(record), SILENCE)


def report(topic: str, record: Report) -> Outgoing:
    """Encode how an attempt ended."""
    return Outgoing(topic, record.key.encode(), msgspec.json.encode(record), REPORT)


def delivery(topic: str, record: Delivery) -> Outgoing:
    """Encode an attempt on record."""
    return Outgoing(topic, record.key.encode(), msgspec.json.encode(record), DELIVERY)


def recorded(topic: str, line: Recorded) -> Outgoing:
    """Encode a line of the record of changes."""
    return Outgoing(topic, f"{line.record}/{line.number}".encode(), msgspec.json.encode(line), RECORDED)


def decode_notices(value: bytes | None, content_type: str) -> News | Beat | Silence | Report:
    """Decode a message of the topic of notices, whose times are checked."""
    data = checks.sized(value)
    if content_type == CASE_NEWS:
        return checks.from_json(data, News)
    kinds: dict[str, type[Beat | Silence | Report]] = {BEAT: Beat, SILENCE: Silence, REPORT: Report}
    if content_type not in kinds:
        raise unexpected(content_type, CASE_NEWS, *kinds)
    record = checks.from_json(data, kinds[content_type])
    checks.time_in_range(record.time_ms, "time_ms")
    return record


def decode_case_move(value: bytes | None, content_type: str) -> Alert | Command | StopCommand:
    """Decode a message of the topic of commands: an alert as it was passed on, or a checked command."""
    data = checks.sized(value)
    if content_type == ALERT:
        return parsed_alert(data)
    if content_type == CASE_COMMAND:
        record = checks.from_json(data, Command)
        check(record)
        return record
    if content_type == STOP_COMMAND:
        asked = checks.from_json(data, StopCommand)
        check_stop(asked)
        return asked
    raise unexpected(content_type, CASE_COMMAND, STOP_COMMAND, ALERT)


def decode_cases(value: bytes | None, content_type: str) -> Case | Entry | PlannedStop:
    """Decode a message of the topic of cases."""
    data = checks.sized(value)
    if content_type == CASE:
        return checks.from_json(data, Case)
    if content_type == CASE_ENTRY:
        return checks.from_json(data, Entry)
    if content_type == PLANNED_STOP:
        return checks.from_json(data, PlannedStop)
    raise unexpected(content_type, CASE, CASE_ENTRY, PLANNED_STOP)


def decode_outcomes(value: bytes | None, content_type: str) -> CaseOutcome | PlannedStop:
    """Decode a message of the topic of outcomes."""
    data = checks.sized(value)
    if content_type == CASE_OUTCOME:
        return checks.from_json(data, CaseOutcome)
    if content_type == PLANNED_STOP:
        return checks.from_json(data, PlannedStop)
    raise unexpected(content_type, CASE_OUTCOME, PLANNED_STOP)


def unexpected(content_type: str, *expected: str) -> RecordError:
    """Return what is wrong with a message of a kind that its topic does not have."""
    return RecordError(f"content-type {checks.clip(content_type)!r}: expected one of {', '.join(expected)}")


def parsed_event(data: bytes) -> Event:
    """Parse an event, whose words and time are checked."""
    record = checks.from_json(data, Event)
    checks.time_in_range(record.time_ms, "time_ms")
    for name, text in (("kind", record.kind), ("code", record.code or "-"), ("asset", record.asset)):
        if not (0 < len(text) <= checks.MAX_NAME and text.isprintable()):
            raise RecordError(f"{name} {checks.clip(text)!r}: expected 1 to {checks.MAX_NAME} characters")
    return record


def parsed_alert(data: bytes) -> Alert:
    """Parse an alert that is to move a case: its times, its stage and its machine are checked."""
    record = checks.from_json(data, Alert)
    checks.time_in_range(record.time_ms, "time_ms")
    checks.time_in_range(record.opened_ms, "opened_ms")
    if record.stage not in STAGES:
        raise RecordError(f"stage {checks.clip(record.stage)!r}: expected one of {', '.join(STAGES)}")
    for name, text in (("case", record.case), ("asset", record.asset)):
        if not (0 < len(text) <= checks.MAX_NAME and text.isprintable()):
            raise RecordError(f"{name} {checks.clip(text)!r}: expected 1 to {checks.MAX_NAME} characters")
    return record


def parsed_control(data: bytes | None) -> Control:
    """Parse a command, whose argument is checked."""
    record = decode_json(data, Control)
    if record.command == "seek":
        if record.time is None:
            raise RecordError("time is left out: expected ISO 8601 with an offset, or UTC ms, to seek to")
        checks.parse_time(record.time)
    if record.command == "speed" and record.speed is None:
        raise RecordError("speed is left out: expected a number, 0 for the highest")
    return record


def parsed_watermark(data: bytes) -> Watermark:
    """Parse a watermark, whose time is checked."""
    record = checks.from_json(data, Watermark)
    checks.time_in_range(record.time_ms, "time_ms")
    return record
