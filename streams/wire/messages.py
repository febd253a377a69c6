"""What travels on the topics: the codec of every kind of message, checked before it is believed.

Things that people read are JSON; blocks of numbers are a MessagePack header with little-endian arrays. The
``content-type`` header names the codec. Whatever cannot be understood raises RecordError with its reason.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from models.errors import RecordError
from models.features.kernel import Windows
from models.fleet.inventory import FLEET
from models.registry.promotion import Promotion, Role
from models.telemetry.samples import Event, Float64, Int32, Int64, Samples
from streams.stage import Incoming, Outgoing
from streams.wire import blocks
from streams.wire import validation as checks

SAMPLE = "application/json"
BLOCK = "application/vnd.chillcast.block.v1+msgpack"
EVENT = "application/vnd.chillcast.event.v1+json"
WATERMARK = "application/vnd.chillcast.watermark.v1+json"
WINDOWS = "application/vnd.chillcast.windows.v1+msgpack"
SCORES = "application/vnd.chillcast.scores.v1+msgpack"
ALERT = "application/vnd.chillcast.alert.v1+json"
DRIFT = "application/vnd.chillcast.drift.v1+json"
DEAD_LETTER = "application/vnd.chillcast.dead-letter.v1+json"
PROMOTION = "application/vnd.chillcast.promotion.v1+json"
ASSIGNMENT = "application/vnd.chillcast.tenure.v1+json"
CONTROL = "application/vnd.chillcast.control.v1+json"

MAX_PAYLOAD_BYTES = 64 * 1024

T = TypeVar("T")


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message; fields it does not know are ignored, so that a newer sender does no harm."""


class Sample(_Message, frozen=True):
    """One named sample of one asset, as a gateway sends it; null is missing."""

    asset: str
    time: str | int
    values: dict[str, float | None]


class Watermark(msgspec.Struct, frozen=True):
    """The source has sent everything before ``time_ms`` to this partition; ``end``: nothing will follow."""

    time_ms: int
    end: bool = False


class WindowBlock(_Message, frozen=True):
    """Windows: ``asset`` int32, ``end_ms`` int64, ``revision`` int32, ``values`` float32 of (n, features)."""

    fingerprint: str
    assets: list[str]
    asset: bytes
    end_ms: bytes
    revision: bytes
    values: bytes


class ScoreBlock(_Message, frozen=True):
    """Scores: as `WindowBlock`, with ``risk`` float64 of (n, horizons) and ``adapted`` float64 of (n,).

    ``scored_by`` names the member of the model set for each of ``assets``; the fleet's where it is left out.
    """

    model: str
    horizons_d: list[float]
    assets: list[str]
    asset: bytes
    end_ms: bytes
    revision: bytes
    risk: bytes
    adapted: bytes
    scored_by: list[str] = []


class SensorReason(_Message, frozen=True):
    """One sensor behind a case; ``value`` and ``baseline`` null where the sensor said nothing.

    ``label`` is what both are said of, ``said`` and ``usual`` are their words.
    """

    key: str
    label: str
    unit: str
    value: float | None
    baseline: float | None
    contribution: float
    said: str = ""
    usual: str = ""


class ProbableCause(_Message, frozen=True):
    """What the controller may name, and how probable that is should the outcome come."""

    code: str
    probability: float


class Alert(_Message, frozen=True):
    """A case as it opens, is explained again each day, and closes: ``stage`` open, update or closed."""

    case: str
    asset: str
    stage: str
    severity: str
    time_ms: int
    opened_ms: int
    risk: float
    threshold: float
    horizon_d: float
    text: str
    fault: str
    check: str
    sensors: list[SensorReason]
    model: str
    reason: str = ""
    causes: list[ProbableCause] = []


class Drift(_Message, frozen=True):
    """A change that is no machine's fault: in the scores of an asset, or in the quality of a sensor's data.

    The three counts belong to detector ``quality`` and count values since its last report.
    """

    detector: str
    time_ms: int
    value: float
    text: str
    asset: str = ""
    sensor: str = ""
    missing: int = 0
    implausible: int = 0
    expected: int = 0


class Control(_Message, frozen=True):
    """What a running replay is to do; ``seek`` needs ``time``, ``speed`` a ``speed``: 0 is the highest."""

    command: Literal["pause", "resume", "seek", "speed", "stop"]
    time: str | int | None = None
    speed: Annotated[float, Meta(ge=0)] | None = None


class DeadLetter(_Message, frozen=True):
    """A message, or a part of one, that could not be used: why, where it stood, and its bytes (base64)."""

    reason: str
    topic: str
    partition: int
    offset: int
    key: str
    content_type: str
    payload: str

    @classmethod
    def from_message(cls, message: Incoming, reason: str) -> DeadLetter:
        """Make the dead letter of a message; the payload is cut at 64 kB."""
        return cls(
            reason=checks.clip(reason, 2000),
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            key=checks.clip((message.key or b"").decode("utf-8", "replace"), checks.MAX_NAME),
            content_type=checks.clip(message.content_type),
            payload=base64.b64encode((message.value or b"")[:MAX_PAYLOAD_BYTES]).decode(),
        )


class Assignment(_Message, frozen=True):
    """From message ``offset`` of a partition of ``features`` on, ``version`` has the ``role``.

    ``number`` is that of the promotion which led to it.
    """

    role: Role
    version: str
    sha256: str
    offset: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """Risks (n, H) of ``n`` windows by one model version, and the online-adapted risk (n,).

    ``scored_by`` is, for each of ``assets``, the member of the version's set that scored it.
    """

    model: str
    horizons_d: tuple[float, ...]
    assets: tuple[str, ...]
    asset: Int32
    end_ms: Int64
    revision: Int32
    risk: Float64
    adapted: Float64
    scored_by: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.asset)

    def member(self, asset: int) -> str:
        """Return which member of the set scored the machine with this number."""
        return self.scored_by[asset] if self.scored_by else FLEET


def decode_features(value: bytes | None, content_type: str, fingerprint: str) -> Windows | Event | Watermark:
    """Decode a message of the features topic, refusing windows of another feature schema."""
    data = checks.sized(value)
    if content_type == EVENT:
        return parsed_event(data)
    if content_type == WATERMARK:
        return parsed_watermark(data)
    if content_type == WINDOWS:
        return _windows(checks.from_msgpack(data, WindowBlock), fingerprint)
    raise unexpected(content_type, WINDOWS, EVENT, WATERMARK)


def decode_any_features(value: bytes | None, content_type: str) -> tuple[str, Windows | Event | Watermark]:
    """Decode a message of the features topic, whatever its feature schema; return its fingerprint, too."""
    if content_type != WINDOWS:
        return "", decode_features(value, content_type, "")
    head = checks.from_msgpack(checks.sized(value), WindowBlock)
    return head.fingerprint, _windows(head, head.fingerprint)


def decode_scores(value: bytes | None, content_type: str) -> Scores | Watermark:
    """Decode a message of the scores topic."""
    data = checks.sized(value)
    if content_type == WATERMARK:
        return parsed_watermark(data)
    if content_type == SCORES:
        return _scores(checks.from_msgpack(data, ScoreBlock))
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


def windows(topic: str, record: Windows, rows: slice, fingerprint: str) -> Outgoing:
    """Encode the given rows of windows."""
    head = WindowBlock(
        fingerprint=fingerprint,
        assets=list(record.assets),
        asset=record.asset[rows].astype("<i4").tobytes(),
        end_ms=record.end_ms[rows].astype("<i8").tobytes(),
        revision=record.revision[rows].astype("<i4").tobytes(),
        values=record.values[rows].astype("<f4").tobytes(),
    )
    return Outgoing(topic, record.assets[0].encode(), msgspec.msgpack.encode(head), WINDOWS)


def scores(topic: str, record: Scores) -> Outgoing:
    """Encode scores."""
    head = ScoreBlock(
        model=record.model,
        horizons_d=list(record.horizons_d),
        assets=list(record.assets),
        asset=record.asset.astype("<i4").tobytes(),
        end_ms=record.end_ms.astype("<i8").tobytes(),
        revision=record.revision.astype("<i4").tobytes(),
        risk=record.risk.astype("<f8").tobytes(),
        adapted=record.adapted.astype("<f8").tobytes(),
        scored_by=list(record.scored_by),
    )
    return Outgoing(topic, record.assets[0].encode(), msgspec.msgpack.encode(head), SCORES)


def alert(topic: str, record: Alert) -> Outgoing:
    """Encode an alert."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), ALERT)


def drift(topic: str, record: Drift) -> Outgoing:
    """Encode a drift signal."""
    return Outgoing(topic, (record.asset or record.sensor).encode(), msgspec.json.encode(record), DRIFT)


def control(topic: str, record: Control) -> Outgoing:
    """Encode a command to a replay."""
    return Outgoing(topic, b"", msgspec.json.encode(record), CONTROL)


def dead_letter(topic: str, record: DeadLetter) -> Outgoing:
    """Encode a dead letter."""
    return Outgoing(topic, record.key.encode(), msgspec.json.encode(record), DEAD_LETTER)


def promotion(topic: str, record: Promotion) -> Outgoing:
    """Encode a promotion, under a key of its own: compaction keeps every one."""
    key = f"{record.fleet}/{record.number}/{record.promoted_ms}"
    return Outgoing(topic, key.encode(), msgspec.json.encode(record), PROMOTION)


def assignment(topic: str, record: Assignment) -> Outgoing:
    """Encode an assignment, under a key of its own."""
    return Outgoing(topic, f"{record.role}/{record.offset}".encode(), msgspec.json.encode(record), ASSIGNMENT)


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


def _windows(head: WindowBlock, fingerprint: str) -> Windows:
    if head.fingerprint != fingerprint:
        raise RecordError(f"fingerprint {checks.clip(head.fingerprint)!r}: the model expects {fingerprint!r}")
    asset, end_ms, revision = _keys(head)
    features = checks.rows_of(head.values, "<f4", "values") // len(asset)
    values = checks.array(head.values, "<f4", len(asset) * features, "values").astype(np.float32)
    return Windows(tuple(head.assets), asset, end_ms, revision, values.reshape(len(asset), features))


def _scores(head: ScoreBlock) -> Scores:
    asset, end_ms, revision = _keys(head)
    rows, horizons = len(asset), tuple(head.horizons_d)
    risk = checks.array(head.risk, "<f8", rows * len(horizons), "risk").astype(np.float64)
    if not ((risk >= 0) & (risk <= 1)).all():
        raise RecordError("risk: expected probabilities from 0 to 1")
    adapted = checks.array(head.adapted, "<f8", rows, "adapted").astype(np.float64)
    risk = risk.reshape(rows, len(horizons))
    if len(head.scored_by) not in (0, len(head.assets)):
        raise RecordError(f"scored_by: {len(head.scored_by)} names for {len(head.assets)} assets")
    members = tuple(checks.clip(name) for name in head.scored_by)
    return Scores(head.model, horizons, tuple(head.assets), asset, end_ms, revision, risk, adapted, members)


def _keys(head: WindowBlock | ScoreBlock) -> tuple[Int32, Int64, Int32]:
    """Return the asset, window end and revision of each row, of which there is at least one."""
    rows = checks.rows_of(head.end_ms, "<i8", "end_ms")
    end_ms = checks.array(head.end_ms, "<i8", rows, "end_ms").astype(np.int64)
    revision = checks.array(head.revision, "<i4", rows, "revision").astype(np.int32)
    asset = checks.indices(head.asset, head.assets, rows)
    return asset, checks.times_in_range(end_ms, "end_ms"), revision
