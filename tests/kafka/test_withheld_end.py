"""A message that is never delivered is found, even if none comes after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.publisher import Publisher
from tests.kafka.fault_run import Run
from tests.kafka.faults import wait
from tests.kafka.toy import PARTITIONS
from tests.kafka.undisturbed import Placed, replay_to

pytestmark = pytest.mark.kafka


@pytest.fixture(params=["Apache Kafka", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    if request.param == "embedded":
        with EmbeddedBroker(tmp_path / "broker.log") as embedded:
            yield Connection(embedded.bootstrap)
    else:
        yield request.getfixturevalue("kafka")


def telemetry_of(run: Run) -> tuple[list[Placed], list[Placed]]:
    """Return what is to be sent: all but the last message of each partition, and these."""
    sent: list[Placed] = []
    replay_to(run.topics, lambda partition, message: sent.append((partition, message)), lambda _: None)
    last = {max(i for i, (p, _) in enumerate(sent) if p == partition) for partition in range(PARTITIONS)}
    return [m for i, m in enumerate(sent) if i not in last], [sent[i] for i in sorted(last)]


def send(connection: Connection, messages: Sequence[Placed]) -> None:
    with Publisher(connection) as publisher:
        for partition, message in messages:
            publisher.send(partition, message)


def test_the_last_message_of_a_partition_is_processed_though_it_was_withheld(
    broker: Connection, home: Path
) -> None:
    run = Run(broker, home, None, stages=("features",))
    most, last = telemetry_of(run)
    with run.stack:
        workers = run.workers()
        send(broker, most)
        heard = run.heard.messages[run.topics.telemetry]
        wait(lambda: len(heard) == len(most) and not run.lag("features"), run, [workers])
        run.plant("features", "withhold")
        send(broker, last)
        wait(lambda: run.heard.has_ended(run.topics.features), run, [workers], 40.0)
        wait(lambda: not run.lag("features"), run, [workers], 20.0)
