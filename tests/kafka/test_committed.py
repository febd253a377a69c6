"""What a transaction wrote and took back is no message: no worker and no reader is given it."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from chillcast.settings import Settings
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, create_topics
from streams.records import DeadLetter
from streams.stage import Incoming
from streams.wire import codec
from tests.support.commands import ROOT

pytestmark = pytest.mark.kafka
WRITTEN = ((b"kept 0", True), (b"taken back", False), (b"kept 1", True), (b"taken back too", False))
KEPT = [b"kept 0", b"kept 1"]


async def write(connection: Connection, topic: str) -> None:
    """Write a transaction for each of the messages, and commit or abort it."""
    async with AIOKafkaProducer(**connection.aiokafka(), transactional_id=f"writer of {topic}") as producer:
        for value, commits in WRITTEN:
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value, partition=0)
            await (producer.commit_transaction() if commits else producer.abort_transaction())


@pytest.fixture
def topics(kafka: Connection, tmp_path: Path) -> Topics:
    """Topics of one partition; telemetry, which no stage understands, was written in transactions."""
    out = Topics(f"{tmp_path.name}-")
    create_topics(kafka, out, 1)
    asyncio.run(write(kafka, out.telemetry))
    return out


def read(feed: Feed, count: int, more_s: float = 3.0) -> list[Incoming]:
    """Return ``count`` messages, and what comes within ``more_s`` after them."""
    found, deadline = feed.poll(1.0), time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} messages"
        found += feed.poll(1.0)
    return [*found, *feed.poll(more_s)]


def test_a_worker_is_given_committed_messages_only(kafka: Connection, topics: Topics, home: Path) -> None:
    settings = Settings(
        home=str(home),
        fleet="fleets/backblaze.toml",
        broker=str(kafka),
        partitions=1,
        topic_prefix=topics.prefix,
    )
    command = [sys.executable, "-m", "chillcast", "worker", "features"]
    worker = subprocess.Popen(command, env={**os.environ, **settings.environment()}, cwd=ROOT)
    try:
        with Feed(kafka, (topics.dead_letters,), 1, from_start=True) as feed:
            letters = [codec.decode_json(m.value, DeadLetter) for m in read(feed, len(KEPT))]
    finally:
        worker.terminate()
        worker.wait(30)
    assert [(letter.offset, base64.b64decode(letter.payload)) for letter in letters] == [
        (0, KEPT[0]),
        (4, KEPT[1]),
    ]


def test_a_feed_gives_committed_messages_only(kafka: Connection, topics: Topics) -> None:
    with Feed(kafka, (topics.telemetry,), 1, from_start=True) as feed:
        assert [m.value for m in read(feed, len(KEPT))] == KEPT


def test_a_log_gives_committed_messages_only(kafka: Connection, topics: Topics) -> None:
    async def go() -> list[bytes | None]:
        log = KafkaLog(kafka, topics.telemetry)
        try:
            return [m.value for m in await log.all(0)]
        finally:
            await log.stop()

    assert asyncio.run(go()) == KEPT
