from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from streams.processes.supervisor import ChildStatus, Supervisor
from tests.support.small_disk import SmallDisk

Until = Callable[[Callable[[], bool]], None]
IsRunning = Callable[[int], bool]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
CRASH = [sys.executable, "-c", "import sys; sys.exit('out of luck')"]
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
from streams.processes.supervisor import Supervisor
child = [sys.executable, "-c", "import time; time.sleep(60)"]
supervisor = Supervisor({"a": child, "b": child}, Path(sys.argv[1]), alarm=lambda text: None)
supervisor.watch()
print(*(c.pid for c in supervisor.status()), flush=True)
time.sleep(60)
"""


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Run:
    """A supervisor under test, its clock and the alarms it gave."""

    def __init__(
        self, commands: Mapping[str, Sequence[str]], folder: Path, until: Until, room_bytes: int = 0
    ) -> None:
        self.clock, self.alarms, self.until = Clock(), list[str](), until
        self.supervisor = Supervisor(
            commands, folder, alarm=self.alarms.append, clock=self.clock, room_bytes=room_bytes
        )

    def heard(self) -> int:
        """Watch once; return the number of alarms so far."""
        self.supervisor.watch()
        return len(self.alarms)

    def restarts_after(self, name: str) -> int:
        """Watch until a child that runs now has ended and been noticed; return its restarts."""
        before = self.restarts(name)
        self.until(lambda: self._watched(name) > before)
        return self.restarts(name)

    def restarts(self, name: str) -> int:
        return next(c.restarts for c in self.supervisor.status() if c.name == name)

    def pid(self, name: str) -> int:
        return next(c.pid for c in self.supervisor.status() if c.name == name and c.pid)

    def _watched(self, name: str) -> int:
        self.supervisor.watch()
        return self.restarts(name)


Running = Callable[[Mapping[str, Sequence[str]]], Run]


@pytest.fixture
def running(tmp_path: Path, until: Until) -> Iterator[Running]:
    """Start a supervisor and stop it after the test."""
    with contextlib.ExitStack() as stack:

        def start(commands: Mapping[str, Sequence[str]]) -> Run:
            run = Run(commands, tmp_path, until)
            stack.enter_context(run.supervisor)
            return run

        yield start


def test_a_crash_loop_backs_off_up_to_half_a_minute(running: Running) -> None:
    run = running({"risk": CRASH})
    pauses = []
    for _ in range(8):
        run.restarts_after("risk")
        pauses.append(run.supervisor.children[0].due - run.clock.now)
        run.clock.now += pauses[-1]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_restart_is_announced_with_the_exit_code_and_the_log(running: Running, tmp_path: Path) -> None:
    run = running({"risk": CRASH})
    run.restarts_after("risk")
    log_file = tmp_path / "risk.log"
    assert run.alarms == [f"worker risk ended with 1; restart in 0.5 s; see {log_file}"]
    assert "out of luck" in log_file.read_text()


def test_a_worker_is_not_restarted_before_its_pause_is_over(running: Running) -> None:
    run = running({"risk": CRASH})
    run.restarts_after("risk")
    run.clock.now += 0.49
    run.supervisor.watch()
    assert run.supervisor.children[0].process is None
    run.clock.now += 0.01
    run.supervisor.watch()
    assert run.supervisor.children[0].process is not None


def test_a_minute_of_health_ends_the_back_off(running: Running) -> None:
    run = running({"risk": SLEEP})
    run.supervisor.children[0].pause_s = 16.0
    run.clock.now += 60
    os.kill(run.pid("risk"), signal.SIGKILL)
    run.restarts_after("risk")
    assert "risk ended with -9; restart in 0.5 s" in run.alarms[0]


def test_a_worker_that_ends_with_0_is_restarted_too(running: Running) -> None:
    run = running({"risk": [sys.executable, "-c", ""]})
    assert run.restarts_after("risk") == 1
    assert "risk ended with 0" in run.alarms[0]


def test_the_status_tells_who_runs_and_who_waits(running: Running) -> None:
    run = running({"features": SLEEP, "risk": CRASH})
    run.restarts_after("risk")
    run.clock.now += 0.25
    features, risk = run.supervisor.status()
    assert features == ChildStatus("features", run.pid("features"), 0.25, 0, None)
    assert risk == ChildStatus("risk", None, 0.0, 1, 1)


def test_stop_ends_every_child_with_sigterm(running: Running, is_running: IsRunning) -> None:
    run = running({"features": SLEEP, "risk": SLEEP})
    pids = [run.pid("features"), run.pid("risk")]
    assert all(map(is_running, pids))
    run.supervisor.stop()
    assert not any(map(is_running, pids))
    assert [c.exit_code for c in run.supervisor.status()] == [-signal.SIGTERM] * 2
    assert run.alarms == []


def test_a_child_deaf_to_sigterm_is_killed_with_an_alarm(
    running: Running, tmp_path: Path, until: Until
) -> None:
    run = running({"risk": STUBBORN})
    until(lambda: "up" in (tmp_path / "risk.log").read_text())
    run.supervisor.stop(grace_s=0.2)
    assert run.alarms == ["worker risk did not end within 0.2 s of SIGTERM and was killed"]
    assert run.supervisor.status()[0].exit_code == -signal.SIGKILL


def test_run_watches_until_it_is_told_to_stop(running: Running) -> None:
    run = running({"risk": CRASH})
    run.supervisor.run(lambda: bool(run.alarms), interval_s=0.01)
    assert run.restarts("risk") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_kill_9_of_the_supervisor_leaves_no_worker(
    tmp_path: Path, until: Until, is_running: IsRunning
) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    until(lambda: not any(map(is_running, pids)))


def test_what_a_worker_cries_out_is_passed_on_once_and_the_rest_is_not(tmp_path: Path, until: Until) -> None:
    says = "import time; print('fine'); print('ALARM store away', flush=True); time.sleep(60)"
    run = Run({"sink": [sys.executable, "-c", says]}, tmp_path, until)
    with run.supervisor:
        until(lambda: run.heard() >= 1)
        run.supervisor.watch()
        assert run.alarms == ["worker sink: store away"]


def test_a_log_that_is_cut_off_while_the_worker_runs_is_heard_from_its_start(
    tmp_path: Path, until: Until
) -> None:
    says = (
        "import sys\nprint('ALARM ' + 'x' * 100, flush=True)\nsys.stdin = open(sys.argv[1] + '/go')\n"
        "sys.stdin.read()\nprint('ALARM again', flush=True)\nimport time; time.sleep(60)"
    )
    os.mkfifo(tmp_path / "go")
    run = Run({"sink": [sys.executable, "-c", says, str(tmp_path)]}, tmp_path, until)
    with run.supervisor:
        until(lambda: run.heard() >= 1)
        os.truncate(tmp_path / "sink.log", 0)
        (tmp_path / "go").write_text("", encoding="utf-8")
        until(lambda: (tmp_path / "sink.log").stat().st_size > 0)
        until(lambda: run.heard() >= 2)
    assert run.alarms[1] == "worker sink: again"


def test_why_a_worker_gave_up_is_passed_on_before_that_it_ended(tmp_path: Path, until: Until) -> None:
    gives_up = [sys.executable, "-c", "import sys; sys.exit('chillcast: no champion yet')"]
    run = Run({"risk": gives_up}, tmp_path, until)
    with run.supervisor:
        until(lambda: run.heard() >= 2)
    assert run.alarms[0] == "worker risk: chillcast: no champion yet"
    assert run.alarms[1].startswith("worker risk ended with 1")


JSON_LOG = """
import json, time
def say(logger, message):
    record = {"time": "2024-05-01T12:00:00.000Z", "level": "ERROR", "logger": logger, "message": message}
    print(json.dumps(record))
say("streams.worker.worker", "the text chillcast.alarm is no alarm")
print('{"logger": "chillcast.alarm", "message": 5}')
print('{"logger": "chillcast.alarm", "mess')
say("chillcast.alarm", "store away")
say("chillcast.alarm", "two\\nlines")
print("end", flush=True)
time.sleep(60)
"""


def test_an_alarm_in_a_structured_log_is_passed_on_and_the_rest_is_not(tmp_path: Path, until: Until) -> None:
    run = Run({"sink": [sys.executable, "-c", JSON_LOG]}, tmp_path, until)
    with run.supervisor:
        until(lambda: run.heard() >= 2)
        run.supervisor.watch()
        assert run.alarms == ["worker sink: store away", "worker sink: two\nlines"]


def test_a_disk_that_is_nearly_full_is_an_alarm_at_most_once_a_minute(
    small_disk: SmallDisk, until: Until
) -> None:
    run = Run({"a": SLEEP}, small_disk.folder, until, room_bytes=4_000_000)
    with run.supervisor:
        assert run.alarms == []
        small_disk.fill(leave_bytes=2_000_000)
        for passed in (0, 59, 1):
            run.clock.now += passed
            run.supervisor.watch()
        assert [f"2 MB are left on the disk of {small_disk.folder}" in text for text in run.alarms] == [
            True
        ] * 2
        small_disk.make_room()
        run.clock.now += 60
        assert run.heard() == 2


def test_a_worker_whose_log_cannot_be_opened_is_started_later(tmp_path: Path, until: Until) -> None:
    (tmp_path / "logs").write_text("a file where the folder would be", encoding="utf-8")
    run = Run({"a": SLEEP}, tmp_path / "logs", until)
    with run.supervisor:
        (alarm,) = run.alarms
        assert alarm.startswith("worker a is not started: ")
        assert alarm.endswith("next try in 0.5 s")
        (tmp_path / "logs").unlink()
        run.clock.now += 0.5
        run.supervisor.watch()
        assert run.pid("a")
