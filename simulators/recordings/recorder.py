"""A recording made from the telemetry topic: each partition is a log of its own, kept in its order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.errors import RecordError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Int64, Samples, TimeSlice, join
from simulators.recordings.archive import RecordingManifest
from simulators.recordings.archiver import Archiver
from streams.records import Watermark
from streams.stage import Incoming
from streams.wire import blocks
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.codec import BLOCK
from streams.wire.telemetry import TelemetryDecoder

_FLUSH_ROWS = 65_536


class Recorder:
    """Takes the messages of every partition and writes them with an ``Archiver``.

    A row arrives when the stream says so: at the ``arrived_ms`` of its block, else as soon as its time, the
    times before it and the last watermark have passed. ``on_problem`` is told of the first message that could
    not be used for each reason.
    """

    def __init__(
        self, archiver: Archiver, fleet: Fleet, partitions: int, on_problem: Callable[[str], None]
    ) -> None:
        self.fleet, self.archiver, self._on_problem = fleet, archiver, on_problem
        self._decoder = TelemetryDecoder(fleet)
        self._logs = [_PartitionRecorder(f"partition-{p:04d}", archiver) for p in range(partitions)]
        self.refused = 0
        self._reasons: set[str] = set()

    @property
    def ended(self) -> bool:
        """Whether every partition has come to its end."""
        return all(log.ended for log in self._logs)

    @property
    def reached_ms(self) -> int:
        """The event time that some partition has come to."""
        return max(log.clock_ms for log in self._logs)

    def take(self, message: Incoming) -> None:
        """Take one message."""
        log = self._logs[message.partition]
        try:
            record, arrived_ms = self._read(message)
        except RecordError as error:
            self._refuse(message, str(error))
            return
        if isinstance(record, Samples):
            log.rows(record, arrived_ms)
        elif isinstance(record, Event):
            log.events.append(record)
        else:
            log.watermark(record)

    def finish(self, source: str) -> RecordingManifest:
        """Write what is left, and the manifest."""
        for log in self._logs:
            log.flush()
        return self.archiver.finish(source)

    def _refuse(self, message: Incoming, reason: str) -> None:
        self.refused += 1
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._on_problem(f"{message.topic}/{message.partition} offset {message.offset}: {reason}")

    def _read(self, message: Incoming) -> tuple[Samples | Event | Watermark, int | None]:
        if message.content_type == BLOCK:
            block = checks.from_msgpack(checks.sized(message.value), Block)
            return blocks.to_samples(block, self.fleet)[0], block.arrived_ms
        return self._decoder.one(message).record, None


class _PartitionRecorder:
    """One partition: its clock, and what is not written yet."""

    def __init__(self, name: str, archiver: Archiver) -> None:
        self.name, self.archiver = name, archiver
        self.clock_ms = 0
        self.ended = False
        self._written_ms = 0
        self.events: list[Event] = []
        self._frames: list[Samples] = []
        self._came: list[Int64] = []
        self._count = 0

    def rows(self, samples: Samples, arrived_ms: int | None) -> None:
        times = samples.time_ms if arrived_ms is None else np.full(len(samples), arrived_ms, np.int64)
        came = np.maximum.accumulate(np.maximum(times, self.clock_ms))
        if self._came and came[-1] // DAY_MS > self._came[0][0] // DAY_MS:
            self.flush()
        self.clock_ms = int(came[-1])
        self._frames.append(samples)
        self._came.append(came)
        self._count += len(samples)
        if self._count >= _FLUSH_ROWS:
            self.flush()

    def watermark(self, record: Watermark) -> None:
        self.clock_ms = max(self.clock_ms, record.time_ms)
        self.ended = self.ended or record.end

    def flush(self) -> None:
        """Write what was taken; a log that has told nothing yet has nothing to write."""
        if not self._count and not self.events:
            return
        came = np.concatenate(self._came) if self._came else np.array([], np.int64)
        end_ms = max(self.clock_ms, int(came[-1]) + 1 if len(came) else 0, 1)
        # The archiver is given what comes after what it has: an event may be older.
        start_ms = int(came[0]) if len(came) else max(self.events[0].time_ms, self._written_ms)
        samples = _joined(self._frames, len(self.archiver.fleet.keys))
        self.archiver.write(
            TimeSlice(start_ms, max(end_ms, start_ms + 1), samples, tuple(self.events), came), self.name
        )
        self._frames, self._came, self.events, self._count = [], [], [], 0
        self._written_ms = int(came[-1]) if len(came) else start_ms


def _joined(parts: list[Samples], sensors: int) -> Samples:
    """Return the rows of all parts under one table of their assets, in the order of their names."""
    names = tuple(sorted({name for part in parts for name in part.assets}))
    place = {name: i for i, name in enumerate(names)}
    tables = [np.array([place[name] for name in part.assets], np.int32) for part in parts]
    moved = [
        Samples(names, table[part.asset], part.time_ms, part.values)
        for table, part in zip(tables, parts, strict=True)
    ]
    none = Samples(names, np.empty(0, np.int32), np.empty(0, np.int64), np.empty((0, sensors), np.float32))
    return join([none, *moved])
