"""The supervisor: keeps the workers running, says when one had to be restarted, and leaves none behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from streams import children

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 60.0


@dataclass(slots=True)
class Child:
    """One worker: how it is started, and how it fares."""

    name: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    pause_s: float = _FIRST_PAUSE_S
    due: float = field(default=0.0)


class Supervisor:
    """Runs children; call `watch` regularly, or `run` to block. Use it in a ``with``, which stops them."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        log_folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        alarm: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.children = [Child(name, argv) for name, argv in commands.items()]
        self.log_folder, self.environment = log_folder, environment
        self.alarm, self.clock = alarm, clock

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
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, child.process.returncode, now)
            if child.process is None and now >= child.due:
                child.process = children.start(child.argv, self._log_file(child), self.environment)
                child.started = now

    def run(self, stopping: Callable[[], bool], interval_s: float = 0.5) -> None:
        """Watch until ``stopping`` says so."""
        while not stopping():
            self.watch()
            time.sleep(interval_s)

    def stop(self, grace_s: float = 20.0) -> None:
        """Stop every child: SIGTERM to all, then SIGKILL to those that are still there."""
        running = [c.process for c in self.children if c.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + grace_s
        for process in running:
            children.stop(process, grace_s=max(0.1, deadline - time.monotonic()))

    def _ended(self, child: Child, code: int, now: float) -> None:
        if now - child.started >= _HEALTHY_S:
            child.pause_s = _FIRST_PAUSE_S
        child.process, child.due = None, now + child.pause_s
        child.restarts += 1
        log_file = self._log_file(child)
        self.alarm(f"worker {child.name} ended with {code}; restart in {child.pause_s:g} s; see {log_file}")
        child.pause_s = min(2 * child.pause_s, _LONGEST_PAUSE_S)

    def _log_file(self, child: Child) -> Path:
        return self.log_folder / f"{child.name}.log"
