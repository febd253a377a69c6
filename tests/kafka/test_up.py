"""`chillcast up` as a process manager runs it: ended under load, and started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.kafka.fault_run import Run, judge
from tests.kafka.faults import wait
from tests.kafka.toy import SECOND
from tests.kafka.up_process import up

pytestmark = pytest.mark.kafka


def test_a_pipeline_that_is_ended_under_load_and_started_again_has_said_everything_once(
    kafka: Connection, home: Path
) -> None:
    run = Run(kafka, home, None, exactly_once=True, load_s=150.0)
    with run.stack:
        run.thread.start()
        for _ in range(2):
            with up(run):
                wait(run.reached[SECOND].is_set, run, (), 240.0)
                run.watch((), 5.0)
        with up(run):
            run.hurried.set()
            run.thread.join(timeout=180)
            outcomes = judge(run, "SIGTERM of up", ())
    assert all(outcome.is_right for outcome in outcomes), outcomes
