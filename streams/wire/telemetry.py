"""What a source sends, read: named samples, blocks, events and watermarks of the telemetry topic.

The samples of a batch become one array, which is cut at events and watermarks only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples, value_type
from streams.records import Sample, Watermark
from streams.stage import Incoming
from streams.wire import blocks, codec
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.codec import BLOCK, EVENT, SAMPLE, WATERMARK
from streams.wire.columns import Found, Row, Rows, alone, joined
from streams.wire.problems import unknown_points
from streams.wire.sample_batch import SampleBatch
from streams.wire.spoilt_sample import spoilt_row


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


class TelemetryDecoder:
    """Reads messages of telemetry; those of samples in the form that the fleet file declares.

    The ``content-type`` tells the kind; none means samples, as does ``application/json``. What ``kin`` know,
    fleet files of the same machines with other sensors, is understood too, as far as the fleet has it.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.kin: tuple[Fleet, ...] = ()
        self._none = np.empty((0, len(fleet.sensors)), value_type(fleet.sensors))
        self._declared = _declared(fleet)

    def batches(self, received: Iterable[Incoming]) -> list[SampleBatch | Mark]:
        """Return what messages hold, in their order: samples between two marks together.

        A message of several machines is a batch of its own. One of which nothing can be used has a place, a
        problem and no rows.
        """
        out, waiting = list[SampleBatch | Mark](), list[tuple[Incoming, Found]]()
        for message in received:
            found = self._read(message)
            if isinstance(found, Event | Watermark):
                out += [*joined(waiting, self._none), Mark(message, found)]
            elif isinstance(found, Rows) and len(found.samples.assets) > 1:
                out += [*joined(waiting, self._none), alone(message, found)]
            else:
                waiting.append((message, found))
                continue
            waiting = []
        return [*out, *joined(waiting, self._none)]

    def one(self, message: Incoming) -> Decoded:
        """Return what one message holds; raises RecordError if nothing of it can be used."""
        (found,) = self.batches([message])
        if isinstance(found, Mark):
            return Decoded(found.record)
        problems = found.problems.get(0, ())
        if not len(found.samples):
            raise RecordError("; ".join(problems) or "no value of a known sensor")
        return Decoded(found.samples, problems)

    def _read(self, message: Incoming) -> Found | Event | Watermark:
        try:
            return self._one(checks.sized(message.value), message)
        except RecordError as error:
            return error

    def _one(self, data: bytes, message: Incoming) -> Found | Event | Watermark:
        kind = message.content_type
        if kind == BLOCK:
            return Rows(*blocks.to_samples(checks.from_msgpack(data, Block), self.fleet, self.kin))
        if kind == EVENT:
            record = codec.parsed_event(data)
            checks.known_asset(record.asset, self.fleet)
            return record
        if kind == WATERMARK:
            return codec.parsed_watermark(data)
        if self._declared:
            return self._declared(message)
        if kind in ("", SAMPLE):
            return _sample(data, self.fleet, self.kin)
        raise codec.unexpected(kind, SAMPLE, BLOCK, EVENT, WATERMARK)


def _declared(fleet: Fleet) -> Callable[[Incoming], Found] | None:
    """Return what reads the form that the fleet declares; None for our own, which needs no pyarrow."""
    if fleet.telemetry is None:
        return None
    from streams.wire.forms import Form  # noqa: PLC0415  (pyarrow: megabytes that most workers do not need)

    return Form(fleet, fleet.telemetry).read


def _sample(data: bytes, fleet: Fleet, kin: Sequence[Fleet]) -> Row:
    plain = _plain_row(data, fleet)
    if plain:
        return plain
    try:
        record = checks.from_json(data, Sample)
    except RecordError as error:
        return spoilt_row(data, fleet, error)
    return _row(record, fleet, kin)


def _plain_row(data: bytes, fleet: Fleet) -> Row | None:
    """Return a sample of known sensors, as most gateways send; None if it is not as simple as that."""
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


def _row(record: Sample, fleet: Fleet, kin: Sequence[Fleet]) -> Row:
    checks.known_asset(record.asset, fleet)
    ordered = [record.values.get(key) for key in fleet.keys]
    known = {key for one in (fleet, *kin) for key in one.keys}
    problems = unknown_points(record.values.keys() - known, fleet)
    return Row(record.asset, checks.parse_time(record.time), ordered, tuple(problems))
