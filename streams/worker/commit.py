"""Committing a batch: its outputs, and how far the input was read; and snapshots of what is remembered.

Two ways, found out from the broker at the start. With transactions a batch is one act, and so is a snapshot;
a worker that has lost its partition without knowing is refused both. Without them outputs come first, so that
what a crash leaves undone is done again, byte for byte the same; of a snapshot its last record comes last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from streams.kafka.connection import Connection
from streams.stage import Outgoing
from streams.wire.validation import CUT_BYTES, MAX_BYTES
from streams.worker.grant import SNAPSHOT_S, grants_transactions

log = logging.getLogger(__name__)

EXACTLY_ONCE, AT_LEAST_ONCE = "exactly-once", "at-least-once"
_TRANSACTION_MS = 60_000

Producers = Callable[..., Any]


class LostPartitionError(Exception):
    """The partition belongs to another worker now: what was computed for it must not be written."""


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """What processing a partition of ``source`` up to ``next_offset``, exclusive, has led to."""

    source: str
    partition: int
    next_offset: int
    outputs: Sequence[Outgoing]


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """What is remembered of a partition of ``source``, in parts; the last makes the others count."""

    source: str
    partition: int
    parts: Iterable[Sequence[Outgoing]]


class Committer(Protocol):
    """Commits the batches and snapshots of one group; ``is_ours`` is asked just before it is too late."""

    exactly_once: bool

    async def open(self, source: str, partition: int, *, remembers: bool) -> None:
        """Take a partition over: from now on its former owner can commit nothing, if that can be had.

        ``remembers``: snapshots of it will be written, too.
        """

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Return when all of a batch is durable. Raises LostPartitionError if it must not be."""

    async def save(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        """Return when all of a snapshot is durable; a part is taken when those before it are.

        Raises LostPartitionError if it must not be.
        """

    async def close_source(self, source: str) -> None:
        """Give the partitions of one source up."""

    async def close(self) -> None:
        """Give all partitions up."""


class Transactions:
    """Exactly once: one transaction per batch, one transactional id per input partition.

    An id per worker would not fence: a zombie has another id than the new owner.
    """

    exactly_once = True

    def __init__(self, connection: Connection, group: str, producers: Producers = AIOKafkaProducer) -> None:
        self.connection, self.group, self.producers = connection, group, producers
        self._open: dict[tuple[str, int], Any] = {}
        self._saving: dict[tuple[str, int], Any] = {}

    async def open(self, source: str, partition: int, *, remembers: bool) -> None:
        """Start the partition's producers, which fences its former owner and ends its transactions."""
        place = source, partition
        name = f"{self.group}-{source}-{partition}"
        starting = [self._start(self._open, place, name, _TRANSACTION_MS)]
        if remembers:
            starting.append(self._start(self._saving, place, f"{name}-state", 1000 * SNAPSHOT_S))
        await asyncio.gather(*starting)

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Write outputs and input offset in one transaction."""
        async with _transaction(self._open[batch.source, batch.partition]) as producer:
            await _send(producer, batch.partition, batch.outputs)
            offset = {TopicPartition(batch.source, batch.partition): batch.next_offset}
            await producer.send_offsets_to_transaction(offset, self.group)
            _still(is_ours)

    async def save(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        """Write a snapshot in one transaction of its own."""
        async with _transaction(self._saving[snapshot.source, snapshot.partition]) as producer:
            await _send_parts(producer, snapshot, is_ours)
            _still(is_ours)

    async def close_source(self, source: str) -> None:
        """Stop the producers of one source."""
        for producers in (self._open, self._saving):
            await _stop(producers, [place for place in producers if place[0] == source])

    async def close(self) -> None:
        """Stop every producer."""
        for producers in (self._open, self._saving):
            await _stop(producers, list(producers))

    async def _start(
        self, producers: dict[tuple[str, int], Any], place: tuple[str, int], name: str, timeout_ms: int
    ) -> None:
        if place in producers:
            await _stop(producers, [place])
        options = {"transactional_id": name, "transaction_timeout_ms": timeout_ms}
        producer = self.producers(**self.connection.aiokafka(), **_PRODUCER, **options)
        await producer.start()
        producers[place] = producer


class Idempotent:
    """Effectively once: outputs, then state; the caller acknowledges the input after that."""

    exactly_once = False

    def __init__(self, connection: Connection, group: str, producers: Producers = AIOKafkaProducer) -> None:
        self.connection, self.group, self.producers = connection, group, producers
        self._producer: Any = None
        self._saver: Any = None

    async def open(self, source: str, partition: int, *, remembers: bool) -> None:  # noqa: ARG002
        """Connect; a former owner cannot be fenced."""
        if self._producer is None:
            self._producer = await self._started()
        if remembers and self._saver is None:
            self._saver = await self._started()

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Write the outputs; the input is acknowledged when they are durable."""
        await _send(self._producer, batch.partition, batch.outputs)
        _still(is_ours)

    async def save(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        """Write a snapshot part by part."""
        await _send_parts(self._saver, snapshot, is_ours)

    async def close_source(self, source: str) -> None:  # noqa: ARG002
        """Stay connected, since the same producers serve all; what was given up arrives before it is read."""
        if self._saver is not None:
            await self._saver.flush()

    async def close(self) -> None:
        """Stop the producers."""
        producers, self._producer, self._saver = (self._producer, self._saver), None, None
        for producer in producers:
            if producer is not None:
                await producer.stop()

    async def _started(self) -> Any:
        producer = self.producers(**self.connection.aiokafka(), **_PRODUCER, acks="all")
        await producer.start()
        return producer


_PRODUCER: dict[str, Any] = {"linger_ms": 5, "max_batch_size": CUT_BYTES, "max_request_size": MAX_BYTES}


def _still(is_ours: Callable[[], bool]) -> None:
    if not is_ours():
        raise LostPartitionError


@contextlib.asynccontextmanager
async def _transaction(producer: Any) -> AsyncIterator[Any]:
    """Commit what is written inside; abort it if an error leaves. Who is fenced has nothing left to abort."""
    await producer.begin_transaction()
    try:
        yield producer
    except ProducerFenced:
        raise
    except BaseException:
        await producer.abort_transaction()
        raise
    await producer.commit_transaction()


async def _stop(producers: dict[tuple[str, int], Any], places: Iterable[tuple[str, int]]) -> None:
    await asyncio.gather(*(producers.pop(place).stop() for place in places))


async def _send_parts(producer: Any, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
    for part in snapshot.parts:
        _still(is_ours)
        await _send(producer, snapshot.partition, part)


async def _send(producer: Any, partition: int, messages: Iterable[Outgoing]) -> None:
    """Write messages to ``partition`` of their topics, or their own; return when the broker has them all."""
    pending = [
        await producer.send(
            m.topic,
            m.value or None,
            m.key or None,
            partition if m.partition is None else m.partition,
            headers=[("content-type", m.content_type.encode())],
        )
        for m in messages
    ]
    await asyncio.gather(*pending)


def create_committer(
    connection: Connection, group: str, producers: Producers = AIOKafkaProducer
) -> Committer:
    """Return the best that the broker offers, and say which."""
    if grants_transactions(connection, group):
        log.info("committing in transactions: exactly once")
        return Transactions(connection, group, producers)
    log.warning(
        "the broker grants no transactions: after a crash outputs may come twice, byte for byte the same"
    )
    return Idempotent(connection, group, producers)


def client_id(group: str, *, exactly_once: bool) -> str:
    """Return how a worker calls itself: the broker shows it with the group's members, for `commits_of`."""
    return f"{group}-{EXACTLY_ONCE if exactly_once else AT_LEAST_ONCE}"


def commits_of(member: str) -> str | None:
    """Return how a member of a group commits, None if its id does not say so.

    >>> commits_of("chillcast-sink-exactly-once-2eeac1ec-741b")
    'exactly-once'
    """
    return next((way for way in (EXACTLY_ONCE, AT_LEAST_ONCE) if f"-{way}-" in member), None)
