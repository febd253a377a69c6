"""Record batches as a broker holds them: read without decoding, made by hand, and written as they are."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from streams.kafka.connection import Connection

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_HEADER = struct.Struct(">qiibIhiqqqhii")
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """One batch of format 2: the offset of its first record, its codec, its records, and its bytes."""

    offset: int
    codec: int
    records: int
    nbytes: int


def stored(connection: Connection, topic: str, partition: int = 0) -> list[Stored]:
    """Return the batches of a partition as they lie there."""
    return asyncio.run(_asked(connection, topic, lambda client: _stored(client, topic, partition)))


def codecs_of(connection: Connection, topic: str, partition: int = 0) -> set[str]:
    """Return by which codecs the batches of a partition are compressed, "" for one that is not."""
    names = {number: name for name, number in CODECS.items()}
    return {names.get(batch.codec, "") for batch in stored(connection, topic, partition)}


async def _asked(connection: Connection, topic: str, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    client = AIOKafkaClient(**connection.aiokafka())
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        return await ask(client)
    finally:
        await client.close()


async def _stored(client: Any, topic: str, partition: int) -> list[Stored]:
    node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    out: list[Stored] = []
    start = 0
    while True:
        wanted = [(topic, [(partition, start, _MAX_BYTES)])]
        answer = await client.send(node, FetchRequest(100, 1, _MAX_BYTES, 0, wanted))
        found = list(_batches(answer.topics[0][1][0][-1]))
        new = [batch for batch, after in found if after > start]
        if not new:
            return out
        out += new
        start = max(after for _, after in found)


def _batches(data: bytes) -> Iterator[tuple[Stored, int]]:
    """Yield each whole batch, and the offset after it."""
    at = 0
    while at + _HEADER.size <= len(data):
        first, length, _, _, _, attributes, last, *_, count = _HEADER.unpack_from(data, at)
        if at + 12 + length > len(data):
            return
        yield Stored(first, attributes & 7, count, 12 + length), first + last + 1
        at += 12 + length
