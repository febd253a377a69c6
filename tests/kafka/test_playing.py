"""Simulated, recorded, replayed and steered as on the embedded broker, on a real Kafka."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chillcast.pipeline.publishing import Playing, publish
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.event_time import DAY_MS
from streams.kafka.cluster import connected
from streams.kafka.connection import Connection
from streams.kafka.topics import Topics
from tests.support.kafkad import KafkaServer
from tests.support.playing import check_same_bytes, check_steering, content, settings
from tests.support.reporters import Said
from tests.support.tidy_telemetry import FLEET as TOY
from tests.support.tidy_telemetry import clean

pytestmark = pytest.mark.kafka


@pytest.fixture
def prefix() -> str:
    """A prefix of topics that no run before has used, should the broker outlive the run."""
    return f"playing-{time.time_ns()}."


def test_simulated_recorded_and_replayed_the_messages_are_the_same_bytes(
    kafka: Connection, prefix: str, tmp_path: Path
) -> None:
    check_same_bytes(kafka.bootstrap, prefix, tmp_path)


def test_a_broker_that_goes_away_in_the_middle_of_a_replay_is_waited_for_and_gets_every_message_once(
    kafka_server: KafkaServer, prefix: str
) -> None:
    address = kafka_server.bootstrap
    whole = Playing("toy", lambda _: clean(), DAY_MS, 7 * DAY_MS)
    publish(settings(address, f"{prefix}a."), TOY, whole, Reporter())
    reporter, mine = Said(), settings(address, f"{prefix}b.")
    paced = dataclasses.replace(whole, speed=6 * 86_400 / 15)
    thread = threading.Thread(target=publish, args=(mine, TOY, paced, reporter))
    thread.start()
    wait_until(lambda: topic_exists(mine))
    time.sleep(4.0)
    kafka_server.stop()
    wait_until(lambda: any("ALARM" in text for text in reporter.said))
    kafka_server.start()
    thread.join(120)
    assert not thread.is_alive(), reporter.said
    assert content(address, f"{prefix}b.") == content(address, f"{prefix}a.")


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def topic_exists(mine: Settings) -> bool:
    with connected(mine.connection) as cluster:
        return Topics(mine.topic_prefix).control in cluster.topics()


def test_the_control_topic_steers_a_running_replay(kafka: Connection, prefix: str) -> None:
    check_steering(kafka.bootstrap, prefix)
