"""The topic of the state is really compacted, and what is left is still believed, and enough.

Snapshots that were broken off leave nothing in it that counts, or hides what does.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from kafka import KafkaAdminClient

from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog
from streams.stage import Outgoing
from streams.state.snapshots import STATE, Snapshots
from streams.worker.commit import LostPartitionError, SnapshotParts, Transactions
from tests.support.kept import Kept

pytestmark = pytest.mark.kafka
TOPIC, SMALL = "compacted-state", 64 * 1024


def create(connection: Connection) -> None:
    admin = KafkaAdminClient(**connection.kafka_python())
    eager = {
        "cleanup.policy": "compact",
        "segment.bytes": "1048576",
        "segment.ms": "1000",
        "min.cleanable.dirty.ratio": "0.01",
        "min.compaction.lag.ms": "0",
        "max.compaction.lag.ms": "1000",
    }
    for name, configs in ((TOPIC, eager), ("compacted-input", {})):
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1, "configs": configs}})
    admin.close()


async def written(connection: Connection, rounds: int) -> int:
    """Write snapshots of forty keys in transactions, each with some of them changed; return the records."""
    records = 0
    committer, snapshots = Transactions(connection, "compacting"), Snapshots(TOPIC, "kept")
    await committer.open("compacted-input", 0, remembers=True)
    for i in range(rounds):
        changes = [
            (b"key%d" % k, b"%d" % i + bytes(SMALL // 8)) for k in range(40) if (i + k) % 3 == 0 or not i
        ]
        state = list(snapshots.write(changes, i + 1))
        records += len(state)
        await committer.save(SnapshotParts("compacted-input", 0, [state]), lambda: True)
        await broken_off(committer, i)
    await committer.close()
    return records


async def broken_off(committer: Transactions, i: int) -> None:
    """Write half a snapshot, of keys that are there and of others, and abort it."""
    torn = [Outgoing(TOPIC, b"key%d" % k, b"torn" + bytes(SMALL // 8), STATE) for k in range(i % 7, 80, 7)]
    answers = iter([True, False])
    with pytest.raises(LostPartitionError):
        await committer.save(SnapshotParts("compacted-input", 0, [torn]), lambda: next(answers))


async def read(connection: Connection) -> tuple[int, Kept, Snapshots]:
    log, stage, snapshots, count = KafkaLog(connection, TOPIC), Kept(), Snapshots(TOPIC, "kept"), 0
    async for messages in log.read(0, await log.begin(0), await log.end(0)):
        for message in messages:
            snapshots.read(message, stage)
            count += 1
    await log.stop()
    return count, stage, snapshots


def test_a_compacted_snapshot_is_whole(kafka: Connection) -> None:
    create(kafka)
    rounds = 60
    before = asyncio.run(written(kafka, rounds))
    deadline = time.monotonic() + 60
    while True:
        after, compacted, snapshots = asyncio.run(read(kafka))
        if after < before:
            break
        assert time.monotonic() < deadline, f"{before} records, {after} a minute later"
        time.sleep(1.0)
    position = snapshots.verify()
    assert position is not None
    assert position.offset == rounds
    assert len(compacted.values) == 40
    assert all(int(value.rstrip(b"\0")) >= rounds - 3 for value in compacted.values.values())
