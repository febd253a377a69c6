"""What a source sends, read: named samples, blocks, events and watermarks of the telemetry topic.

The samples of a batch become one array, which is cut at events and watermarks only.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Float32, Int64, Samples
from streams.records import Sample, Watermark
from streams.stage import Incoming
from streams.wire import blocks, codec
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.codec import BLOCK, EVENT, SAMPLE, WATERMARK
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


class _Row(NamedTuple):
    """One sample in the fleet's order, before it is an array."""

    asset: str
    time_ms: int
    values: Sequence[float | None]
    problems: tuple[str, ...] = ()


class _Rows(NamedTuple):
    """The rows of one block."""

    samples: Samples
    problems: tuple[str, ...] = ()


_Found = _Row | _Rows | RecordError | Event | Watermark


class _Columns(NamedTuple):
    """Samples of a few consecutive messages, each of one machine or without rows."""

    names: Sequence[tuple[str, ...]]
    rows: Sequence[int]
    time_ms: Int64
    values: Float32
    problems: Sequence[tuple[str, ...]]


def decode_telemetry(received: Iterable[Incoming], fleet: Fleet) -> list[SampleBatch | Mark]:
    """Return what messages hold, in their order: samples between two marks together.

    The ``content-type`` tells the kind; none means one named sample in JSON. A block of several machines is a
    batch of its own. A message of which nothing can be used has a place, a problem and no rows.
    """
    found = ((message, _read(message, fleet)) for message in received)
    out: list[SampleBatch | Mark] = []
    for joins, some in itertools.groupby(found, lambda one: _joins(one[1])):
        out += [_joined(list(some), len(fleet.sensors))] if joins else itertools.starmap(_alone, some)
    return out


def decode_one(message: Incoming, fleet: Fleet) -> Decoded:
    """Return what one message holds; raises RecordError where nothing of it can be used."""
    (found,) = decode_telemetry([message], fleet)
    if isinstance(found, Mark):
        return Decoded(found.record)
    problems = found.problems.get(0, ())
    if not len(found.samples):
        raise RecordError("; ".join(problems))
    return Decoded(found.samples, problems)


def _read(message: Incoming, fleet: Fleet) -> _Found:
    try:
        return _one(checks.sized(message.value), message.content_type, fleet)
    except RecordError as error:
        return error


def _one(data: bytes, content_type: str, fleet: Fleet) -> _Found:
    if content_type in ("", SAMPLE):
        return _plain_row(data, fleet) or _row(checks.from_json(data, Sample), fleet)
    if content_type == BLOCK:
        return _Rows(*blocks.to_frames(checks.from_msgpack(data, Block), fleet))
    if content_type == EVENT:
        record = codec.parsed_event(data)
        checks.known_asset(record.asset, fleet)
        return record
    if content_type == WATERMARK:
        return codec.parsed_watermark(data)
    raise codec.unexpected(content_type, SAMPLE, BLOCK, EVENT, WATERMARK)


def _joins(found: _Found) -> bool:
    """Return whether a message's rows are put together with those of its neighbours."""
    if isinstance(found, _Rows):
        return len(found.samples.assets) == 1
    return isinstance(found, _Row | RecordError)


def _alone(message: Incoming, found: _Found) -> SampleBatch | Mark:
    if isinstance(found, Event | Watermark):
        return Mark(message, found)
    assert isinstance(found, _Rows)
    first, problems = np.array([0, len(found.samples)]), {0: found.problems} if found.problems else {}
    return SampleBatch([message], [found.samples.assets], first, found.samples, problems)


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


def _joined(found: Sequence[tuple[Incoming, _Found]], sensors: int) -> SampleBatch:
    """Put the rows of messages together, one after the other."""
    parts = [
        part
        for kind, some in itertools.groupby((part for _, part in found), type)
        for part in _columns(kind, list(some), sensors)
    ]
    names = [name for part in parts for name in part.names]
    rows = [n for part in parts for n in part.rows]
    table: dict[str, int] = {}
    codes = [table.setdefault(name, len(table)) for some in names for name in some]
    asset = np.repeat(np.array(codes, np.int32), [n for n in rows if n])
    time_ms, values = (
        (parts[0].time_ms, parts[0].values)
        if len(parts) == 1
        else (np.concatenate([p.time_ms for p in parts]), np.concatenate([p.values for p in parts]))
    )
    problems = enumerate(itertools.chain.from_iterable(part.problems for part in parts))
    return SampleBatch(
        [message for message, _ in found],
        names,
        np.concatenate([[0], np.cumsum(rows)]),
        Samples(tuple(table), asset, time_ms, values),
        {i: some for i, some in problems if some},
    )


def _columns(kind: type, found: list[Any], sensors: int) -> Iterator[_Columns]:
    """Yield the columns of consecutive messages of one kind."""
    if kind is _Row:
        yield _of_rows(found)
    elif kind is _Rows:
        for samples, problems in found:
            yield _Columns([samples.assets], [len(samples)], samples.time_ms, samples.values, [problems])
    else:
        problems = [(str(error),) for error in found]
        none = np.empty(0, np.int64), np.empty((0, sensors), np.float32)
        yield _Columns([()] * len(found), [0] * len(found), *none, problems)


def _of_rows(rows: Sequence[_Row]) -> _Columns:
    """Return samples as columns; what is too large for float32 is missing."""
    with np.errstate(over="ignore"):
        values = np.array([row.values for row in rows], np.float64).astype(np.float32)  # None becomes NaN
    time_ms = np.array([row.time_ms for row in rows], np.int64)
    names: list[tuple[str, ...]] = [(row.asset,) for row in rows]
    problems = [row.problems for row in rows]
    for i in np.flatnonzero(np.logical_or.reduce(np.isinf(values), axis=1)).tolist():
        problems[i] += blocks.clear_infinite(values[i : i + 1])
    usable = np.logical_or.reduce(np.isfinite(values), axis=1)
    if usable.all():
        return _Columns(names, [1] * len(rows), time_ms, values, problems)
    for i in np.flatnonzero(~usable).tolist():
        names[i] = ()
        problems[i] = ("; ".join([*problems[i], "no finite value of a known sensor"]),)
    return _Columns(names, usable.astype(int).tolist(), time_ms[usable], values[usable], problems)
