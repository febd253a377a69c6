"""Record batches as a broker holds them: read without decoding, made by hand, and written as they are."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from crc32c import crc32c

from streams.kafka.connection import Connection
from tests.support.kafkad import KafkaServer

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


def by_hand(payload: bytes, codec: int, records: int) -> bytes:
    """Return a batch whose checksum is right, whatever its payload is."""
    ends = struct.pack(">hiqqqhii", codec, records - 1, 0, 0, -1, -1, -1, records) + payload
    body = struct.pack(">ibI", -1, 2, crc32c(ends)) + ends
    return struct.pack(">qi", 0, len(body)) + body


def write(connection: Connection, topic: str, partition: int, batch: bytes) -> str:
    """Have a broker append a batch as it is; return its answer, "NoError" where it took it."""

    async def ask(client: Any) -> str:
        node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        answer = await client.send(node, ProduceRequest(None, -1, 5000, [(topic, [(partition, batch)])]))
        return str(for_code(answer.topics[0][1][0][1]).__name__)

    return str(asyncio.run(_asked(connection, topic, ask)))


def segment(server: KafkaServer, topic: str, partition: int) -> Path:
    """Return the file in which a stopped server keeps the first batches of a partition."""
    return server.folder / "data" / f"{topic}-{partition}" / f"{0:020}.log"


def overwrite(path: Path, batch: Stored, *, checksum: bool) -> None:
    """Damage a batch in a server's file: say that it is compressed, which it is not.

    ``checksum``: put the checksum right again, as if the producer had sent it so.
    """
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack(">q", batch.offset) + struct.pack(">i", batch.nbytes - 12))
    data[at + 22] |= CODECS["zstd"]
    if checksum:
        data[at + 17 : at + 21] = struct.pack(">I", crc32c(bytes(data[at + 21 : at + batch.nbytes])))
    path.write_bytes(data)
