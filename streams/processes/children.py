"""Child processes that end with their parent, also if the parent is killed."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

KILLED = signal.SIGKILL.value
_TETHER = Path(__file__).with_name("die_with_parent.py")
_running: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def start(
    argv: Sequence[str], log_file: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to ``log_file``.

    Ctrl-C at the terminal reaches only the parent, which then stops its children in order. On Linux the
    kernel kills them if the parent dies without doing so; it looks at the *thread* that called, so call from
    one that lives as long as the children should. Elsewhere they are killed when the interpreter exits.
    A program that cannot be run says so in the log and ends with a code above 0.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())]
    with log_file.open("ab") as output:
        process = subprocess.Popen(
            [*tether, *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    _running.add(process)
    return process


def stop(process: subprocess.Popen[bytes], grace_s: float) -> int:
    """End a process: SIGTERM, then SIGKILL to its session after ``grace_s``; return its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            _kill(process)
    return process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not reaped yet, so that its number cannot belong to another process.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def _kill_all() -> None:
    for process in list(_running):
        _kill(process)
