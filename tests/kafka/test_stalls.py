"""A worker that stands still raises an alarm; one that works, or has nothing to do, is quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.kafka.connection import Connection
from tests.kafka.fault_run import Run
from tests.kafka.faults import wait
from tests.kafka.toy import PARTITIONS

pytestmark = pytest.mark.kafka
PATIENCE_S = "4"


def logs(run: Run) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (run.home / "logs").glob("*.log"))


@contextmanager
def open_transaction(connection: Connection, topic: str) -> Iterator[None]:
    """Have messages lie on every partition that are not committed."""
    with asyncio.Runner() as runner:

        async def begin() -> AIOKafkaProducer:
            options = {"transactional_id": f"{topic}-open", "transaction_timeout_ms": 300_000}
            producer = AIOKafkaProducer(**connection.aiokafka(), **options)
            await producer.start()
            await producer.begin_transaction()
            for partition in range(PARTITIONS):
                await producer.send_and_wait(topic, b"open", partition=partition)
            return producer

        producer = runner.run(begin())
        yield
        runner.run(producer.abort_transaction())
        runner.run(producer.stop())


def test_who_reads_transactions_is_quiet_while_it_works_and_while_it_is_idle(
    kafka: Connection, home: Path
) -> None:
    run = Run(kafka, home, None, exactly_once=True, load_s=15, stages=("features", "landing"))
    with run.stack:
        workers = run.workers(patience_s=PATIENCE_S)
        run.thread.start()
        run.watch([workers], 20.0)
        run.thread.join()
        with open_transaction(kafka, run.topics.features):
            run.watch([workers], 15.0)
        assert not run.alarms
        assert "started processing" not in logs(run)


def test_one_that_stands_still_in_a_commit_says_so(kafka: Connection, home: Path) -> None:
    run = Run(kafka, home, None, exactly_once=True, load_s=15, stages=("features",))
    with run.stack:
        workers = run.workers(patience_s=PATIENCE_S)
        run.plant("features", "commit pause")
        run.thread.start()
        wait(lambda: any("nothing was processed" in text for text in run.alarms), run, [workers])
        run.fault_file("features").unlink()
    assert f"{run.topics.telemetry}/" in run.alarms[0]
    assert "though messages wait" in run.alarms[0]
