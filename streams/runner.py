"""Runs a stage over one partition without a gap: what was missed is read from the log again."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from models.errors import UnavailableError
from streams.stage import Incoming, Outgoing, Stage, content_type

log = logging.getLogger(__name__)

_SILENCE_S = 60.0
_POLL_S = 0.2


class Log(Protocol):
    """A partitioned log as a runner needs it: where it begins, what is committed, and what stands in it."""

    async def begin(self, partition: int) -> int:
        """Return the first offset that retention has left."""

    async def committed(self, partition: int) -> int | None:
        """Return the offset from which the group is to go on, None for a new group."""

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        """Yield the messages with offsets in [start, end)."""


class Runner:
    """One partition's stage, and the offset of the next message it has to see."""

    def __init__(self, stage: Stage, partition: int, position: int) -> None:
        self.stage = stage
        self.partition = partition
        self.position = position

    def take(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Process what the stage has not seen yet; the messages must not leave a gap."""
        out: list[Outgoing] = []
        for message in messages:
            if message.offset >= self.position:
                out += self.stage.process(message)
                self.position = message.offset + 1
        return out


async def open_runner(log_: Log, stage: Stage, partition: int, first: int) -> tuple[Runner, list[Outgoing]]:
    """Open a partition whose next delivered message has offset ``first``.

    State is rebuilt silently up to the committed offset. Messages between it and ``first`` were passed over
    in a rebalance (a known hole of the client library): they are processed now, and their outputs returned.
    """
    begin, committed = await log_.begin(partition), await log_.committed(partition)
    done = first if committed is None else min(committed, first)
    runner = Runner(stage, partition, begin if stage.remembers else max(begin, done))
    if stage.remembers and begin > 0 and done > begin:
        log.warning(
            "partition %d: history before offset %d is gone; state is rebuilt from there", partition, begin
        )
    async for messages in log_.read(partition, runner.position, done):
        runner.take(messages)
    runner.position = max(runner.position, done)
    return runner, await catch_up(log_, runner, first)


async def catch_up(log_: Log, runner: Runner, first: int) -> list[Outgoing]:
    """Process what lies between the runner's position and the message at ``first``."""
    out: list[Outgoing] = []
    if runner.position < first:
        log.warning("partition %d: reading offsets %d–%d again", runner.partition, runner.position, first - 1)
        async for messages in log_.read(runner.partition, runner.position, first):
            out += runner.take(messages)
        runner.position = first
    return out


def contiguous(messages: Sequence[Incoming]) -> list[Sequence[Incoming]]:
    """Cut messages, in order of offset, where an offset is missing between two of them."""
    cuts = [i for i in range(1, len(messages)) if messages[i].offset != messages[i - 1].offset + 1]
    edges = [0, *cuts, len(messages)]
    return [messages[i:j] for i, j in itertools.pairwise(edges)]


class KafkaLog:
    """The log of one topic, read with a consumer of its own that never joins the group."""

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self.topic = topic
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=50,
        )

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def begin(self, partition: int) -> int:
        """Return the first offset that retention has left."""
        tp = TopicPartition(self.topic, partition)
        offsets = await self._consumer.beginning_offsets([tp])
        return int(offsets[tp])

    async def committed(self, partition: int) -> int | None:
        """Return the group's committed offset."""
        tp = TopicPartition(self.topic, partition)
        self._consumer.assign([tp])
        offset = await self._consumer.committed(tp)
        return None if offset is None else int(offset)

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        """Yield the messages with offsets in [start, end).

        Raises UnavailableError where the broker gives nothing for a minute.
        """
        if start >= end:
            return
        tp = TopicPartition(self.topic, partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        while await self._consumer.position(tp) < end:
            records = await self._some(tp)
            yield [incoming(r) for r in records if r.offset < end]

    async def _some(self, tp: TopicPartition) -> list[Any]:
        """Return the next records, none where only a transaction's marker was passed."""
        before = await self._consumer.position(tp)
        for _ in range(int(_SILENCE_S / _POLL_S)):
            found = await self._consumer.getmany(tp, timeout_ms=int(_POLL_S * 1000), max_records=500)
            if found or await self._consumer.position(tp) > before:
                records: list[Any] = found.get(tp, [])
                return records
        raise UnavailableError(
            f"{self.topic}/{tp.partition}: nothing to read at offset {before} for a minute"
        )


def incoming(record: Any) -> Incoming:
    """Return what a Kafka client read as an `Incoming`."""
    return Incoming(
        record.topic, record.partition, record.offset, record.key, record.value, content_type(record.headers)
    )
