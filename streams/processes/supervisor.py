"""The supervisor: keeps the workers running, says when one had to be restarted, and leaves none behind."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from streams.alarms import ALARM_LOGGER
from streams.processes import children

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 60.0
_ROOM_BYTES = 100_000_000
_ROOM_EVERY_S = 60.0
_ATTENTION = ("ALARM ", "chillcast: ")


class _LogRecord(msgspec.Struct, frozen=True):
    """What a line of a structured log says; the rest of it stays in the log."""

    logger: str
    message: str


@dataclass(slots=True)
class Child:
    """One worker: how it is started, and how it fares."""

    name: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    pause_s: float = _FIRST_PAUSE_S
    due: float = 0.0
    exit_code: int | None = None
    heard: int = 0


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One worker at one moment.

    ``pid`` is None while it waits for its restart, ``running_s`` then 0; ``exit_code`` is that of its last
    end, minus the signal's number if one ended it, None if it never ended.
    """

    name: str
    pid: int | None
    running_s: float
    restarts: int
    exit_code: int | None


class Supervisor:
    """Runs children; call `watch` regularly, or `run` to block. Use it in a ``with``, which stops them.

    A worker has no reason to end by itself, so that one which does is restarted whatever its exit code: after
    half a second, then twice as long each time up to 30 s, and from the start again once it ran for a minute.
    What a worker writes goes to its log file; lines that ask for attention, ``ALARM …`` or ``chillcast: …``,
    or a JSON object whose ``logger`` is `ALARM_LOGGER`, are passed on as alarms too. So is a disk of the logs
    with less than ``room_bytes`` left: on a full one no worker could say so.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        log_folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        alarm: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        room_bytes: int = _ROOM_BYTES,
    ) -> None:
        self.children = [Child(name, argv) for name, argv in commands.items()]
        self.log_folder, self.environment = log_folder, environment
        self.alarm, self.clock, self.room_bytes = alarm, clock, room_bytes
        self._room_due = -math.inf

    def __enter__(self) -> Supervisor:
        self.watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def watch(self) -> None:
        """Start what is not running and due; a child that ended by itself is restarted after a pause."""
        now = self.clock()
        for child in self.children:
            self._listen(child)
            code = child.process.poll() if child.process is not None else None
            if code is not None:
                self._ended(child, code, now)
            if child.process is None and now >= child.due:
                self._start(child, now)
        self._look_for_room(now)

    def run(self, stopping: Callable[[], bool], interval_s: float = 0.5) -> None:
        """Watch until ``stopping`` says so."""
        while not stopping():
            self.watch()
            time.sleep(interval_s)

    def status(self) -> tuple[ChildStatus, ...]:
        """Return how each child fares, in the order of the commands."""
        return tuple(self._status(child, self.clock()) for child in self.children)

    def stop(self, grace_s: float = 20.0) -> None:
        """Stop every child: SIGTERM to all, then SIGKILL to those still there ``grace_s`` later."""
        running = [c for c in self.children if c.process is not None]
        for child in running:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = self.clock() + grace_s
        for child in running:
            self._stop(child, max(0.1, deadline - self.clock()), grace_s)

    def _start(self, child: Child, now: float) -> None:
        """Start a child; if even its log cannot be opened, try again after its pause."""
        try:
            child.heard = self._written(child)
            child.process = children.start(child.argv, self._log_file(child), self.environment)
            child.started = now
        except OSError as error:
            child.due = now + child.pause_s
            self.alarm(f"worker {child.name} is not started: {error}; next try in {child.pause_s:g} s")
            child.pause_s = min(2 * child.pause_s, _LONGEST_PAUSE_S)

    def _look_for_room(self, now: float) -> None:
        """Raise the alarm, at most once a minute, if the disk of the logs is nearly full."""
        if now < self._room_due or not self.log_folder.is_dir():
            return
        free = shutil.disk_usage(self.log_folder).free
        if free < self.room_bytes:
            self._room_due = now + _ROOM_EVERY_S
            self.alarm(
                f"{free / 1e6:.0f} MB are left on the disk of {self.log_folder}: make room; workers that "
                "find none wait, and their logs stay unwritten"
            )

    def _listen(self, child: Child) -> None:
        """Pass on what a child has written since the last look, as far as it asks for attention."""
        written = self._written(child)
        if written < child.heard:  # the log was cut off, as a rotation by copytruncate does
            child.heard = 0
        if child.process is None or written == child.heard:
            return
        with self._log_file(child).open("rb") as log:
            log.seek(child.heard)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        child.heard += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            attention = _attention(line)
            if attention is not None:
                self.alarm(f"worker {child.name}: {attention}")

    def _written(self, child: Child) -> int:
        path = self._log_file(child)
        return path.stat().st_size if path.exists() else 0

    def _stop(self, child: Child, left_s: float, grace_s: float) -> None:
        if child.process is None:
            return
        asked = child.process.poll() is None
        child.exit_code = children.stop(child.process, left_s)
        child.process = None
        if asked and child.exit_code == -children.KILLED:
            self.alarm(f"worker {child.name} did not end within {grace_s:g} s of SIGTERM and was killed")

    def _ended(self, child: Child, code: int, now: float) -> None:
        if now - child.started >= _HEALTHY_S:
            child.pause_s = _FIRST_PAUSE_S
        child.process, child.exit_code, child.due = None, code, now + child.pause_s
        child.restarts += 1
        log_file = self._log_file(child)
        self.alarm(f"worker {child.name} ended with {code}; restart in {child.pause_s:g} s; see {log_file}")
        child.pause_s = min(2 * child.pause_s, _LONGEST_PAUSE_S)

    def _status(self, child: Child, now: float) -> ChildStatus:
        process = child.process
        if process is None or process.poll() is not None:
            return ChildStatus(child.name, None, 0.0, child.restarts, child.exit_code)
        return ChildStatus(child.name, process.pid, now - child.started, child.restarts, child.exit_code)

    def _log_file(self, child: Child) -> Path:
        return self.log_folder / f"{child.name}.log"


def _attention(line: str) -> str | None:
    """Return what a line of a worker's log asks attention for, None if it does not.

    >>> _attention("ALARM store away")
    'store away'
    >>> _attention('{"logger": "chillcast.alarm", "message": "store away"}')
    'store away'
    """
    if line.startswith(_ATTENTION):
        return line.removeprefix("ALARM ")
    if not line.startswith("{") or ALARM_LOGGER not in line:
        return None
    try:
        record = msgspec.json.decode(line, type=_LogRecord)
    except msgspec.DecodeError:
        return None
    return record.message if record.logger == ALARM_LOGGER else None
