from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.kafka.committed import ISOLATION
from streams.kafka.connection import Connection
from streams.wire.validation import MAX_BYTES
from streams.worker.lane import WorkerOptions
from streams.worker.worker import create_app

ROOT = Path(__file__).parents[3]
CONSUMERS = ("AIOKafkaConsumer", "KafkaConsumer", "AIOKafkaConsumerThread")
FOLDERS = (
    "chillcast",
    "simulators",
    "streams",
    "models",
    "benchmarks",
    "tests",
    "examples",
    "scripts",
    "docs",
)


def constructions(source: str) -> Iterator[str]:
    """Yield the consumers that some source constructs, by whatever name it imported them."""
    tree = ast.parse(source)
    names = {name: name for name in CONSUMERS}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {one.asname: one.name for one in node.names if one.asname and one.name in CONSUMERS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield names[called]


def test_no_consumer_is_constructed_anywhere_but_in_one_place() -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for name in constructions(path.read_text(encoding="utf-8"))
    }
    assert found == {("streams/kafka/committed.py", "AIOKafkaConsumer")}


@pytest.mark.parametrize(
    "planted",
    [
        "KafkaConsumer()",
        "aiokafka.AIOKafkaConsumer(group_id='x')",
        "from kafka import KafkaConsumer as C\nC()",
        "def f():\n    return [KafkaConsumer()]",
    ],
)
def test_a_consumer_that_is_constructed_elsewhere_is_found(planted: str) -> None:
    assert len(list(constructions(planted))) == 1


def thread(*, commits: bool = False) -> Any:
    """Return a worker's consumer thread, not started."""
    app = create_app(WorkerOptions(Connection("127.0.0.1:1"), "group", ("telemetry",)), commits=commits)
    consumer: Any = app.transport.Consumer
    return consumer(app.transport, print, print, print)._thread


@pytest.mark.parametrize("commits", [True, False])
def test_a_worker_reads_what_was_committed_and_a_backlog_bit_by_bit_however_it_commits_itself(
    *, commits: bool
) -> None:
    async def created() -> Any:
        consumer = thread(commits=commits)._create_consumer(loop=asyncio.get_running_loop())
        await consumer.stop()
        return consumer

    consumer = asyncio.run(created())
    assert consumer._isolation_level == ISOLATION
    assert consumer._fetch_max_wait_ms <= 100
    assert consumer._max_poll_records in range(1, 1_001)
    assert consumer._fetch_max_bytes <= 2 * MAX_BYTES


def test_how_far_may_be_read_is_unknown_before_the_first_fetch_and_of_a_partition_of_others() -> None:
    async def known() -> list[object]:
        ours = thread()
        ours._consumer = ours._create_consumer(loop=asyncio.get_running_loop())
        ours._consumer.assign([TopicPartition("telemetry", 0)])
        found = [ours.highwater(TopicPartition("telemetry", partition)) for partition in (0, 1)]
        await ours._consumer.stop()
        return found

    assert asyncio.run(known()) == [None, None]
