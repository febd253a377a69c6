"""The log of one Kafka topic, read with a consumer of its own that never joins the group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import TopicPartition

from models.errors import UnavailableError
from streams.alarms import alarm
from streams.kafka.committed import aiokafka_consumer
from streams.kafka.connection import Connection
from streams.kafka.damage import REASON
from streams.stage import Incoming, content_type, header
from streams.wire.validation import MAX_BYTES

_SILENCE_S = 60.0
_POLL_S = 0.2


class KafkaLog:
    """Reads committed messages only; ``group`` is asked for its offsets, not joined.

    ``fetch_bytes`` are asked for at a time; a larger batch comes whole.
    """

    def __init__(
        self, connection: Connection, topic: str, group: str | None = None, fetch_bytes: int = MAX_BYTES
    ) -> None:
        self.topic = topic
        self._consumer = aiokafka_consumer(
            connection, group_id=group, fetch_max_wait_ms=50, max_partition_fetch_bytes=fetch_bytes
        )
        self._started = False

    async def start(self) -> None:
        """Connect, if that was not done yet."""
        if not self._started:
            await self._consumer.start()
            self._started = True

    async def stop(self) -> None:
        """Disconnect."""
        if self._started:
            await self._consumer.stop()

    async def begin(self, partition: int) -> int:
        """Return the first offset that retention has left."""
        tp = await self._place(partition)
        return int((await self._consumer.beginning_offsets([tp]))[tp])

    async def end(self, partition: int) -> int:
        """Return the offset after the last message; the embedded broker may name one of its last batch."""
        tp = await self._place(partition)
        return int((await self._consumer.end_offsets([tp]))[tp])

    async def committed(self, partition: int) -> int | None:
        """Return the group's committed offset."""
        tp = await self._place(partition)
        self._consumer.assign([tp])
        offset = await self._consumer.committed(tp)
        return None if offset is None else int(offset)

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        """Yield messages from ``start`` on until ``end`` is reached; some beyond it may come along.

        A batch that cannot be decoded is an alarm, and one message with its ``damage``. Raises
        UnavailableError if the broker gives nothing for a minute.
        """
        if start >= end:
            return
        tp = await self._place(partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        while await self._consumer.position(tp) < end:
            yield [sounded(incoming(r)) for r in await self._some(tp)]

    async def all(self, partition: int) -> list[Incoming]:
        """Return every message there is."""
        span = (await self.begin(partition), await self.end(partition))
        return [message async for part in self.read(partition, *span) for message in part]

    async def _place(self, partition: int) -> TopicPartition:
        await self.start()
        return TopicPartition(self.topic, partition)

    async def _some(self, tp: TopicPartition) -> list[Any]:
        """Return the next records, none if only a transaction's marker was passed."""
        before = await self._consumer.position(tp)
        for _ in range(int(_SILENCE_S / _POLL_S)):
            found = await self._consumer.getmany(tp, timeout_ms=int(_POLL_S * 1000))
            if found or await self._consumer.position(tp) > before:
                records: list[Any] = found.get(tp, [])
                return records
        raise UnavailableError(
            f"{self.topic}/{tp.partition}: nothing to read at offset {before} for a minute"
        )


def incoming(record: Any) -> Incoming:
    """Return what a Kafka client read as an `Incoming`."""
    return Incoming(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        content_type(record.headers),
        header(record.headers, REASON),
        _arrived_ms(record.timestamp),
    )


def _arrived_ms(timestamp: float | None) -> int:
    """Return UTC ms: clients of Kafka say ms as a whole number, Faust says seconds as a fraction."""
    if timestamp is None or timestamp <= 0:
        return 0
    return round(timestamp * 1000) if isinstance(timestamp, float) else int(timestamp)


def sounded(message: Incoming) -> Incoming:
    """Raise an alarm if a message stands for a damaged batch; return it."""
    if message.damage:
        alarm(f"{message.topic}/{message.partition} offset {message.offset}: {message.damage}")
    return message
