"""A lane commits batches, and writes what is remembered behind them: never ahead, nor what was given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.stage import Incoming, Outgoing, Stage
from streams.state.snapshots import StateRecord, parsed
from streams.worker.commit import CommitBatch, Idempotent, LostPartitionError, SnapshotParts
from streams.worker.lane import Lane, LaneContext, WorkerOptions
from streams.worker.metrics import Metrics


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("lane") / "broker.log") as broker:
        yield Connection(broker.bootstrap)


@dataclass
class Clock:
    """A monotonic clock that is set by hand."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Counter:
    """A stage that counts its messages, and says how many there were."""

    identity = "count"

    def __init__(self) -> None:
        self.count = 0

    def process(self, received: Sequence[Incoming]) -> Iterable[Outgoing]:
        for message in received:
            self.count += 1
            yield Outgoing(
                f"{message.topic.removesuffix('telemetry')}features", b"n", b"%d" % self.count, "x"
            )

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        return [(b"n", b"%d" % self.count)]

    def restore(self, key: bytes, value: bytes) -> None:
        self.count = int(value)

    def restored(self) -> None:
        pass

    def self_contained(self) -> bool:
        return False


@dataclass
class Group:
    """A group of which this is the only member, until another generation begins."""

    now: int = 1
    ours: bool = True
    done: list[int] = field(default_factory=list)
    own: Sequence[int] = (0,)
    ends: dict[int, int] = field(default_factory=dict)
    coming: set[int] = field(default_factory=set)

    def generation(self) -> int:
        return self.now

    def is_ours(self, topic: str, partition: int, generation: int) -> bool:
        return self.ours and generation == self.now

    def partitions(self, topic: str) -> Sequence[int]:
        return self.own

    def on_batch(self, topic: str, partition: int, next_offset: int) -> None:
        self.done.append(next_offset)

    def end(self, topic: str, partition: int) -> int | None:
        return self.ends.get(partition)

    def is_coming(self, topic: str, partition: int) -> bool:
        return partition in self.coming


class Gated(Idempotent):
    """Writes snapshots only when it is let, and refuses batches when it is told to."""

    def __init__(self, connection: Connection, group: str) -> None:
        super().__init__(connection, group)
        self.may_save, self.saved, self.refuses = asyncio.Event(), 0, False
        self.opened = 0
        self.after_commit: Callable[[], Awaitable[object]] = partial(asyncio.sleep, 0)

    async def open(self, source: str, partition: int, *, remembers: bool) -> None:
        self.opened += 1
        await super().open(source, partition, remembers=remembers)

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        if self.refuses:
            await asyncio.sleep(0.3)  # long enough for all that may go on meanwhile
            raise LostPartitionError
        await super().commit(batch, is_ours)
        await self.after_commit()

    async def save(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        await self.may_save.wait()
        await super().save(snapshot, is_ours)
        self.saved += 1


@dataclass
class Bench:
    """A lane with its topics, and the messages that it is given."""

    connection: Connection
    topics: Topics
    group: Group
    committer: Gated
    lane: Lane
    clock: Clock
    sent: int = 0
    acked: list[int] = field(default_factory=list)

    async def give(self, count: int) -> None:
        """Send messages, and deliver them."""
        await asyncio.to_thread(self._send, count)
        events = [self._event(self.sent + i) for i in range(count)]
        self.sent += count
        await self.lane.handle(events)

    async def close(self) -> None:
        """Disconnect, as a worker does that is told to stop."""
        await self.lane.close()
        await self.committer.close()

    async def values(self, topic: str) -> list[bytes | None]:
        log = KafkaLog(self.connection, topic)
        try:
            return [m.value async for part in log.read(0, 0, await log.end(0)) for m in part]
        finally:
            await log.stop()

    async def counts_saved(self) -> list[bytes]:
        """Return the counts of all snapshots that there are."""
        records = (await self.values(self.topics.states[0]))[::2]  # the others are positions
        return [parsed(record or b"", StateRecord).payload for record in records]

    async def written(self, count: int) -> None:
        """Let snapshots be written, and return when there are so many."""
        self.committer.may_save.set()
        async with asyncio.timeout(20):
            while self.committer.saved < count:
                await asyncio.sleep(0.01)

    async def lay(self, count: int, partition: int) -> None:
        """Send messages of a partition that are not delivered."""
        await asyncio.to_thread(self._send, count, partition)

    def _send(self, count: int, partition: int = 0) -> None:
        with Publisher(self.connection) as publisher:
            for _ in range(count):
                publisher.send(partition, Outgoing(self.topics.telemetry, b"k", b"v", "x"))

    def _event(self, offset: int) -> Any:
        message = SimpleNamespace(
            topic=self.topics.telemetry,
            partition=0,
            offset=offset,
            key=b"k",
            value=b"v",
            headers=(),
            timestamp=None,
            generation_id=self.group.now,
        )
        return SimpleNamespace(message=message, ack=lambda: self.acked.append(offset))


def bench(
    connection: Connection, name: str, body: Callable[[Bench], Awaitable[None]], state_interval_s: float = 0.0
) -> None:
    topics = Topics(f"{name}-")
    create_topics(connection, topics, 2)
    options = WorkerOptions(
        connection,
        topics.group("features"),
        (topics.telemetry,),
        topics.state("features"),
        state_interval_s=state_interval_s,
    )

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:
        return Counter()

    async def go() -> None:
        group, committer, clock = Group(), Gated(connection, options.group), Clock()
        metrics = Metrics("features", clock=lambda: 0.0)
        context = LaneContext(options, open_stage, committer, metrics, group, clock)
        one = Bench(connection, topics, group, committer, Lane(context, topics.telemetry), clock)
        try:
            await body(one)
        finally:
            await one.close()

    asyncio.run(go())


def test_messages_are_processed_while_a_snapshot_is_written(embedded: Connection, tmp_path: Path) -> None:
    async def body(one: Bench) -> None:
        await one.give(3)
        await one.give(2)
        assert await one.values(one.topics.features) == [b"1", b"2", b"3", b"4", b"5"]
        assert one.group.done == [3, 5]
        assert one.committer.saved == 0
        await one.written(1)
        assert await one.counts_saved() == [b"3"]

    bench(embedded, tmp_path.name, body)


def test_of_a_batch_that_was_not_committed_nothing_is_saved(embedded: Connection, tmp_path: Path) -> None:
    async def body(one: Bench) -> None:
        one.committer.may_save.set()
        one.committer.refuses = True
        await one.give(3)
        await asyncio.sleep(0.2)
        assert await one.values(one.topics.states[0]) == []
        assert not one.lane.runners

    bench(embedded, tmp_path.name, body)


def test_at_a_new_generation_a_snapshot_under_way_is_given_up_and_the_state_is_loaded_anew(
    embedded: Connection, tmp_path: Path
) -> None:
    async def body(one: Bench) -> None:
        one.committer.may_save.set()
        await one.give(3)
        await one.written(1)
        one.committer.may_save.clear()
        await one.give(2)
        one.group.now = 2
        await one.give(1)
        assert (await one.values(one.topics.features))[-1] == b"6"
        await one.written(2)
        assert await one.counts_saved() == [b"3", b"6"]

    bench(embedded, tmp_path.name, body)


def test_a_partition_that_was_lost_while_it_was_saved_is_loaded_anew(
    embedded: Connection, tmp_path: Path
) -> None:
    async def body(one: Bench) -> None:
        await one.give(3)
        one.group.ours = False
        one.committer.may_save.set()
        await asyncio.sleep(0.2)
        one.group.ours = True
        before = one.lane.runners[0]
        await one.give(2)
        assert one.lane.runners[0] is not before
        assert (await one.values(one.topics.features))[-2:] == [b"4", b"5"]

    bench(embedded, tmp_path.name, body)


def test_a_partition_that_is_lost_with_its_snapshot_while_a_batch_is_committed_is_not_opened_again(
    embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.lane._BATCH_BYTES", 1)  # each message is a batch

    async def body(one: Bench) -> None:
        async def lost() -> None:
            one.group.ours = False
            one.committer.may_save.set()
            await asyncio.sleep(0.2)

        await one.give(1)
        one.committer.after_commit = lost
        await one.give(2)
        assert not one.lane.runners
        assert one.committer.opened == 1

    bench(embedded, tmp_path.name, body)


def test_what_was_passed_over_in_a_quiet_partition_is_found_though_others_are_busy(
    embedded: Connection, tmp_path: Path
) -> None:
    async def body(one: Bench) -> None:
        one.group.own, one.group.ends = (0, 1), {0: 1, 1: 3}
        await one.lay(3, 1)
        for _ in range(3):
            await one.give(1)
            assert one.lane.waiting() == [1]
            one.clock.now_s += 2.0
            await one.lane.search()
        assert one.lane.runners[1].position == 3
        assert one.lane.waiting() == []

    bench(embedded, tmp_path.name, body)


def test_what_waits_behind_the_messages_of_others_is_not_read_beside_them(
    embedded: Connection, tmp_path: Path
) -> None:
    async def body(one: Bench) -> None:
        one.group.own, one.group.ends, one.group.coming = (0, 1), {1: 3}, {1}
        await one.lay(3, 1)
        await one.give(1)
        one.clock.now_s += 6.0
        await one.give(1)
        await one.lane.search()
        assert one.lane.waiting() == [1]
        one.clock.now_s += 6.0
        await one.lane.search()
        assert one.lane.runners[1].position == 3

    bench(embedded, tmp_path.name, body)


def test_who_is_told_to_stop_finishes_the_batch_at_hand_and_takes_no_other(
    embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.lane._BATCH_BYTES", 1)  # each message is a batch

    async def body(one: Bench) -> None:
        closing: list[asyncio.Task[None]] = []

        async def told_to_stop() -> None:
            closing.append(asyncio.create_task(one.close()))
            await asyncio.sleep(0.2)

        await one.give(1)
        one.committer.after_commit = told_to_stop
        await one.give(3)
        await closing[0]
        assert (one.group.done, one.acked) == ([1, 2], [0, 1])
        assert await one.values(one.topics.features) == [b"1", b"2"]
        await one.give(1)
        one.group.ends[0], one.clock.now_s = 5, one.clock.now_s + 6.0
        await one.lane.search()
        assert one.group.done == [1, 2]

    bench(embedded, tmp_path.name, body)


def test_a_batch_that_waits_for_something_does_not_keep_a_worker_from_stopping(
    embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.lane._FINISH_S", 0.1)

    async def body(one: Bench) -> None:
        one.committer.after_commit = asyncio.Event().wait
        batch = asyncio.create_task(one.give(1))
        await asyncio.sleep(0.5)
        async with asyncio.timeout(10):
            await one.close()
        batch.cancel()

    bench(embedded, tmp_path.name, body)
