"""One contract over both ways to commit: transactions on Apache Kafka, the idempotent path on either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
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
    SnapshotParts,
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
    return CommitBatch(topics.telemetry, 0, offset, [Outgoing(topics.features, b"a", text.encode(), "x")])


def snapshot(topics: Topics, *texts: str) -> SnapshotParts:
    """Return a snapshot of a part for each text."""
    parts = [[Outgoing(topics.compacted[0], text.encode(), text.encode(), "x")] for text in texts]
    return SnapshotParts(topics.telemetry, 0, parts)


def prepared(connection: Connection, tmp_path: Path) -> Topics:
    topics = Topics(f"{tmp_path.name}-")
    create_topics(connection, topics, 1)
    return topics


async def values(connection: Connection, topic: str) -> list[bytes | None]:
    log = KafkaLog(connection, topic)
    found = [m.value async for part in log.read(0, 0, await log.end(0)) for m in part]
    await log.stop()
    return found


def test_batches_and_snapshots_are_there_when_their_commit_returns(way: Way, tmp_path: Path) -> None:
    connection, create = way
    topics = prepared(connection, tmp_path)

    async def go() -> None:
        committer = create(connection, topics.prefix)
        await committer.open(topics.telemetry, 0, remembers=True)
        await committer.commit(batch(topics, "one"), lambda: True)
        assert await values(connection, topics.features) == [b"one"]
        await committer.save(snapshot(topics, "first", "last"), lambda: True)
        assert await values(connection, topics.compacted[0]) == [b"first", b"last"]
        await committer.close()

    asyncio.run(go())


def test_batches_are_committed_while_a_snapshot_is_written(way: Way, tmp_path: Path) -> None:
    connection, create = way
    topics = prepared(connection, tmp_path)

    async def go() -> None:
        committer = create(connection, topics.prefix)
        await committer.open(topics.telemetry, 0, remembers=True)
        many = snapshot(topics, *(f"{i:03}" for i in range(200)))
        saving = asyncio.create_task(committer.save(many, lambda: True))
        await committer.commit(batch(topics, "one"), lambda: True)
        assert not saving.done()
        assert await values(connection, topics.features) == [b"one"]
        await saving
        await committer.close()
        assert len(await values(connection, topics.compacted[0])) == 200

    asyncio.run(go())


def test_of_a_lost_partition_no_offset_and_no_last_part_is_written(way: Way, tmp_path: Path) -> None:
    connection, create = way
    topics = prepared(connection, tmp_path)

    async def go() -> None:
        committer = create(connection, topics.prefix)
        await committer.open(topics.telemetry, 0, remembers=True)
        with pytest.raises(LostPartitionError):
            await committer.commit(batch(topics, "lost"), lambda: False)
        answers = iter([True, False, False])
        with pytest.raises(LostPartitionError):
            await committer.save(snapshot(topics, "torn", "sealed"), lambda: next(answers))
        await committer.commit(batch(topics, "kept"), lambda: True)
        await committer.save(snapshot(topics, "kept"), lambda: True)
        await committer.close()
        found = await values(connection, topics.compacted[0])
        assert found == [b"kept"] if committer.exactly_once else [b"torn", b"kept"]
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
        await zombie.open(topics.telemetry, 0, remembers=True)
        await zombie.commit(batch(topics, "one", 1), lambda: True)
        await owner.open(topics.telemetry, 0, remembers=True)
        with pytest.raises(ProducerFenced):
            await zombie.commit(batch(topics, "two", 2), lambda: True)
        with pytest.raises(ProducerFenced):
            await zombie.save(snapshot(topics, "late"), lambda: True)
        await owner.commit(batch(topics, "two", 2), lambda: True)
        await owner.close()
        assert await values(kafka, topics.features) == [b"one", b"two"]
        assert await values(kafka, topics.compacted[0]) == []
        log = KafkaLog(kafka, topics.telemetry, topics.prefix)
        assert await log.committed(0) == 2
        await log.stop()

    asyncio.run(go())


@pytest.mark.kafka
def test_who_takes_over_in_the_midst_of_a_snapshot_reads_the_one_before_and_its_last_part_is_refused(
    kafka: Connection, tmp_path: Path
) -> None:
    topics = prepared(kafka, tmp_path)

    async def go() -> None:
        zombie, owner = Transactions(kafka, topics.prefix), Transactions(kafka, topics.prefix)
        await zombie.open(topics.telemetry, 0, remembers=True)
        await zombie.save(snapshot(topics, "before"), lambda: True)
        half = asyncio.Event()

        def parts() -> Iterator[Sequence[Outgoing]]:
            yield from snapshot(topics, "torn", "torn too").parts
            half.set()
            yield from snapshot(topics, *["late"] * 1000).parts

        saving = asyncio.create_task(zombie.save(SnapshotParts(topics.telemetry, 0, parts()), lambda: True))
        await half.wait()
        await owner.open(topics.telemetry, 0, remembers=True)
        assert await values(kafka, topics.compacted[0]) == [b"before"]
        with pytest.raises(ProducerFenced):
            await saving
        await owner.save(snapshot(topics, "after"), lambda: True)
        await owner.close()
        assert await values(kafka, topics.compacted[0]) == [b"before", b"after"]

    asyncio.run(go())
