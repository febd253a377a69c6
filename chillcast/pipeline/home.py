"""A home folder, and who is at work in it: two commands must not write the same files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from models.errors import ConfigError


@contextlib.contextmanager
def at_work(home: Path, *works: str) -> Iterator[None]:
    """Have a home for oneself: for its workers and their files (streaming), or for what is learnt (training).

    ``retraining-FLEET`` is the retraining of one fleet.
    A process may do so again. Raises ConfigError, with the number of the other process, if one is at work
    already; what it holds is free again when it ends, however it ends.
    """
    with contextlib.ExitStack() as stack:
        for work in works:
            stack.enter_context(_held(home, work))
        yield


@contextlib.contextmanager
def _held(home: Path, work: str) -> Iterator[None]:
    path = home / "run" / f"{work}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        owner = path.read_text(encoding="utf-8") or "another process"
        expected = f"a folder that no other command uses for {work}: {owner} does"
        raise ConfigError("environment", "CHILLCAST_HOME", str(home), expected) from error
    try:
        path.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield
    finally:
        lock.release()
