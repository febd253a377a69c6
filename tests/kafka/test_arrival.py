"""The log's own time of a message: what a gateway's clock says does not count."""

from __future__ import annotations

import asyncio
import time

import pytest
from kafka import KafkaProducer

from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, create_topics

pytestmark = pytest.mark.kafka
DAY_MS = 86_400_000


def arrivals(connection: Connection, prefix: str) -> list[int]:
    """Send a message by a clock that is a year ahead; return when the log says that it came."""
    topics = Topics(prefix)
    create_topics(connection, topics, 1)
    with KafkaProducer(**connection.kafka_python()) as producer:
        ahead_ms = int(time.time() * 1000) + 365 * DAY_MS
        producer.send(topics.telemetry, b"{}", timestamp_ms=ahead_ms).get(timeout=30)

    async def read() -> list[int]:
        log = KafkaLog(connection, topics.telemetry)
        try:
            return [message.arrived_ms for message in await log.all(0)]
        finally:
            await log.stop()

    return asyncio.run(read())


def test_a_gateway_whose_clock_is_a_year_ahead_arrives_now(kafka: Connection) -> None:
    (arrived_ms,) = arrivals(kafka, f"arrival{time.time_ns()}-")
    assert abs(arrived_ms - time.time() * 1000) < DAY_MS
