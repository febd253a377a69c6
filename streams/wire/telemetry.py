"""What a source sends, read: named samples, blocks, events and watermarks of the telemetry topic.

The samples of a batch become one array, which is cut at events and watermarks only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples
from streams.records import Sample, Watermark
from streams.stage import Incoming
from streams.wire import blocks, codec
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.codec import BLOCK, EVENT, SAMPLE, WATERMARK
from streams.wire.columns import Found, Row, Rows, alone, joined
from streams.wire.sample_batch import SampleBatch

_MAX_PROBLEMS = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """An event or a watermark: what stands before it is done before what comes after."""

    message: Incoming
    record: Event | Watermark


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one telemetry message holds, and what of it could not be used."""

    record: Samples | Event | Watermark
    problems: tuple[str, ...] = ()


def decode_telemetry(received: Iterable[Incoming], fleet: Fleet) -> list[SampleBatch | Mark]:
    """Return what messages hold, in their order: samples between two marks together.

    The ``content-type`` tells the kind; none means one named sample in JSON. A block of several machines is a
    batch of its own. A message of which nothing can be used has a place, a problem and no rows.
    """
    sensors, out = len(fleet.sensors), list[SampleBatch | Mark]()
    waiting: list[tuple[Incoming, Found]] = []
    for message in received:
        found = _read(message, fleet)
        if isinstance(found, Event | Watermark):
            out += [*joined(waiting, sensors), Mark(message, found)]
        elif isinstance(found, Rows) and len(found.samples.assets) > 1:
            out += [*joined(waiting, sensors), alone(message, found)]
        else:
            waiting.append((message, found))
            continue
        waiting = []
    return [*out, *joined(waiting, sensors)]


def decode_one(message: Incoming, fleet: Fleet) -> Decoded:
    """Return what one message holds; raises RecordError where nothing of it can be used."""
    (found,) = decode_telemetry([message], fleet)
    if isinstance(found, Mark):
        return Decoded(found.record)
    problems = found.problems.get(0, ())
    if not len(found.samples):
        raise RecordError("; ".join(problems))
    return Decoded(found.samples, problems)


def _read(message: Incoming, fleet: Fleet) -> Found | Event | Watermark:
    try:
        return _one(checks.sized(message.value), message.content_type, fleet)
    except RecordError as error:
        return error


def _one(data: bytes, content_type: str, fleet: Fleet) -> Found | Event | Watermark:
    if content_type in ("", SAMPLE):
        return _plain_row(data, fleet) or _row(checks.from_json(data, Sample), fleet)
    if content_type == BLOCK:
        return Rows(*blocks.to_frames(checks.from_msgpack(data, Block), fleet))
    if content_type == EVENT:
        record = codec.parsed_event(data)
        checks.known_asset(record.asset, fleet)
        return record
    if content_type == WATERMARK:
        return codec.parsed_watermark(data)
    raise codec.unexpected(content_type, SAMPLE, BLOCK, EVENT, WATERMARK)


def _plain_row(data: bytes, fleet: Fleet) -> Row | None:
    """Return a sample of known sensors, as most gateways send; None where it is not as simple as that."""
    try:
        record = _plain_decoder(fleet.keys).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    checks.known_asset(record.asset, fleet)
    return Row(record.asset, checks.parse_time(record.time), msgspec.structs.astuple(record.values))


@functools.lru_cache(maxsize=8)
def _plain_decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder of samples that knows the sensors: a struct is read twice as fast as a mapping."""
    fields = [(f"s{i}", float | None, msgspec.field(default=None, name=key)) for i, key in enumerate(keys)]
    values = msgspec.defstruct("Values", fields, frozen=True, gc=False, forbid_unknown_fields=True)
    sample = [("asset", str), ("time", str | int), ("values", values)]
    return msgspec.json.Decoder(msgspec.defstruct("PlainSample", sample, frozen=True))


def _row(record: Sample, fleet: Fleet) -> Row:
    checks.known_asset(record.asset, fleet)
    ordered = [record.values.get(key) for key in fleet.keys]
    problems = tuple(_unknown(record.values, fleet))
    return Row(record.asset, checks.parse_time(record.time), ordered, problems)


def _unknown(values: Mapping[str, float | None], fleet: Fleet) -> list[str]:
    """Name the sensors that the fleet does not have, the first of them one by one."""
    unknown = sorted(values.keys() - set(fleet.keys))
    named = [f"values.{checks.clip(key)}: not a sensor of fleet {fleet.name}" for key in unknown]
    more = len(named) - _MAX_PROBLEMS
    return [*named[:_MAX_PROBLEMS], f"values: {more} more unknown sensors"] if more > 0 else named
