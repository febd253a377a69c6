"""A worker with a name that is killed, and back in time, keeps its partitions; the other goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from streams.kafka.cluster import connected
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from tests.kafka.fault_run import Run
from tests.kafka.faults import running, wait
from tests.kafka.undisturbed import replay_to

pytestmark = pytest.mark.kafka
NAMES = ("plant-features-0", "plant-features-1")


def members(run: Run) -> set[str]:
    with connected(run.connection) as cluster:
        return set(cluster.members(run.topics.group("features")))


def test_a_named_worker_that_is_back_in_time_keeps_its_place(kafka: Connection, home: Path) -> None:
    run = Run(kafka, home, None, stages=("features",))
    supervisors = []
    with run.stack:
        for number, name in enumerate(NAMES):
            changed = {"worker_id": name, "session_timeout_s": 40}
            run.settings = run.settings.model_copy(update=changed)
            supervisors.append(run.workers(number))
        wait(lambda: len(members(run)) == len(NAMES), run, supervisors, 120.0)
        with Publisher(kafka) as publisher:
            replay_to(run.topics, publisher.send, lambda _: None)
        wait(lambda: run.heard.has_ended(run.topics.features), run, supervisors, 120.0)
        before = members(run)
        named = {name: next(m for m in before if name in m) for name in NAMES}
        assert all("-exactly-once-" in member for member in before)
        (pid,) = running(run, supervisors)
        os.kill(pid, signal.SIGKILL)
        wait(lambda: members(run) - before != set(), run, supervisors, 60.0)
        after = members(run)
        assert len(after) == len(NAMES)
        assert named[NAMES[1]] in after
        assert named[NAMES[0]] not in after
