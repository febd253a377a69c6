"""A fleet minute by minute with all dirt, into a recording and into blocks, in readings per second and core.

200 machines of 70 sensors, a day at a time. Time is the processor time of this process, all threads together,
so that a figure is per core; physics is not part of it. Baselines of the same run: Arrow writing the clean
values alone, and one copy of them.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.load import SENSORS, START_MS, seventy_sensors
from benchmarks.record import peak_bytes, record
from models.event_time import DAY_MS
from models.telemetry.samples import Float32, Samples, TimeSlice
from simulators.dirt.dirt import Dirt, corrupt
from simulators.recordings.archiver import Archiver
from simulators.recordings.digest import Digest
from simulators.replay.replay import replay
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, wait_for_broker

ASSETS, DAYS = 200, 4
FLEET = seventy_sensors()
DIRT = Dirt(
    missing_samples=0.01,
    missing_values=0.01,
    zeros=0.0005,
    late=0.005,
    out_of_order=0.002,
    duplicates=0.002,
    skew_s=120.0,
    hour_errors=0.05,
    unit_swaps=0.02,
)
READINGS = ASSETS * 1440 * SENSORS


@functools.cache
def a_day() -> Float32:
    """Return a day of values that wander, rounded to 0.1."""
    rng = np.random.default_rng(1)
    wander = 5 * np.sin(np.arange(ASSETS * 1440) / 200)[:, None]
    noise = rng.normal(20, 0.3, (ASSETS * 1440, SENSORS))
    return np.asarray(np.rint((noise + wander) * 10) / 10, np.float32)


def days(count: int) -> Iterator[TimeSlice]:
    """Yield days of the same values."""
    values = a_day()
    asset = np.repeat(np.arange(ASSETS, dtype=np.int32), 1440)
    minute = np.tile(np.arange(1440, dtype=np.int64), ASSETS) * 60_000
    names = tuple(f"u{i}" for i in range(ASSETS))
    first_ms = START_MS // DAY_MS * DAY_MS
    for day in range(count):
        start_ms = first_ms + day * DAY_MS
        yield TimeSlice(start_ms, start_ms + DAY_MS, Samples(names, asset, minute + start_ms, values))


def rate(what: Callable[[int], None]) -> float:
    """Return readings per second of processor time; one day first warms up."""
    what(1)
    started = time.process_time()
    what(DAYS)
    return DAYS * READINGS / (time.process_time() - started)


def writing(count: int) -> None:
    """Write a corrupted recording, and fingerprint it."""
    with tempfile.TemporaryDirectory() as folder, Archiver(Path(folder) / "r", FLEET) as archiver:
        digest = Digest()
        for part in corrupt(days(count), DIRT, FLEET, 1):
            digest.add(part)
            archiver.write(part)
        archiver.finish("benchmark", digest.hexdigest())


def plain(count: int) -> None:
    """Let Arrow write the clean values."""
    with tempfile.TemporaryDirectory() as folder:
        for i, part in enumerate(days(count)):
            columns = np.ascontiguousarray(part.samples.values.T)
            table = pa.Table.from_arrays([pa.array(c) for c in columns], names=list(FLEET.keys))
            options = {"compression": "zstd", "compression_level": 1, "row_group_size": 65_536}
            pq.write_table(table, f"{folder}/{i}.parquet", **options)


def copying(count: int) -> None:
    """Copy the values once."""
    for part in days(count):
        part.samples.values.copy()


def sending(publisher: Publisher, topic: str) -> Callable[[int], None]:
    """Send corrupted blocks, one sampling period in each, to a broker."""

    def send(count: int) -> None:
        source = corrupt(days(count), DIRT, FLEET, 1)
        replay(source, FLEET, partitions=2, telemetry=topic, send=publisher.send, pace=lambda _: None)
        publisher.flush()

    return send


def soiling(count: int) -> None:
    """Only put the dirt on."""
    for _ in corrupt(days(count), DIRT, FLEET, 1):
        pass


def main() -> None:
    """Measure and record."""
    record("dirt against one copy", rate(soiling), rate(copying), "readings/s")
    record("recording with dirt against Arrow alone", rate(writing), rate(plain), "readings/s")
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker(Path(folder) / "broker.log") as broker:
        connection, topics = Connection(broker.bootstrap), Topics("bench.")
        wait_for_broker(connection, lambda _: None, 60.0)
        create_topics(connection, topics, 2)
        with Publisher(connection) as publisher:
            blocks = rate(sending(publisher, topics.telemetry))
        record("blocks with dirt sent against one copy", blocks, rate(copying), "readings/s")
    writing(2)
    two_mb = peak_bytes() / 2**20
    writing(12)
    record("memory of recording 12 days against 2", peak_bytes() / 2**20, two_mb, "MB")


if __name__ == "__main__":
    main()
