"""Asking a process over HTTP until it says that it is ready."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence


def ready_and_said(
    command: Sequence[str], url: str, environment: Mapping[str, str] | None = None
) -> tuple[bool, int, str]:
    """Start a process, end it once it is ready or will not be; return that, its exit code, what it said."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready = becomes_ready(url, process)
        finally:
            process.terminate()
            said = process.communicate(timeout=60)[1]
    return ready, process.returncode, said


def becomes_ready(url: str, process: subprocess.Popen[str], seconds: float = 300.0) -> bool:
    """Return whether ``url`` answers 200 before the process ends, or so much time has passed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    return False
