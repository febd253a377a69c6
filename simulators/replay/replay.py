"""Replay: any source of slices onto the telemetry topic, batch by batch, in the order of arrival.

What is sent depends on the source, the number of partitions and the length of a batch alone: not on the
speed, nor on how the source is cut into slices, as long as it is cut between two batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.errors import ConfigError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples, TimeSlice, value_type
from streams.kafka.topics import partition_of
from streams.records import Watermark
from streams.stage import Outgoing
from streams.wire import codec
from streams.wire.validation import CUT_BYTES


@dataclass(frozen=True, slots=True)
class ReplayBatch:
    """What arrives for one partition in [start_ms, end_ms)."""

    partition: int
    start_ms: int
    end_ms: int
    samples: Samples
    events: tuple[Event, ...]


def batch_ms_of(fleet: Fleet, batch_s: int | None = None) -> int:
    """Return the length of a batch: unless given one sampling period, a second at least.

    Raises ConfigError if it does not divide a hop, at whose end windows close.
    """
    found_ms = max(fleet.sampling.period_ms, 1000) if batch_s is None else batch_s * 1000
    if found_ms <= 0 or fleet.sampling.hop_s * 1000 % found_ms:
        expected = f"a divisor of {fleet.sampling.hop_s} s, one hop"
        raise ConfigError(
            "command line", "--batch", found_ms / 1000 if batch_s is None else batch_s, expected
        )
    return found_ms


def batches(slices: Iterable[TimeSlice], partitions: int, batch_ms: int) -> Iterator[list[ReplayBatch]]:
    """Cut slices into batches, each of every partition, in the order of arrival."""
    for part in slices:
        first, until = part.start_ms // batch_ms, -(-part.end_ms // batch_ms)
        samples, edges = _sorted(part, partitions, batch_ms)
        for n in range(first, until):
            start_ms, end_ms = max(n * batch_ms, part.start_ms), min((n + 1) * batch_ms, part.end_ms)
            events = [e for e in part.events if start_ms <= part.placed(e.time_ms) < end_ms]
            yield [
                ReplayBatch(
                    p, start_ms, end_ms, _rows(samples, *edges[at : at + 2]), _of(events, p, partitions)
                )
                for p, at in enumerate(range((n - first) * partitions, (n - first + 1) * partitions))
            ]


def to_messages(batch: ReplayBatch, fleet: Fleet, telemetry: str) -> Iterator[Outgoing]:
    """Return a batch's blocks and events, and a watermark where it ends a hop, in the order of sending."""
    rows = max(1, CUT_BYTES // (value_type(fleet.sensors).itemsize * len(fleet.sensors) + 16))
    for start in range(0, len(batch.samples), rows):
        part = batch.samples[start : start + rows]
        yield codec.block(telemetry, part, fleet.schema, batch.start_ms)
    for event in batch.events:
        yield codec.event(telemetry, event)
    if batch.end_ms % (fleet.sampling.hop_s * 1000) == 0:
        yield codec.watermark(telemetry, Watermark(batch.end_ms))


def replay(
    slices: Iterable[TimeSlice],
    fleet: Fleet,
    *,
    partitions: int,
    telemetry: str,
    send: Callable[[int, Outgoing], None],
    pace: Callable[[int], None],
    batch_s: int | None = None,
    reached_ms: int = 0,
) -> None:
    """Send every batch with ``send``, calling ``pace`` with its end before it: pace may wait.

    Where there is none, the end is told for ``reached_ms``.
    """
    end_ms = reached_ms
    for part in batches(slices, partitions, batch_ms_of(fleet, batch_s)):
        end_ms = part[0].end_ms
        pace(end_ms)
        for batch in part:
            for message in to_messages(batch, fleet, telemetry):
                send(batch.partition, message)
    end(partitions, telemetry, end_ms, send)


def end(partitions: int, telemetry: str, end_ms: int, send: Callable[[int, Outgoing], None]) -> None:
    """Tell every partition that nothing will follow."""
    for partition in range(partitions):
        send(partition, codec.watermark(telemetry, Watermark(end_ms, end=True)))


def _sorted(part: TimeSlice, partitions: int, batch_ms: int) -> tuple[Samples, list[int]]:
    """Return the rows by batch, partition and arrival, and where those of each batch and partition begin."""
    samples = part.samples
    came = np.clip(part.arrivals, part.start_ms, part.end_ms - 1)
    homes = np.array([partition_of(a, partitions) for a in samples.assets], np.int64)
    first = part.start_ms // batch_ms
    place = (came // batch_ms - first) * partitions + homes[samples.asset]
    order = np.lexsort((came, place))
    count = (-(-part.end_ms // batch_ms) - first) * partitions
    edges = np.searchsorted(place[order], np.arange(count + 1))
    return samples.take(order), edges.tolist()


def _rows(samples: Samples, start: int, end: int) -> Samples:
    """Return the given rows with a table of just their assets, so that a message names no others."""
    chosen = samples[start:end]
    used, asset = np.unique(chosen.asset, return_inverse=True)
    names = tuple(samples.assets[i] for i in used.tolist())
    return sorted_by_name(Samples(names, asset.astype(np.int32), chosen.time_ms, chosen.values))


def sorted_by_name(samples: Samples) -> Samples:
    """Return the same rows with a table of assets in the order of their names."""
    order = sorted(range(len(samples.assets)), key=lambda i: samples.assets[i])
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    names = tuple(samples.assets[i] for i in order)
    return Samples(names, rank[samples.asset], samples.time_ms, samples.values)


def _of(events: list[Event], partition: int, partitions: int) -> tuple[Event, ...]:
    return tuple(e for e in events if partition_of(e.asset, partitions) == partition)
