"""What other producers compress is read: by workers, by their logs, and by feeds."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, create_topics
from streams.stage import Outgoing
from tests.kafka.fault_run import Run, judge
from tests.kafka.toy import DAY_MS, PARTITIONS
from tests.kafka.undisturbed import replay_to
from tests.support.batches import CODECS, codecs_of, stored

VALUES = [f"{i:06d} ".encode() * 200 for i in range(300)]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("codecs") / "broker.log") as broker:
        yield Connection(broker.bootstrap)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Connection:
    found: Connection = request.getfixturevalue(request.param)
    return found


@asynccontextmanager
async def producing(connection: Connection, codec: str | None) -> AsyncIterator[AIOKafkaProducer]:
    sizes = {"linger_ms": 200, "max_batch_size": 262_144}
    producer = AIOKafkaProducer(**connection.aiokafka(), compression_type=codec, **sizes)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send_all(connection: Connection, topic: str, codec: str | None) -> None:
    async with producing(connection, codec) as producer:
        await asyncio.gather(*[await producer.send(topic, value, partition=0) for value in VALUES])


async def logged(connection: Connection, topic: str) -> list[bytes | None]:
    log = KafkaLog(connection, topic)
    try:
        return [message.value for message in await log.all(0)]
    finally:
        await log.stop()


def fed(connection: Connection, topic: str) -> list[bytes | None]:
    found: list[bytes | None] = []
    deadline = time.monotonic() + 20
    with Feed(connection, (topic,), 1, from_start=True) as feed:
        while len(found) < len(VALUES) and time.monotonic() < deadline:
            found += [message.value for message in feed.poll(0.5)]
    return found


@pytest.mark.parametrize("codec", CODECS)
def test_logs_and_feeds_read_what_a_producer_compressed(broker: Connection, codec: str) -> None:
    topics = Topics(f"by-{codec}-")
    create_topics(broker, topics, 1)
    asyncio.run(send_all(broker, topics.telemetry, codec))
    assert codecs_of(broker, topics.telemetry) == {codec}
    assert sum(b.nbytes for b in stored(broker, topics.telemetry)) < sum(map(len, VALUES)) / 10
    assert asyncio.run(logged(broker, topics.telemetry)) == VALUES
    assert fed(broker, topics.telemetry) == VALUES


@pytest.mark.kafka
@pytest.mark.parametrize("codec", CODECS)
def test_logs_and_feeds_read_what_the_broker_itself_compressed(kafka: Connection, codec: str) -> None:
    topics = Topics(f"java-{codec}-")
    create_topics(kafka, topics, 1)
    admin = KafkaAdminClient(**kafka.kafka_python())
    admin.alter_configs([ConfigResource("topic", topics.telemetry, configs={"compression.type": codec})])
    admin.close()
    asyncio.run(send_all(kafka, topics.telemetry, None))
    assert codecs_of(kafka, topics.telemetry) == {codec}
    assert asyncio.run(logged(kafka, topics.telemetry)) == VALUES
    assert fed(kafka, topics.telemetry) == VALUES


class Compressed(Run):
    """A run whose telemetry comes by every codec in turn, two days by each."""

    def publish(self) -> None:
        batches: list[list[tuple[int, Outgoing]]] = [[]]
        replay_to(
            self.topics,
            lambda partition, message: batches[-1].append((partition, message)),
            lambda end_ms: batches.append([]) if end_ms % (2 * DAY_MS) == 0 else None,
        )
        asyncio.run(self._send(batches))

    async def _send(self, batches: list[list[tuple[int, Outgoing]]]) -> None:
        async with AsyncExitStack() as stack:
            producers = [
                await stack.enter_async_context(producing(self.connection, codec)) for codec in CODECS
            ]
            for producer, sent in zip(itertools.cycle(producers), batches, strict=False):
                for partition, m in sent:
                    headers = [("content-type", m.content_type.encode())]
                    await producer.send(m.topic, m.value, m.key or None, partition, headers=headers)
                await producer.flush()


def test_a_worker_computes_the_same_windows_from_batches_of_every_codec(
    broker: Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    on_kafka = "kafka" in request.node.name
    run = Compressed(broker, tmp_path / "home", None, exactly_once=on_kafka, stages=("features",))
    with run.stack:
        run.thread.start()
        run.thread.join()
        for partition in range(PARTITIONS):
            assert codecs_of(broker, run.topics.telemetry, partition) >= set(
                CODECS
            )  # what would not shrink stays as it is
        (outcome,) = judge(run, "compressed", [run.workers()])
    assert outcome.is_right, outcome
    assert not run.alarms
