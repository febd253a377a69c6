"""`chillcast up` as a process manager runs it: ended under load, and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.kafka.fault_run import Run, judge
from tests.kafka.faults import wait
from tests.kafka.toy import SECOND
from tests.support.commands import ROOT, left_behind

pytestmark = pytest.mark.kafka
_END_S = 40.0


@contextmanager
def up(
    run: Run, command: Sequence[str] = (sys.executable, "-m", "chillcast", "up")
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command until the block ends; SIGTERM ends it in time, and it leaves no process behind."""
    environment = {**os.environ, **run.settings.environment()}
    with (run.home / "up.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    try:
        yield process
        assert process.poll() is None, (run.home / "up.log").read_text()
        process.terminate()
        assert process.wait(_END_S) == 0, (run.home / "up.log").read_text()
        assert left_behind(run.home) == []
    finally:
        process.kill()
        process.wait()


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
