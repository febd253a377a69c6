"""The embedded store: SQLite in WAL mode, so that a page reads while a worker writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from models.errors import ConfigError, UnavailableError
from streams.stores.point_rules import problem_of
from streams.stores.sqlite_reader import SqliteReader
from streams.stores.store import Flushed, Point, Rejection, Row, Value

_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS points (
    measurement TEXT NOT NULL,
    series TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    asset TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (measurement, series, time_ms)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_asset ON points (measurement, asset, time_ms);
"""
_UPSERT = """
INSERT INTO points VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET fields = json_patch(fields, excluded.fields)
"""


class SqliteStore:
    """Points in one file. The same measurement, tags and time overwrite; fields merge, as in InfluxDB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[Point] = []
        self._reader = SqliteReader(path, _BUSY_S)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None
            )
            self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError("store", "path", str(path), f"a writable SQLite database ({error})") from error

    def add(self, points: Iterable[Point]) -> None:
        """Take points in; nothing is promised yet."""
        self._waiting += points

    def flush(self) -> Flushed:
        """Write all that was added in one transaction; points that cannot be stored are rejected."""
        judged = [(point, problem_of(point)) for point in self._waiting]
        rows = [_row(point) for point, problem in judged if not problem]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(_UPSERT, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise UnavailableError(f"store {self.path}: {error}") from error
        self._waiting = []
        return Flushed(len(rows), tuple(Rejection(point, problem) for point, problem in judged if problem))

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        """Return the newest row of every series of ``measurement``, of those before ``before_ms``."""
        return self._reader.latest(measurement, before_ms)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        """Return the rows of one asset in [start_ms, end_ms), by time."""
        return self._reader.history(measurement, asset, start_ms, end_ms)

    def version(self) -> str:
        """Return a text that is another after every commit of anybody."""
        return self._reader.version()

    def close(self) -> None:
        """Close the file; points that were not flushed are lost."""
        self._reader.close()
        self._database.close()


def _row(point: Point) -> tuple[str, str, int, str, str]:
    series = msgspec.json.encode(dict(point.tags), order="sorted").decode()
    fields = msgspec.json.encode({name: _stored(value) for name, value in point.fields.items()}).decode()
    return point.measurement, series, point.time_ms, point.tags.get("asset", ""), fields


def _stored(value: Value) -> Value:
    return value if isinstance(value, str) else float(value)
