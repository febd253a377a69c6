"""Reads the embedded store, read-only, while others write to it."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.errors import UnavailableError
from streams.stores.selection import Selected, Selection
from streams.stores.sqlite_selection import count_rows, select_rows, stamp_of
from streams.stores.store import Row

_BUSY_S = 2.0
_NO_END_MS = 2**63 - 1
# Steps from series to series by the primary key: a plain GROUP BY reads the whole history.
_LATEST = """
WITH RECURSIVE s(series) AS (
    SELECT min(series) FROM points WHERE measurement = ?1
    UNION ALL
    SELECT (SELECT min(series) FROM points WHERE measurement = ?1 AND series > s.series)
    FROM s WHERE s.series IS NOT NULL
)
SELECT p.time_ms, p.series, p.fields FROM s CROSS JOIN points p
WHERE p.measurement = ?1 AND p.series = s.series
AND p.time_ms = (
    SELECT max(time_ms) FROM points WHERE measurement = ?1 AND series = s.series AND time_ms < ?2
)
ORDER BY p.time_ms, p.series
"""
_HISTORY = """
SELECT time_ms, series, fields FROM points
WHERE measurement = ? AND asset = ? AND time_ms >= ? AND time_ms < ? ORDER BY time_ms, series
"""
FileIdentity = tuple[int, int]


class SqliteReader:
    """A connection of its own, opened when it is first needed, and anew if another file took its place.

    A file that was never there, or in which nobody has written yet, is an empty store. Safe to share between
    threads. ``busy_s`` is how long a read waits for who holds the file for himself.
    """

    def __init__(self, path: Path, busy_s: float = _BUSY_S) -> None:
        self.path, self.busy_s = path, busy_s
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._file: FileIdentity | None = None

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        """Return the newest row of every series of ``measurement``, of those before ``before_ms``."""
        return self._rows(_LATEST, measurement, _NO_END_MS if before_ms is None else before_ms)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        """Return the rows of one asset in [start_ms, end_ms), by time."""
        return self._rows(_HISTORY, measurement, asset, start_ms, end_ms)

    def select(self, selection: Selection) -> Selected:
        """Return a part of the newest rows that satisfy what is asked, and how many do."""
        values = [
            v if isinstance(v, str | float) else msgspec.json.encode([*v]).decode()
            for v in (condition.value for condition in selection.conditions)
        ]
        found = self._read(count_rows(selection), *values)
        rows = self._rows(select_rows(selection), *values, selection.most, selection.start)
        return Selected(found[0][0] if found else 0, rows)

    def stamp(self, measurement: str) -> str:
        """Return a text that is another once a row with a ``revision`` was written or changed."""
        return " ".join(f"{value:.0f}" for row in self._read(stamp_of(measurement)) for value in row)

    def version(self) -> str:
        """Return a text that is another after every commit of anybody."""
        found = self._read("PRAGMA data_version")
        return f"{self._file} {found[0][0]}" if found else "empty"

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _rows(self, query: str, *values: object) -> list[Row]:
        try:
            return [
                Row(int(time_ms), msgspec.json.decode(series), msgspec.json.decode(fields))
                for time_ms, series, fields in self._read(query, *values)
            ]
        except (ValueError, TypeError) as error:
            raise UnavailableError(f"store {self.path}: a row that cannot be read ({error})") from error

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            database = self._opened()
            return database.execute(query, values).fetchall() if database else []
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"store {self.path}: {error}") from error

    def _opened(self) -> sqlite3.Connection | None:
        """Return the connection, None while there is nothing to connect to."""
        with self._lock:
            file = identity(self.path)
            if file is None and self._file is not None:
                raise FileNotFoundError(errno.ENOENT, "No such file", str(self.path))
            if file is None or file != self._file:
                self._database = None
            if file is not None and self._database is None:
                self._database = self._connect()
            self._file = file if self._database else self._file
            return self._database

    def _connect(self) -> sqlite3.Connection | None:
        address = f"{self.path.resolve().as_uri()}?mode=ro"
        database = sqlite3.connect(address, self.busy_s, uri=True, check_same_thread=False)
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'points'").fetchone():
            return database
        database.close()
        return None


def identity(path: Path) -> FileIdentity | None:
    """Return which file lies at a path, None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
