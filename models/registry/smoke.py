"""A bundle is tried before it is used: another process loads and scores every model of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from models.errors import ModelError

_LIMIT_S, _SEGMENT_S = 60.0, 0.02


def smoke_test(folder: Path, segments: int) -> None:
    """Load and score in another process; each segment's model gives it more time. Raises ModelError."""
    limit_s = _LIMIT_S + segments * _SEGMENT_S
    command = [sys.executable, "-m", "models.registry.smoke_process", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, check=False, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{folder}: no score within {limit_s:g} s") from error
    if done.returncode:
        raise ModelError(f"{folder}: does not score (exit {done.returncode}): {done.stderr.strip()[-300:]}")
