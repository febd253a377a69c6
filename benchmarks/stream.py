"""The features worker over a broker, against a Faust agent that does nothing with the same messages.

Messages are written first; then the consumer is started, and timed from its first commit to its last.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.load import START_MS, hours, seventy_sensors
from benchmarks.record import record
from chillcast.settings import Settings
from models.frames import Frames
from streams import children, messages
from streams.broker import EmbeddedBroker
from streams.connection import Connection
from streams.kafka_log import KafkaLog
from streams.messages import Sample
from streams.publisher import Publisher
from streams.stage import Outgoing
from streams.topics import Topics, create_topics
from tests.kafkad import KafkaServer, NotHereError

FLEET = seventy_sensors()


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[tuple[str, Connection]]:
    """Run Apache Kafka where it can be had, else the embedded broker."""
    try:
        with KafkaServer(folder / "kafka") as server:
            yield "Apache Kafka", Connection(server.bootstrap)
    except NotHereError as error:
        print(f"no Apache Kafka ({error}): the embedded broker takes its place")
        with EmbeddedBroker(folder / "broker.log") as embedded:
            yield "embedded broker", Connection(embedded.bootstrap)


def blocks(assets: int, hours_: int) -> Iterator[Outgoing]:
    """Yield one block of 60 samples per asset and hour."""
    for frames in hours(assets, hours_):
        for i in range(assets):
            rows = slice(60 * i, 60 * (i + 1))
            part = Frames(
                (frames.assets[i],), np.zeros(60, np.int32), frames.time_ms[rows], frames.values[rows]
            )
            yield messages.block("telemetry", part, FLEET.schema)


def samples(assets: int, count: int) -> Iterator[Outgoing]:
    """Yield single named samples, minute by minute."""
    values = {s.key: 20.125 + i for i, s in enumerate(FLEET.sensors)}
    for i in range(count):
        name, minute = f"u{i % assets}", i // assets
        yield messages.sample("telemetry", Sample(asset=name, time=START_MS + minute * 60_000, values=values))


def rate(connection: Connection, folder: Path, name: str, load: Sequence[Outgoing], *, works: bool) -> float:
    """Return messages a second of a worker, or of an agent that does nothing."""
    topics = Topics(f"{name}-")
    create_topics(connection, topics, 1)
    folder = folder / name
    folder.mkdir()
    (folder / "fleet.json").write_bytes(msgspec.json.encode(FLEET))
    with Publisher(connection) as publisher:
        for message in load:
            publisher.send(0, Outgoing(topics.telemetry, *_rest(message)))
    settings = Settings(
        home=str(folder),
        fleet=str(folder / "fleet.json"),
        broker=str(connection),
        partitions=1,
        topic_prefix=topics.prefix,
        session_timeout_s=6,
    )
    words = ["-m", "chillcast", "worker", "features"] if works else ["-m", "benchmarks.idle"]
    process = children.start([sys.executable, *words], folder / "log", settings.environment())
    try:
        return asyncio.run(_rate(connection, topics.telemetry, topics.group("features"), len(load)))
    finally:
        children.stop(process, 10.0)


def _rest(message: Outgoing) -> tuple[bytes, bytes, str]:
    return message.key, message.value, message.content_type


async def _rate(connection: Connection, topic: str, group: str, count: int) -> float:
    """Return messages a second between the first and the last commit of a group."""
    log, first, started = KafkaLog(connection, topic, group), 0, 0.0
    try:
        while True:
            done = await log.committed(0) or 0
            if done and not first:
                first, started = done, time.perf_counter()
            if done >= count:
                return (done - first) / (time.perf_counter() - started)
            await asyncio.sleep(0.02)
    finally:
        await log.stop()


def main() -> None:
    """Measure single samples and blocks against the agent that does nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as temporary,
        broker(Path(temporary)) as (kind, connection),
    ):
        folder = Path(temporary)
        print(f"on {kind}")
        for form, load in (
            ("single samples", list(samples(100, 80_000))),
            ("blocks of 60", list(blocks(50, 200))),
        ):
            slug = form.replace(" ", "-")
            idle = rate(connection, folder, f"{slug}-idle", load, works=False)
            worker = rate(connection, folder, f"{slug}-worker", load, works=True)
            record(f"{form}: features worker against an idle Faust agent, {kind}", worker, idle, "messages/s")
        record(f"blocks of 60: readings, {kind}", worker * 60 * 70, 20e6, "readings/s")


if __name__ == "__main__":
    main()
