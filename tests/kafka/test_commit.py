"""One contract over both ways to commit: transactions on Apache Kafka, the idempotent path on either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.errors import ProducerFenced

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, create_topics
from streams.stage import Outgoing
from streams.worker.commit import (
    CommitBatch,
    Committer,
    Idempotent,
    LostPartitionError,
    Transactions,
)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("commit") / "broker.log") as broker:
        yield Connection(broker.bootstrap)


Way = tuple[Connection, Callable[[Connection, str], Committer]]


@pytest.fixture(
    params=[
        "idempotent on embedded",
        pytest.param("idempotent on kafka", marks=pytest.mark.kafka),
        pytest.param("transactions", marks=pytest.mark.kafka),
    ]
)
def way(request: pytest.FixtureRequest) -> Way:
    place = "embedded" if "embedded" in request.param else "kafka"
    connection = request.getfixturevalue(place)
    return connection, Transactions if request.param == "transactions" else Idempotent


def batch(topics: Topics, text: str, offset: int = 1) -> CommitBatch:
    state = [Outgoing(topics.compacted[0], b"k", text.encode(), "x")]
    return CommitBatch(
        topics.telemetry, 0, offset, [Outgoing(topics.features, b"a", text.encode(), "x")], state
    )


def prepared(connection: Connection, tmp_path: Path) -> Topics:
    topics = Topics(f"{tmp_path.name}-")
    create_topics(connection, topics, 1)
    return topics


async def values(connection: Connection, topic: str) -> list[bytes | None]:
    log = KafkaLog(connection, topic)
    found = [m.value async for part in log.read(0, 0, await log.end(0)) for m in part]
    await log.stop()
    return found


def test_a_batch_is_there_with_its_state_when_the_commit_returns(way: Way, tmp_path: Path) -> None:
    connection, create = way
    topics = prepared(connection, tmp_path)

    async def go() -> None:
        committer = create(connection, topics.prefix)
        await committer.open(topics.telemetry, 0)
        await committer.commit(batch(topics, "one"), lambda: True)
        await committer.close()
        assert await values(connection, topics.features) == [b"one"]
        assert await values(connection, topics.compacted[0]) == [b"one"]

    asyncio.run(go())


def test_what_was_computed_for_a_lost_partition_leaves_no_state(way: Way, tmp_path: Path) -> None:
    connection, create = way
    topics = prepared(connection, tmp_path)

    async def go() -> None:
        committer = create(connection, topics.prefix)
        await committer.open(topics.telemetry, 0)
        with pytest.raises(LostPartitionError):
            await committer.commit(batch(topics, "lost"), lambda: False)
        await committer.commit(batch(topics, "kept"), lambda: True)
        await committer.close()
        assert await values(connection, topics.compacted[0]) == [b"kept"]
        if committer.exactly_once:
            assert await values(connection, topics.features) == [b"kept"]

    asyncio.run(go())


@pytest.mark.kafka
def test_a_former_owner_is_fenced_once_another_has_opened_the_partition(
    kafka: Connection, tmp_path: Path
) -> None:
    topics = prepared(kafka, tmp_path)

    async def go() -> None:
        zombie, owner = Transactions(kafka, topics.prefix), Transactions(kafka, topics.prefix)
        await zombie.open(topics.telemetry, 0)
        await zombie.commit(batch(topics, "one", 1), lambda: True)
        await owner.open(topics.telemetry, 0)
        with pytest.raises(ProducerFenced):
            await zombie.commit(batch(topics, "two", 2), lambda: True)
        await owner.commit(batch(topics, "two", 2), lambda: True)
        await owner.close()
        assert await values(kafka, topics.features) == [b"one", b"two"]
        log = KafkaLog(kafka, topics.telemetry, topics.prefix)
        assert await log.committed(0) == 2
        await log.stop()

    asyncio.run(go())
