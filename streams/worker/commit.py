"""Committing a batch: its outputs, what is remembered, and how far the input was read.

Two ways, found out from the broker at the start. With transactions the three are one act, and a worker that
has lost its partition without knowing is refused. Without them they are written in that order, so that what a
crash leaves undone is done again, byte for byte the same.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from streams.kafka.connection import Connection
from streams.stage import Outgoing
from streams.wire.validation import CUT_BYTES, MAX_BYTES
from streams.worker.grant import grants_transactions

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
    state: Iterable[Outgoing] = ()


class Committer(Protocol):
    """Commits the batches of one group; ``is_ours`` is asked just before it is too late."""

    exactly_once: bool

    async def open(self, source: str, partition: int) -> None:
        """Take a partition over: from now on its former owner can commit nothing, if that can be had."""

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Return when all of a batch is durable. Raises LostPartitionError if it must not be."""

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

    async def open(self, source: str, partition: int) -> None:
        """Start the partition's producer, which fences its former owner and ends its transaction."""
        name = f"{self.group}-{source}-{partition}"
        options = {"transactional_id": name, "transaction_timeout_ms": _TRANSACTION_MS}
        producer = self.producers(**self.connection.aiokafka(), **_PRODUCER, **options)
        await producer.start()
        self._open[source, partition] = producer

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Write outputs, state and input offset in one transaction."""
        producer = self._open[batch.source, batch.partition]
        await producer.begin_transaction()
        try:
            await _send(producer, batch.partition, itertools.chain(batch.outputs, batch.state))
            offset = {TopicPartition(batch.source, batch.partition): batch.next_offset}
            await producer.send_offsets_to_transaction(offset, self.group)
            _still(is_ours)
        except ProducerFenced:
            raise
        except BaseException:
            await producer.abort_transaction()
            raise
        await producer.commit_transaction()

    async def close_source(self, source: str) -> None:
        """Stop the producers of one source."""
        await self._stop([place for place in self._open if place[0] == source])

    async def close(self) -> None:
        """Stop every producer."""
        await self._stop(list(self._open))

    async def _stop(self, places: Sequence[tuple[str, int]]) -> None:
        await asyncio.gather(*(self._open.pop(place).stop() for place in places))


class Idempotent:
    """Effectively once: outputs, then state; the caller acknowledges the input after that."""

    exactly_once = False

    def __init__(self, connection: Connection, group: str, producers: Producers = AIOKafkaProducer) -> None:
        self.connection, self.group, self.producers = connection, group, producers
        self._producer: Any = None

    async def open(self, source: str, partition: int) -> None:  # noqa: ARG002
        """Connect; a former owner cannot be fenced."""
        if self._producer is None:
            producer = self.producers(**self.connection.aiokafka(), **_PRODUCER, acks="all")
            await producer.start()
            self._producer = producer

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        """Write the outputs, then the state: state that ran ahead would lose outputs."""
        await _send(self._producer, batch.partition, batch.outputs)
        _still(is_ours)
        await _send(self._producer, batch.partition, batch.state)

    async def close_source(self, source: str) -> None:
        """Do nothing: one producer serves all."""

    async def close(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


_PRODUCER: dict[str, Any] = {"linger_ms": 5, "max_batch_size": CUT_BYTES, "max_request_size": MAX_BYTES}


def _still(is_ours: Callable[[], bool]) -> None:
    if not is_ours():
        raise LostPartitionError


async def _send(producer: Any, partition: int, messages: Iterable[Outgoing]) -> None:
    """Write messages to ``partition`` of their topics, or their own; return when the broker has them all.

    A producer takes the next if there is room in a batch: what is made one by one is never all in memory.
    """
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
