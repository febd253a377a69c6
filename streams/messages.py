"""What travels on the topics: the codec of every kind of message, checked before it is believed.

Things that people read are JSON; blocks of numbers are a MessagePack header with little-endian arrays. The
``content-type`` header names the codec. Whatever cannot be understood raises RecordError with its reason.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from models.errors import RecordError
from models.fleet import Fleet
from models.frames import Event, Float64, Frames, Int32, Int64
from models.kernel import Windows
from streams.stage import Incoming, Outgoing

SAMPLE = "application/json"
BLOCK = "application/vnd.chillcast.block.v1+msgpack"
EVENT = "application/vnd.chillcast.event.v1+json"
WATERMARK = "application/vnd.chillcast.watermark.v1+json"
WINDOWS = "application/vnd.chillcast.windows.v1+msgpack"
SCORES = "application/vnd.chillcast.scores.v1+msgpack"
ALERT = "application/vnd.chillcast.alert.v1+json"
DRIFT = "application/vnd.chillcast.drift.v1+json"
DEAD_LETTER = "application/vnd.chillcast.dead-letter.v1+json"

MAX_BYTES = 4 * 1024 * 1024
_MAX_PAYLOAD_BYTES = 64 * 1024
_LATEST_MS = 7_258_118_400_000  # the year 2200

T = TypeVar("T")


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message; fields it does not know are ignored, so that a newer sender does no harm."""


class Sample(_Message, frozen=True):
    """One named sample of one asset, as a gateway sends it; null is missing."""

    asset: str
    time: str | int
    values: dict[str, float | None]


class Block(_Message, frozen=True):
    """Rows of several assets: ``asset`` int32, ``time_ms`` int64, ``values`` float32 (rows, sensors)."""

    schema: str
    assets: list[str]
    asset: bytes
    time_ms: bytes
    values: bytes


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
    """Scores: as `WindowBlock`, with ``risk`` float64 of (n, horizons) and ``adapted`` float64 of (n,)."""

    model: str
    horizons_d: list[float]
    assets: list[str]
    asset: bytes
    end_ms: bytes
    revision: bytes
    risk: bytes
    adapted: bytes


class SensorReason(_Message, frozen=True):
    """One sensor behind a case; ``value`` and ``baseline`` null where the sensor said nothing."""

    key: str
    label: str
    unit: str
    value: float | None
    baseline: float | None
    contribution: float


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
    def of(cls, message: Incoming, reason: str) -> DeadLetter:
        """Make the dead letter of a message; the payload is cut at 64 kB."""
        return cls(
            reason=reason,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            key=(message.key or b"").decode("utf-8", "replace"),
            content_type=message.content_type,
            payload=base64.b64encode((message.value or b"")[:_MAX_PAYLOAD_BYTES]).decode(),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """Risks (n, H) of ``n`` windows by one model version, and the online-adapted risk (n,)."""

    model: str
    horizons_d: tuple[float, ...]
    assets: tuple[str, ...]
    asset: Int32
    end_ms: Int64
    revision: Int32
    risk: Float64
    adapted: Float64

    def __len__(self) -> int:
        return len(self.asset)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a telemetry message holds, and what of it could not be used."""

    record: Frames | Event | Watermark
    problems: tuple[str, ...] = ()


def decode_telemetry(value: bytes | None, content_type: str, fleet: Fleet) -> Decoded:
    """Decode a message of the telemetry topic; no header means one named sample in JSON.

    Raises RecordError where nothing of it can be used.
    """
    data = _sized(value)
    if content_type in ("", SAMPLE):
        return _sample(_json(data, Sample), fleet)
    if content_type == BLOCK:
        return _block(_msgpack(data, Block), fleet)
    if content_type == EVENT:
        return Decoded(_event(data, fleet))
    if content_type == WATERMARK:
        return Decoded(_watermark(data))
    raise RecordError(
        f"content-type {content_type!r}: expected one of {', '.join((SAMPLE, BLOCK, EVENT, WATERMARK))}"
    )


def decode_features(value: bytes | None, content_type: str, fingerprint: str) -> Windows | Event | Watermark:
    """Decode a message of the features topic, refusing windows of another feature schema."""
    data = _sized(value)
    if content_type == EVENT:
        return _json(data, Event)
    if content_type == WATERMARK:
        return _watermark(data)
    if content_type != WINDOWS:
        raise RecordError(f"content-type {content_type!r}: expected {WINDOWS}")
    head = _msgpack(data, WindowBlock)
    if head.fingerprint != fingerprint:
        raise RecordError(f"fingerprint {head.fingerprint!r}: the model expects {fingerprint!r}")
    asset, end_ms, revision = _keys(head)
    values = _matrix(head.values, np.dtype("<f4"), len(asset), "values")
    return Windows(tuple(head.assets), asset, end_ms, revision, values)


def decode_scores(value: bytes | None, content_type: str) -> Scores | Watermark:
    """Decode a message of the scores topic."""
    data = _sized(value)
    if content_type == WATERMARK:
        return _watermark(data)
    if content_type != SCORES:
        raise RecordError(f"content-type {content_type!r}: expected {SCORES}")
    head = _msgpack(data, ScoreBlock)
    asset, end_ms, revision = _keys(head)
    risk = _matrix(head.risk, np.dtype("<f8"), len(asset), "risk")
    adapted = _array(head.adapted, np.dtype("<f8"), "adapted")
    if risk.shape[1] != len(head.horizons_d) or len(adapted) != len(asset):
        raise RecordError(f"risk {risk.shape}, adapted {adapted.shape}: expected {len(asset)} rows")
    horizons = tuple(head.horizons_d)
    return Scores(head.model, horizons, tuple(head.assets), asset, end_ms, revision, risk, adapted)


def decode_json(value: bytes | None, kind: type[T]) -> T:
    """Decode an alert, drift signal, event or dead letter."""
    return _json(_sized(value), kind)


def sample(topic: str, record: Sample) -> Outgoing:
    """Encode one named sample."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), SAMPLE)


def block(topic: str, frames: Frames, schema: str) -> Outgoing:
    """Encode rows of one or several assets."""
    head = Block(
        schema=schema,
        assets=list(frames.assets),
        asset=frames.asset.astype("<i4").tobytes(),
        time_ms=frames.time_ms.astype("<i8").tobytes(),
        values=np.ascontiguousarray(frames.values, "<f4").tobytes(),
    )
    return Outgoing(topic, frames.assets[0].encode(), msgspec.msgpack.encode(head), BLOCK)


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
    )
    return Outgoing(topic, record.assets[0].encode(), msgspec.msgpack.encode(head), SCORES)


def alert(topic: str, record: Alert) -> Outgoing:
    """Encode an alert."""
    return Outgoing(topic, record.asset.encode(), msgspec.json.encode(record), ALERT)


def drift(topic: str, record: Drift) -> Outgoing:
    """Encode a drift signal."""
    return Outgoing(topic, (record.asset or record.sensor).encode(), msgspec.json.encode(record), DRIFT)


def dead_letter(topic: str, record: DeadLetter) -> Outgoing:
    """Encode a dead letter."""
    return Outgoing(topic, record.key.encode(), msgspec.json.encode(record), DEAD_LETTER)


def _sized(value: bytes | None) -> bytes:
    if not value:
        raise RecordError("empty message")
    if len(value) > MAX_BYTES:
        raise RecordError(f"{len(value)} bytes: expected at most {MAX_BYTES}")
    return value


def _json(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not a {kind.__name__.lower()} in JSON: {error}") from error


def _msgpack(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not a {kind.__name__.lower()} in MessagePack: {error}") from error


def _sample(record: Sample, fleet: Fleet) -> Decoded:
    time_ms = _time_ms(record.time)
    _known(record.asset, fleet)
    unknown = [key for key in record.values if key not in fleet.keys]
    problems = tuple(f"values.{key}: not a sensor of fleet {fleet.name}" for key in unknown)
    row = _ordered(record.values, fleet)
    if not np.isfinite(row).any():
        raise RecordError("; ".join([*problems, "no finite value of a known sensor"]))
    return Decoded(
        Frames((record.asset,), np.zeros(1, np.int32), np.array([time_ms]), row[None, :]), problems
    )


def _ordered(values: Mapping[str, float | None], fleet: Fleet) -> npt.NDArray[np.float32]:
    ordered = [values.get(key) for key in fleet.keys]
    with np.errstate(over="ignore"):
        return np.array([np.nan if v is None else v for v in ordered], np.float64).astype(np.float32)


def _block(head: Block, fleet: Fleet) -> Decoded:
    if head.schema != fleet.schema:
        raise RecordError(f"schema {head.schema!r}: fleet {fleet.name} has {fleet.schema!r}")
    for name in head.assets:
        _known(name, fleet)
    asset = _codes(head.asset, head.assets)
    time_ms = _array(head.time_ms, np.dtype("<i8"), "time_ms").astype(np.int64)
    if len(time_ms) != len(asset) or not len(asset):
        raise RecordError(
            f"time_ms has {len(time_ms)} rows, asset has {len(asset)}: expected as many, at least 1"
        )
    if time_ms.min() <= 0 or time_ms.max() >= _LATEST_MS:
        raise RecordError(f"time_ms {int(time_ms.min())}–{int(time_ms.max())}: expected 1970 to 2200")
    values = _matrix(head.values, np.dtype("<f4"), len(asset), "values").astype(np.float32)
    if values.shape[1] != len(fleet.sensors):
        raise RecordError(f"{values.shape[1]} values a row: expected {len(fleet.sensors)}")
    if not np.isfinite(values).any():
        raise RecordError(f"none of {values.size} values is finite")
    return Decoded(Frames(tuple(head.assets), asset, time_ms, values))


def _event(data: bytes, fleet: Fleet) -> Event:
    record = _json(data, Event)
    _known(record.asset, fleet)
    return Event(_in_range(record.time_ms), record.asset, record.kind, record.code)


def _watermark(data: bytes) -> Watermark:
    record = _json(data, Watermark)
    _in_range(record.time_ms)
    return record


def _known(asset: str, fleet: Fleet) -> None:
    if not fleet.knows(asset):
        raise RecordError(f"asset {asset[:200]!r}: expected a name like {fleet.asset_pattern}")


def _time_ms(value: str | int) -> int:
    if isinstance(value, int):
        return _in_range(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise RecordError(f"time {value[:80]!r}: expected ISO 8601 with an offset, or UTC ms") from error
    if moment.tzinfo is None:
        raise RecordError(f"time {value!r}: expected an offset from UTC, as in {value}Z")
    return _in_range(int(moment.timestamp() * 1000))


def _in_range(time_ms: int) -> int:
    if not 0 < time_ms < _LATEST_MS:
        raise RecordError(f"time {time_ms}: expected milliseconds between 1970 and 2200")
    return time_ms


def _keys(head: WindowBlock | ScoreBlock) -> tuple[Int32, Int64, Int32]:
    asset = _codes(head.asset, head.assets)
    end_ms = _array(head.end_ms, np.dtype("<i8"), "end_ms").astype(np.int64)
    revision = _array(head.revision, np.dtype("<i4"), "revision").astype(np.int32)
    if not len(asset) == len(end_ms) == len(revision):
        raise RecordError(f"asset, end_ms, revision have {len(asset)}, {len(end_ms)}, {len(revision)} rows")
    return asset, end_ms, revision


def _codes(data: bytes, assets: list[str]) -> Int32:
    asset = _array(data, np.dtype("<i4"), "asset").astype(np.int32)
    if len(asset) and (asset.min() < 0 or asset.max() >= len(assets)):
        raise RecordError(
            f"asset {int(asset.min())}–{int(asset.max())}: expected indices below {len(assets)}"
        )
    if len(set(assets)) != len(assets):
        raise RecordError("assets: expected distinct names")
    return asset


def _array(data: bytes, kind: np.dtype[Any], name: str) -> npt.NDArray[Any]:
    if len(data) % kind.itemsize:
        raise RecordError(f"{name}: {len(data)} bytes, expected a multiple of {kind.itemsize}")
    return np.frombuffer(data, kind)


def _matrix(data: bytes, kind: np.dtype[Any], rows: int, name: str) -> npt.NDArray[Any]:
    flat = _array(data, kind, name)
    if not rows or len(flat) % rows:
        raise RecordError(f"{name}: {len(flat)} numbers do not divide into {rows} rows")
    return flat.reshape(rows, -1)
