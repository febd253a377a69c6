"""The first hop of a producer without keys, as a process of its own that is killed while it commits."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from chillcast.settings import Settings
from models.fleet.config import table_json
from models.telemetry.samples import Samples
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.processes.supervisor import Supervisor
from streams.stage import Incoming
from streams.wire.telemetry import TelemetryDecoder
from tests.kafka.fault_worker import ForkingSupervisor
from tests.support.foreign_fleet import AT, fleet

pytestmark = pytest.mark.kafka
PARTITIONS, MACHINES, MINUTES = 3, 7, 400
STEPS = ("send pause", "offsets pause", "commit pause")
Reading = tuple[str, int, float]


class Hop:
    """A topic without keys, and the worker that gives its messages the keys of their machines."""

    def __init__(self, connection: Connection, home: Path) -> None:
        self.connection, self.home, self.topics = connection, home, Topics(f"rekey{time.time_ns()}-")
        self.source = f"{self.topics.prefix}gateway"
        home.mkdir(parents=True)
        (home / "fleet.json").write_bytes(table_json(fleet()))
        create_topics(connection, self.topics, PARTITIONS)
        admin = KafkaAdminClient(**connection.kafka_python())
        admin.create_topics([NewTopic(self.source, 2, 1)])
        admin.close()
        self.settings = Settings(
            home=str(home),
            fleet=str(home / "fleet.json"),
            broker=str(connection),
            partitions=PARTITIONS,
            session_timeout_s=3,
            topic_prefix=self.topics.prefix,
            rekey_topic=self.source,
        )

    def worker(self) -> Supervisor:
        environment = {**self.settings.environment(), "CHILLCAST_TEST_FAULT": str(self.home)}
        return ForkingSupervisor(
            {"rekey": ["rekey"]}, self.home / "logs", environment=environment, alarm=print
        )

    def send(self, minutes: range) -> None:
        """Send a sample of each machine and minute, one message each, without a key."""
        with KafkaProducer(**self.connection.kafka_python()) as producer:
            for minute in minutes:
                for machine in range(MACHINES):
                    values = {"temp": minute / 10, "flow": float(machine)}
                    sample = {"asset": f"P{machine}", "time": AT + 60_000 * minute, "values": values}
                    producer.send(self.source, json.dumps(sample).encode(), partition=minute % 2)

    def kill(self, supervisor: Supervisor, step: str) -> None:
        """Kill the worker where it stands once it has come to a step of its next commit."""
        fault, hit = self.home / "fault-rekey", self.home / "fault-rekey.hit"
        hit.unlink(missing_ok=True)
        waiting = fault.with_suffix(".new")
        waiting.write_text(step, encoding="utf-8")
        waiting.rename(fault)
        until(lambda: hit.exists() and bool(hit.read_text(encoding="utf-8")), supervisor)
        os.kill(int(hit.read_text(encoding="utf-8")), signal.SIGKILL)
        fault.unlink()


def until(what: Callable[[], bool], supervisor: Supervisor, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        supervisor.watch()
        time.sleep(0.05)


def readings(message: Incoming) -> Iterator[Reading]:
    """Yield what a block says, once it was found to stand at home."""
    record = TelemetryDecoder(fleet()).one(message).record
    assert isinstance(record, Samples)
    assert {partition_of(name, PARTITIONS) for name in record.assets} == {message.partition}
    assert message.key is not None
    assert message.key.decode() in record.assets
    for asset, time_ms, row in zip(record.asset, record.time_ms, record.values, strict=True):
        yield record.assets[asset], int(time_ms), float(row[1])


def test_a_first_hop_killed_within_its_commits_sends_every_message_home_once(
    kafka: Connection, home: Path
) -> None:
    hop, found = Hop(kafka, home), Counter[Reading]()
    topics = [hop.topics.telemetry, hop.topics.dead_letters]
    expected = Counter(
        (f"P{m}", AT + 60_000 * minute, float(m)) for m in range(MACHINES) for minute in range(MINUTES)
    )
    with Feed(kafka, topics, PARTITIONS, from_start=True) as reader, hop.worker() as worker:
        part = MINUTES // (len(STEPS) + 1)
        for i, step in enumerate(STEPS):
            hop.send(range(part * i, part * (i + 1)))
            hop.kill(worker, step)
        hop.send(range(part * len(STEPS), MINUTES))
        deadline = time.monotonic() + 120
        while found.total() < expected.total() and time.monotonic() < deadline:
            worker.watch()
            for message in reader.poll(0.2):
                assert message.topic == hop.topics.telemetry, message.value
                found.update(readings(message))
        for message in reader.poll(3.0):
            found.update(readings(message))
    assert found == expected
