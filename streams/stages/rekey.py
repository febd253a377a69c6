"""A first hop: messages of a topic with any key, or none, become blocks of telemetry at home.

A producer that cannot send with the machine as key, or whose partitioner is another than Kafka's own, writes
to a topic of its own; what comes of it stands on the partition of each machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples, value_type
from streams.kafka.topics import Topics, partition_of
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import Mark, TelemetryDecoder
from streams.wire.validation import rows_within

_WATERMARK = "a watermark of this topic says nothing of partitions that others share: send it to telemetry"


class RekeyStage:
    """Sends the samples and events of one partition to the partitions of their machines, in order.

    Nothing is remembered. After a crash without transactions blocks may come twice, and cut otherwise: their
    readings are duplicates of themselves.
    """

    def __init__(self, fleet: Fleet, topics: Topics, partitions: int) -> None:
        self.fleet, self.topics, self.partitions = fleet, topics, partitions
        self.decoder = TelemetryDecoder(fleet)
        self._row_bytes = value_type(fleet.sensors).itemsize * len(fleet.sensors) + 12  # asset and time

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the blocks and events of consecutive messages, and the dead letters of what is of no use."""
        found = self.decoder.batches(received)
        for marked, some in groupby(found, lambda one: isinstance(one, Mark)):
            if marked:
                yield from (self._event(one) for one in some if isinstance(one, Mark))
            else:
                yield from self._samples([one for one in some if isinstance(one, SampleBatch)])

    def _event(self, mark: Mark) -> Outgoing:
        if isinstance(mark.record, Event):
            return self._home(codec.event(self.topics.telemetry, mark.record), mark.record.asset)
        return self._dead(mark.message, _WATERMARK)

    def _samples(self, batches: Sequence[SampleBatch]) -> Iterator[Outgoing]:
        for batch in batches:
            for i, problems in sorted(batch.problems.items()):
                yield self._dead(batch.messages[i], "; ".join(problems))
        samples = _joined([batch.samples for batch in batches])
        home = np.array([partition_of(name, self.partitions) for name in samples.assets], np.int64)
        most = rows_within(self._row_bytes, samples.assets) if samples.assets else 1
        for partition in np.unique(home).tolist():
            rows = np.flatnonzero(home[samples.asset] == partition)
            for start in range(0, len(rows), most):
                part = samples.narrowed(rows[start : start + most])
                out = codec.block(self.topics.telemetry, part, self.fleet.schema)
                yield self._home(out, part.assets[0])

    def _home(self, out: Outgoing, asset: str) -> Outgoing:
        partition = partition_of(asset, self.partitions)
        return Outgoing(out.topic, out.key, out.value, out.content_type, partition)

    def _dead(self, message: Incoming, reason: str) -> Outgoing:
        return codec.dead_letter(self.topics.dead_letters, codec.letter(message, reason))


def _joined(parts: Sequence[Samples]) -> Samples:
    """Return the rows of all parts, of which there is at least one, in their order."""
    table: Mapping[str, int] = {
        name: i for i, name in enumerate(dict.fromkeys(name for part in parts for name in part.assets))
    }
    codes = [np.array([table[name] for name in part.assets], np.int32) for part in parts]
    return Samples(
        tuple(table),
        np.concatenate([code[part.asset] for code, part in zip(codes, parts, strict=True)]),
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
