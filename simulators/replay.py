"""Replay: any source of slices onto the telemetry topic, hop by hop, never too far ahead of the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.fleet import Fleet
from models.frames import Event, Frames, Int64, Slice
from streams import messages
from streams.checks import CUT_BYTES
from streams.messages import Watermark
from streams.stage import Outgoing
from streams.topics import partition_of


@dataclass(frozen=True, slots=True)
class Hop:
    """What one partition has to say about the event time in [start_ms, end_ms)."""

    partition: int
    end_ms: int
    frames: Frames
    events: tuple[Event, ...]


def hops(slices: Iterable[Slice], fleet: Fleet, partitions: int) -> Iterator[list[Hop]]:
    """Cut slices into hops, and each hop into the partitions of its assets, in order of time."""
    hop_ms = fleet.sampling.hop_s * 1000
    for part in slices:
        homes = np.array([partition_of(a, partitions) for a in part.frames.assets], np.int64)
        home = homes[part.frames.asset]
        number = part.frames.time_ms // hop_ms
        for n in range(part.start_ms // hop_ms, -(-part.end_ms // hop_ms)):
            end_ms = min((n + 1) * hop_ms, part.end_ms)
            now = number == n
            events = [e for e in part.events if n * hop_ms <= e.time_ms < end_ms]
            yield [
                Hop(
                    p,
                    end_ms,
                    _rows(part.frames, np.flatnonzero(now & (home == p))),
                    _of(events, p, partitions),
                )
                for p in range(partitions)
            ]


def to_messages(hop: Hop, fleet: Fleet, telemetry: str) -> Iterator[Outgoing]:
    """Return a hop's blocks, events and watermark, in the order in which they are to be sent."""
    rows = max(1, CUT_BYTES // (4 * len(fleet.sensors) + 16))
    for start in range(0, len(hop.frames), rows):
        part = hop.frames.take(np.arange(start, min(start + rows, len(hop.frames))))
        yield messages.block(telemetry, part, fleet.schema)
    for event in hop.events:
        yield messages.event(telemetry, event)
    yield messages.watermark(telemetry, Watermark(hop.end_ms))


def replay(
    slices: Iterable[Slice],
    fleet: Fleet,
    *,
    partitions: int,
    telemetry: str,
    send: Callable[[int, Outgoing], None],
    pace: Callable[[int], None],
) -> None:
    """Send every hop with ``send``, calling ``pace`` with its end before it: pace may wait."""
    end_ms = 0
    for part in hops(slices, fleet, partitions):
        end_ms = part[0].end_ms
        pace(end_ms)
        for hop in part:
            for message in to_messages(hop, fleet, telemetry):
                send(hop.partition, message)
    for partition in range(partitions):
        send(partition, messages.watermark(telemetry, Watermark(end_ms, end=True)))


def _rows(frames: Frames, rows: Int64) -> Frames:
    """Return the given rows with a table of just their assets, so that a message names no others."""
    chosen = frames.take(rows)
    used, asset = np.unique(chosen.asset, return_inverse=True)
    names = tuple(frames.assets[i] for i in used.tolist())
    return Frames(names, asset.astype(np.int32), chosen.time_ms, chosen.values)


def _of(events: list[Event], partition: int, partitions: int) -> tuple[Event, ...]:
    return tuple(e for e in events if partition_of(e.asset, partitions) == partition)
