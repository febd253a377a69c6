"""A log is read a fetch at a time, and a fetch is no larger than it has to be."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.stage import Incoming, Outgoing

FETCH_BYTES, SMALL, LARGE = 64 * 1024, 20_000, 500_000


@pytest.fixture
def topic(broker: Connection) -> str:
    """A topic of many small messages, and a large one in their midst."""
    topics = Topics(f"log-{time.time_ns()}-")
    create_topics(broker, topics, 1)
    values = [b"%90d" % i for i in range(SMALL)]
    values.insert(SMALL // 2, b"x" * LARGE)
    with Publisher(broker) as publisher:
        for value in values:
            publisher.send(0, Outgoing(topics.telemetry, b"a", value, "text/plain"))
    return topics.telemetry


async def _parts(broker: Connection, topic: str, fetch_bytes: int) -> list[list[Incoming]]:
    log = KafkaLog(broker, topic, fetch_bytes=fetch_bytes)
    try:
        return [list(part) async for part in log.read(0, 0, SMALL + 1)]
    finally:
        await log.stop()


def test_all_comes_in_order_and_a_message_larger_than_a_fetch_whole(broker: Connection, topic: str) -> None:
    parts = asyncio.run(_parts(broker, topic, FETCH_BYTES))
    assert [message.offset for part in parts for message in part] == list(range(SMALL + 1))
    assert max(len(message.value or b"") for part in parts for message in part) == LARGE


@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_a_part_is_no_larger_than_a_batch_of_whoever_sent_it(broker: Connection, topic: str) -> None:
    small, large = (max(map(len, asyncio.run(_parts(broker, topic, n)))) for n in (FETCH_BYTES, 4_000_000))
    assert small < SMALL // 5 < large
