"""The file of who may come in and of what was done: a change and its record are one commit."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import UnavailableError

_BUSY_S = 5.0
_FORM = 4
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL, added_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    digest BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, via TEXT NOT NULL,
    begun_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS id_tokens (
    digest BLOB PRIMARY KEY, id_token TEXT NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS id_token_goes_with_its_session AFTER DELETE ON sessions
BEGIN DELETE FROM id_tokens WHERE digest = OLD.digest; END;
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT PRIMARY KEY, failed INTEGER NOT NULL, last_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
    via TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL, about TEXT NOT NULL,
    result TEXT NOT NULL, detail TEXT NOT NULL, link BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (
    reader TEXT NOT NULL, about TEXT NOT NULL, last_ms INTEGER NOT NULL, last TEXT NOT NULL, before TEXT,
    PRIMARY KEY (reader, about)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (
    place TEXT PRIMARY KEY, number INTEGER NOT NULL, at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the record only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the record only grows'); END;
"""


@dataclass(frozen=True, slots=True)
class Database:
    """One SQLite file that its owner alone may read; it is made when something is first written.

    Each use opens it anew, so that threads and processes share it without more ado.
    """

    path: Path

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes are one commit, or none; raises UnavailableError."""
        with self._opened(make=True) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                _prepare(database)
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection, None if nothing was written yet; raises UnavailableError."""
        if not self.path.exists():
            yield None
            return
        with self._opened(make=False) as database:
            (form,) = database.execute("PRAGMA user_version").fetchone()
            yield database if form else None

    @contextlib.contextmanager
    def _opened(self, *, make: bool) -> Iterator[sqlite3.Connection]:
        try:
            if make and not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            database = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            with contextlib.closing(database):
                self._check_form(database)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"{self.path}: people and their rights cannot be read: {error}") from error

    def _check_form(self, database: sqlite3.Connection) -> None:
        """Refuse a file of a later version: what this one does not know of it, it would not keep."""
        (form,) = database.execute("PRAGMA user_version").fetchone()
        if form > _FORM:
            raise UnavailableError(
                f"{self.path}: form {form}, this version knows {_FORM} at most: start the version that wrote "
                "it, or put a copy from before that in its place (docs/upgrade.md)"
            )


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, and those that a file from before does not have."""
    (form,) = database.execute("PRAGMA user_version").fetchone()
    if form < _FORM:
        for statement in _statements():
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_FORM}")


def _statements() -> Iterator[str]:
    """Yield the statements of the schema: one that makes a trigger has a semicolon inside."""
    statement = ""
    for line in _SCHEMA.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
