"""What a source sends, read: named samples, blocks, events and watermarks of the telemetry topic.

The samples of a batch become one array: made one by one, their arrays would cost more than reading them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples
from streams.records import Sample, Watermark
from streams.stage import Incoming
from streams.wire import blocks, codec
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.codec import BLOCK, EVENT, SAMPLE, WATERMARK

_MAX_PROBLEMS = 16
_FIRST = np.zeros(1, np.int32)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a telemetry message holds, and what of it could not be used."""

    record: Samples | Event | Watermark
    problems: tuple[str, ...] = ()


class _Row(NamedTuple):
    """One sample in the fleet's order, before it is an array."""

    asset: str
    time_ms: int
    values: Sequence[float | None]
    problems: tuple[str, ...] = ()


def decode_telemetry(received: Iterable[Incoming], fleet: Fleet) -> list[Decoded | RecordError]:
    """Return what each message holds, or why nothing of it can be used.

    The ``content-type`` tells the kind; none means one named sample in JSON.
    """
    found = [_read(message, fleet) for message in received]
    framed = _framed([row for row in found if isinstance(row, _Row)])
    return [next(framed) if isinstance(one, _Row) else one for one in found]


def _read(message: Incoming, fleet: Fleet) -> Decoded | _Row | RecordError:
    try:
        return _one(checks.sized(message.value), message.content_type, fleet)
    except RecordError as error:
        return error


def _one(data: bytes, content_type: str, fleet: Fleet) -> Decoded | _Row:
    if content_type in ("", SAMPLE):
        return _plain_row(data, fleet) or _row(checks.from_json(data, Sample), fleet)
    if content_type == BLOCK:
        return Decoded(*blocks.to_frames(checks.from_msgpack(data, Block), fleet))
    if content_type == EVENT:
        record = codec.parsed_event(data)
        checks.known_asset(record.asset, fleet)
        return Decoded(record)
    if content_type == WATERMARK:
        return Decoded(codec.parsed_watermark(data))
    raise codec.unexpected(content_type, SAMPLE, BLOCK, EVENT, WATERMARK)


def _plain_row(data: bytes, fleet: Fleet) -> _Row | None:
    """Return a sample of known sensors, as most gateways send; None where it is not as simple as that."""
    try:
        record = _plain_decoder(fleet.keys).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    checks.known_asset(record.asset, fleet)
    return _Row(record.asset, checks.parse_time(record.time), msgspec.structs.astuple(record.values))


@functools.lru_cache(maxsize=8)
def _plain_decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder of samples that knows the sensors: a struct is read twice as fast as a mapping."""
    fields = [(f"s{i}", float | None, msgspec.field(default=None, name=key)) for i, key in enumerate(keys)]
    values = msgspec.defstruct("Values", fields, frozen=True, gc=False, forbid_unknown_fields=True)
    sample = [("asset", str), ("time", str | int), ("values", values)]
    return msgspec.json.Decoder(msgspec.defstruct("PlainSample", sample, frozen=True))


def _row(record: Sample, fleet: Fleet) -> _Row:
    checks.known_asset(record.asset, fleet)
    ordered = [record.values.get(key) for key in fleet.keys]
    problems = tuple(_unknown(record.values, fleet))
    return _Row(record.asset, checks.parse_time(record.time), ordered, problems)


def _unknown(values: Mapping[str, float | None], fleet: Fleet) -> list[str]:
    """Name the sensors that the fleet does not have, the first of them one by one."""
    unknown = sorted(values.keys() - set(fleet.keys))
    named = [f"values.{checks.clip(key)}: not a sensor of fleet {fleet.name}" for key in unknown]
    more = len(named) - _MAX_PROBLEMS
    return [*named[:_MAX_PROBLEMS], f"values: {more} more unknown sensors"] if more > 0 else named


def _framed(rows: Sequence[_Row]) -> Iterator[Decoded | RecordError]:
    """Yield rows as samples that share their arrays; what is too large for float32 is missing."""
    if not rows:
        return
    with np.errstate(over="ignore"):
        values = np.array([row.values for row in rows], np.float64).astype(np.float32)  # None becomes NaN
    time_ms = np.array([row.time_ms for row in rows], np.int64)
    usable = np.logical_or.reduce(np.isfinite(values), axis=1).tolist()
    infinite = np.logical_or.reduce(np.isinf(values), axis=1).tolist()
    for i, row in enumerate(rows):
        part = slice(i, i + 1)
        problems = row.problems + (blocks.clear_infinite(values[part]) if infinite[i] else ())
        if usable[i]:
            yield Decoded(Samples((row.asset,), _FIRST, time_ms[part], values[part]), problems)
        else:
            yield RecordError("; ".join([*problems, "no finite value of a known sensor"]))
