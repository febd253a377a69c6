"""A batch that cannot be decoded costs itself, visibly, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chillcast.doctor.broker_checks import broker_findings
from chillcast.doctor.findings import Finding
from streams.kafka.connection import Connection
from streams.kafka.damage import DAMAGED
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import DeadLetter
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.kafka.fault_run import Outcome, Run, judge
from tests.kafka.toy import PARTITIONS, fleet
from tests.support.batches import CODECS, by_hand, overwrite, segment, stored, write
from tests.support.kafkad import KafkaServer

GARBAGE, RECORDS = b"no frame of any codec " * 20, 7


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("damage") / "broker.log") as broker:
        yield Connection(broker.bootstrap)


def prepared(connection: Connection, prefix: str) -> Topics:
    topics = Topics(prefix)
    create_topics(connection, topics, 1)
    return topics


def send(connection: Connection, topic: str, *texts: str) -> None:
    with Publisher(connection) as publisher:
        for text in texts:
            publisher.send(0, Outgoing(topic, b"", text.encode(), "text/plain"))


def surrounded(connection: Connection, topic: str, batch: bytes) -> None:
    """Write a batch by hand between two messages."""
    send(connection, topic, "before")
    assert write(connection, topic, 0, batch) == "NoError"
    send(connection, topic, "after")


async def logged(connection: Connection, topic: str, start: int = 0) -> list[Incoming]:
    log = KafkaLog(connection, topic)
    try:
        return [m async for part in log.read(0, start, await log.end(0)) for m in part]
    finally:
        await log.stop()


def dead_letters(run: Run) -> list[DeadLetter]:
    async def letters() -> list[DeadLetter]:
        log = KafkaLog(run.connection, run.topics.dead_letters)
        try:
            found = [m for p in range(PARTITIONS) for m in await log.all(p)]
        finally:
            await log.stop()
        return [codec.decode_json(m.value, DeadLetter) for m in found]

    return asyncio.run(letters())


@pytest.mark.parametrize("codec", CODECS)
def test_a_log_gives_one_message_for_a_batch_that_cannot_be_decoded(embedded: Connection, codec: str) -> None:
    topic = prepared(embedded, f"log-{codec}-").telemetry
    batch = by_hand(GARBAGE, CODECS[codec], RECORDS)
    surrounded(embedded, topic, batch)
    before, damaged, after = asyncio.run(logged(embedded, topic))
    assert (before.value, after.value) == (b"before", b"after")
    assert (damaged.offset, damaged.content_type) == (RECORDS, DAMAGED)
    assert "offsets 1 to 7 cannot be decoded" in damaged.damage
    assert (damaged.value or b"")[12:] == batch[12:]


def test_a_log_that_is_read_from_within_such_a_batch_names_it_too(embedded: Connection) -> None:
    topic = prepared(embedded, "within-").telemetry
    surrounded(embedded, topic, by_hand(GARBAGE, CODECS["zstd"], RECORDS))
    damaged, after = asyncio.run(logged(embedded, topic, start=4))
    assert (damaged.offset, after.value) == (RECORDS, b"after")


def doctors_word(run: Run) -> Finding:
    findings = broker_findings(run.settings, fleet())
    return next(f for f in findings if f.what == "dead letters")


def planted(run: Run) -> Outcome:
    """Start a worker on telemetry that has everything, and damage in partition 0."""
    (outcome,) = judge(run, "damage", [run.workers()])
    return outcome


def only_moved(run: Run, outcome: Outcome) -> bool:
    """Return whether all is as without the damage, but for the offsets that letters behind it name."""
    letters = [x for x in dead_letters(run) if x.content_type != DAMAGED and x.partition == 0]
    found = outcome.missing, outcome.wrong, outcome.duplicate, outcome.lag
    return found == (len(letters), len(letters), 0, 0)


def damaged(run: Run) -> list[DeadLetter]:
    return [letter for letter in dead_letters(run) if letter.content_type == DAMAGED]


def test_a_worker_names_it_and_goes_on_with_all_partitions(embedded: Connection, tmp_path: Path) -> None:
    run = Run(embedded, tmp_path / "home", None, load_s=0, stages=("features",))
    assert write(embedded, run.topics.telemetry, 0, by_hand(GARBAGE, CODECS["zstd"], RECORDS)) == "NoError"
    with run.stack:
        run.thread.start()
        run.thread.join()
        outcome = planted(run)
    assert only_moved(run, outcome), outcome
    (letter,) = damaged(run)
    assert (letter.topic, letter.partition, letter.offset) == (run.topics.telemetry, 0, RECORDS - 1)
    assert f"offsets 0 to {RECORDS - 1} cannot be decoded" in letter.reason
    logged = "".join(path.read_text() for path in (run.home / "logs").iterdir() if path.is_file())
    assert f"{run.topics.telemetry}/0 offset {RECORDS - 1}: a batch of" in logged
    found = doctors_word(run)
    assert (found.status, found.detail[:20]) == ("FAIL", "1 batches lost in a ")
    assert f"{run.topics.telemetry}/0 offset {RECORDS - 1}" in found.detail


@pytest.mark.kafka
def test_what_rots_on_the_disk_of_apache_kafka_costs_itself_only(
    kafka_server: KafkaServer, home: Path
) -> None:
    """Apache Kafka refuses to append such batches: they are made where it keeps them, while it is down."""
    connection = Connection(kafka_server.bootstrap)
    run = Run(connection, home, kafka_server, exactly_once=True, load_s=0, stages=("features",))

    with run.stack:
        for _ in range(2):
            send(run.connection, run.topics.telemetry, "text")
        run.thread.start()
        run.thread.join()
        first, second = stored(run.connection, run.topics.telemetry)[:2]
        kafka_server.stop()
        path = segment(kafka_server, run.topics.telemetry, 0)
        overwrite(path, first, checksum=True)
        overwrite(path, second, checksum=False)
        kafka_server.start()
        outcome = planted(run)
    assert only_moved(run, outcome), outcome
    letters = damaged(run)
    assert [(letter.offset, letter.content_type) for letter in letters] == [(0, DAMAGED), (1, DAMAGED)]
    assert "zstd" in letters[0].reason or "frame" in letters[0].reason
    assert "checksum" in letters[1].reason
    assert doctors_word(run).detail.startswith("2 batches lost in a day")


def test_a_feed_leaves_it_out_and_raises_an_alarm(
    embedded: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    topic = prepared(embedded, "feed-").telemetry
    surrounded(embedded, topic, by_hand(GARBAGE, CODECS["lz4"], RECORDS))
    found: list[bytes | None] = []
    deadline = time.monotonic() + 20
    with Feed(embedded, (topic,), 1, from_start=True) as feed:
        while len(found) < 2 and time.monotonic() < deadline:
            found += [m.value for m in feed.poll(0.5)]
    assert found == [b"before", b"after"]
    assert "cannot be decoded" in caplog.text
