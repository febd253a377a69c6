from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.processes import children

Until = Callable[[Callable[[], bool]], None]
IsRunning = Callable[[int], bool]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN_CODE = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", STUBBORN_CODE]
PARENT = """
import sys, time
from pathlib import Path
from streams.processes import children
child = "print('up', flush=True); import time; time.sleep(60)"
process = children.start([sys.executable, "-c", child], Path(sys.argv[1]))
print(process.pid, flush=True)
{end}
"""


def test_a_child_writes_its_output_to_the_log(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "child.log"
    for _ in range(2):
        argv = [sys.executable, "-c", "import os, sys; print(os.environ['WORD']); sys.exit('bad')"]
        assert children.start(argv, log_file, {"WORD": "hello"}).wait(10) == 1
    assert log_file.read_text() == "hello\nbad\n" * 2


def test_a_program_that_does_not_exist_ends_with_a_reason_in_the_log(tmp_path: Path) -> None:
    log_file = tmp_path / "child.log"
    assert children.start(["/no/such/program"], log_file).wait(10) == 1
    assert "/no/such/program" in log_file.read_text() or "No such file" in log_file.read_text()


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    process = children.start(SLEEP, tmp_path / "child.log")
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert children.stop(process, grace_s=10) == -signal.SIGTERM


def test_a_child_deaf_to_sigterm_is_killed_after_its_grace(tmp_path: Path, until: Until) -> None:
    log_file = tmp_path / "child.log"
    process = children.start(STUBBORN, log_file)
    until(lambda: "up" in log_file.read_text())
    assert children.stop(process, grace_s=0.1) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_kill_9_of_the_parent_leaves_no_child(tmp_path: Path, until: Until, is_running: IsRunning) -> None:
    child = parent_and_child(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    until(lambda: not is_running(child))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_parent_that_ends_without_stopping_its_child_leaves_none(
    tmp_path: Path, until: Until, is_running: IsRunning
) -> None:
    child = parent_and_child(tmp_path, "sys.exit(0)")
    until(lambda: not is_running(child))


def parent_and_child(folder: Path, end: str) -> int:
    """Run a parent that starts a child, waits until it is up and ends; return the child's number."""
    log_file = folder / "child.log"
    wait = "while 'up' not in Path(sys.argv[1]).read_text(): time.sleep(0.01)\n"
    argv = [sys.executable, "-c", PARENT.format(end=wait + end), str(log_file)]
    return int(subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20).stdout)
