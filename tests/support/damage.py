"""What can happen to the file of an embedded store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point

_PAGE_BYTES = 4096


def locked(path: Path) -> sqlite3.Connection:
    """Hold the file for ourselves, as a repair or a copy does, until what is returned is closed."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE;")
    return holder


def overwritten(path: Path) -> None:
    """Write over the middle of the file."""
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))


def garbled(path: Path) -> None:
    """Leave rows whose fields are no JSON."""
    with sqlite3.connect(path) as database:
        database.execute("UPDATE points SET fields = '{' || fields")


def replaced(path: Path) -> None:
    """Put another kind of file in its place."""
    path.write_bytes(b"no database, but long enough to be looked at" * 50)


Harm = Callable[[Path], object]
HARMS = [
    pytest.param(locked, "locked", id="locked"),
    pytest.param(overwritten, "malformed", id="overwritten"),
    pytest.param(garbled, "a row that cannot be read", id="garbled"),
    pytest.param(Path.unlink, "No such file", id="gone"),
    pytest.param(replaced, "not a database", id="replaced"),
]


def damaged_store(path: Path) -> Path:
    """Write a store of 10,000 points, and over a page in the midst of it, which few readers come by."""
    store = SqliteStore(path)
    store.add(
        Point("scores", {"asset": f"CH-{i}"}, {"risk_7d": 0.1}, time_ms)
        for i in range(50)
        for time_ms in range(200)
    )
    store.flush()
    store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // _PAGE_BYTES * _PAGE_BYTES)
        file.write(b"\xa5" * _PAGE_BYTES)
    return path
