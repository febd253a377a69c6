"""`chillcast up` as a process, ended as a process manager ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.kafka.fault_run import Run
from tests.support.commands import ROOT, left_behind

_END_S = 40.0


@contextmanager
def up(
    run: Run,
    command: Sequence[str] = (sys.executable, "-m", "chillcast", "up"),
    end: Callable[[subprocess.Popen[bytes]], None] = subprocess.Popen.terminate,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command until the block ends; SIGTERM ends it in time, and it leaves no process behind."""
    environment = {**os.environ, **run.settings.environment()}
    with (run.home / "up.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    try:
        yield process
        assert process.poll() is None, (run.home / "up.log").read_text()
        end(process)
        assert process.wait(_END_S) == 0, (run.home / "up.log").read_text()
        assert left_behind(run.home) == []
    finally:
        process.kill()
        process.wait()
