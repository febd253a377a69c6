from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v3

from streams.kafka.committed import aiokafka_consumer
from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, create_topics

LOADING, NOT_AVAILABLE, NOT_COORDINATOR, FORBIDDEN = 14, 15, 16, 30


@pytest.fixture
def topic(broker: Connection) -> str:
    """A topic of which the group has done seven messages."""
    topics = Topics(f"offsets-{time.time_ns()}-")
    create_topics(broker, topics, 1)
    asyncio.run(_commit(broker, topics.telemetry, 7))
    return topics.telemetry


async def _commit(broker: Connection, topic: str, offset: int) -> None:
    consumer = aiokafka_consumer(broker, group_id="group")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.commit({TopicPartition(topic, 0): offset})
    await consumer.stop()


async def _committed(broker: Connection, topic: str) -> int | None:
    """Ask for the group's offset as a worker does."""
    log = KafkaLog(broker, topic, "group")
    try:
        return await log.committed(0)
    finally:
        await log.stop()


def _refuse(monkeypatch: pytest.MonkeyPatch, code: int, times: int) -> list[int]:
    """Let the coordinator refuse a group its offsets, as a broker does that still reads them."""
    refused: list[int] = []
    send = AIOKafkaClient.send

    async def refusing(self: Any, node: Any, request: Any, **options: Any) -> Any:
        if isinstance(request, OffsetFetchRequest) and len(refused) < times:
            refused.append(code)
            return OffsetFetchResponse_v3(throttle_time_ms=0, topics=[], error_code=code)
        return await send(self, node, request, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", refusing)
    return refused


@pytest.mark.parametrize("code", [LOADING, NOT_AVAILABLE, NOT_COORDINATOR])
def test_a_group_whose_offsets_are_not_to_be_had_yet_is_not_taken_for_one_without_any(
    broker: Connection, topic: str, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refused = _refuse(monkeypatch, code, 3)
    assert asyncio.run(_committed(broker, topic)) == 7
    assert refused == [code] * 3


def test_a_group_that_may_not_be_read_is_an_error(
    broker: Connection, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, FORBIDDEN, 99)
    with pytest.raises(GroupAuthorizationFailedError):
        asyncio.run(_committed(broker, topic))
