"""Asking a process over HTTP until it says that it is ready."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request


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
