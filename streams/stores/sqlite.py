"""The embedded store: SQLite in WAL mode, so that a page reads while a worker writes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from models.errors import ConfigError, UnavailableError
from streams.stores.point_rules import problem_of
from streams.stores.selection import Selected, Selection
from streams.stores.sqlite_reader import FileIdentity, SqliteReader, identity
from streams.stores.sqlite_selection import INDEX
from streams.stores.store import Flushed, Point, Rejection, Row, Value

_BUSY_S = 30.0
_SETTINGS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-256;"
"""With less than FULL a power cut may take back a flush whose messages are acknowledged. With a connection
for each partition, the usual 2 MB of pages fill slowly, and make no write faster."""
_LOOKED_AT_STEPS = 10_000  # of SQLite's machine, between two looks at the clock: some milliseconds
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
_STAMP = "coalesce(json_extract({0}, '$.revision'), json_extract({0}, '$.time_ms'), 0)"
_UPSERT = f"""
INSERT INTO points VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET fields = json_patch(fields, excluded.fields)
WHERE {_STAMP.format("fields")} <= {_STAMP.format("excluded.fields")}
"""  # noqa: S608  (nothing of it comes from outside)


class SqliteStore:
    """Points in one file. The same measurement, tags and time overwrite; fields merge, as in InfluxDB.

    But no ``revision``, and no watermark's ``time_ms``, overwrites a higher one: a worker that was stopped
    for long may wake up and write it. If the file was moved away, or another is in its place, the next flush
    is to what lies at ``path`` then. A lock that another process holds is waited for up to ``busy_s``.
    """

    def __init__(self, path: Path, busy_s: float = _BUSY_S) -> None:
        self.path, self.busy_s = path, busy_s
        self._waiting: list[Point] = []
        self._reader = SqliteReader(path, busy_s)
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError("store", "path", str(path), f"a writable SQLite database ({error})") from error

    def add(self, points: Iterable[Point]) -> None:
        """Take points in; nothing is promised yet."""
        self._waiting += points

    def flush(self) -> Flushed:
        """Write all that was added in one transaction; points that cannot be stored are rejected."""
        judged = [(point, problem_of(point)) for point in self._waiting]
        rows = [_row(point) for point, problem in judged if not problem]
        with self._connected() as database:
            try:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(_UPSERT, rows)
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")
        self._waiting = []
        return Flushed(len(rows), tuple(Rejection(point, problem) for point, problem in judged if problem))

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        """Return the newest row of every series of ``measurement``, of those before ``before_ms``."""
        return self._reader.latest(measurement, before_ms)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        """Return the rows of one asset in [start_ms, end_ms), by time."""
        return self._reader.history(measurement, asset, start_ms, end_ms)

    def select(self, selection: Selection) -> Selected:
        """Return a part of the newest rows that satisfy what is asked, and how many do."""
        return self._reader.select(selection)

    def stamp(self, measurement: str) -> str:
        """Return a text that is another once a row with a ``revision`` was written or changed."""
        return self._reader.stamp(measurement)

    def version(self) -> str:
        """Return a text that is another after every commit of anybody."""
        return self._reader.version()

    def check(self, within_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
        """Look for damage, for ``within_s`` at most; return whether that was enough to look at everything.

        Raises UnavailableError with what is damaged.
        """
        deadline = clock() + within_s
        with self._connected() as database:
            database.set_progress_handler(lambda: clock() > deadline, _LOOKED_AT_STEPS)
            try:
                found = [text for (text,) in database.execute("PRAGMA quick_check(1)")]
            except sqlite3.OperationalError:
                if clock() <= deadline:
                    raise
                return False
            finally:
                database.set_progress_handler(None, 0)
        if found != ["ok"]:
            raise self._damaged(" ".join(found))
        return True

    def close(self) -> None:
        """Close the file; points that were not flushed are lost."""
        self._reader.close()
        self._database.close()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection to what lies at the path now; what fails with it is an UnavailableError."""
        try:
            if self._opened is None or identity(self.path) != self._opened:
                self._database.close()
                self._open()
            yield self._database
        except (OSError, sqlite3.Error) as error:
            if type(error) is sqlite3.DatabaseError:  # those that say more are of classes below it
                raise self._damaged(str(error)) from error
            raise UnavailableError(f"store {self.path}: {error}") from error

    def _open(self) -> None:
        self._opened: FileIdentity | None = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            self.path, timeout=self.busy_s, check_same_thread=False, isolation_level=None
        )
        self._database.executescript(_SETTINGS + _SCHEMA + INDEX)
        self._opened = identity(self.path)

    def _damaged(self, what: str) -> UnavailableError:
        name = self.path.name
        remedy = f"move {name}, {name}-wal and {name}-shm away together, and a new one is begun"
        return UnavailableError(f"store {self.path}: damaged: {' '.join(what.split())}; {remedy}")


def _row(point: Point) -> tuple[str, str, int, str, str]:
    series = msgspec.json.encode(dict(point.tags), order="sorted").decode()
    fields = msgspec.json.encode({name: _stored(value) for name, value in point.fields.items()}).decode()
    return point.measurement, series, point.time_ms, point.tags.get("asset", ""), fields


def _stored(value: Value) -> Value:
    return value if isinstance(value, str) else float(value)
