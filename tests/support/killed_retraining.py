"""Looks once after a fleet's model, and is killed when it first remembers something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from chillcast.retraining.memory import Memory, MemoryFile
from chillcast.retraining.retraining import Retraining
from chillcast.retraining.service import SERVICE
from models.registry.mlflow_registry import Registry
from tests.support.commands import ROOT
from tests.support.drifted_homes import CONFIG, models_of


def die(*_: Any) -> NoReturn:
    """End as `kill -9` ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def look(home: Path, broker: str, prefix: str, when: str) -> None:
    """Look once, and be killed ``when`` it is about to remember something the ``first`` or ``second`` time.

    Or when it is ``marking`` a promotion that is claimed; ``never``: it is left alone.
    """
    write, left = MemoryFile.write, [{"first": 0, "second": 1}.get(when, 1000)]

    def remember(file: MemoryFile, memory: Memory) -> None:
        left[0] -= 1
        if left[0] < 0:
            die()
        write(file, memory)

    MemoryFile.write = remember  # type: ignore[method-assign, assignment]
    if when == "marking":
        Registry.mark = die  # type: ignore[method-assign, assignment]
    models = models_of(home, broker=broker, topic_prefix=prefix)
    Retraining(models, CONFIG, SERVICE, lambda _: None).look()


def looked(home: Path, broker: str, prefix: str, when: str) -> int:
    """Look once in a process of its own; return its exit code, -9 if it was killed."""
    argv = [sys.executable, "-m", __name__, str(home), broker, prefix, when]
    return subprocess.run(argv, timeout=300, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    look(Path(sys.argv[1]), *sys.argv[2:5])
