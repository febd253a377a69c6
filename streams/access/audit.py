"""The record of changes: who did what, from where, and what came of it. It only grows."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import msgspec

from models.errors import ChillcastError
from streams.access.database import Database
from streams.access.record_query import FOLDED, RecordQuery
from streams.access.roles import Person

Clock = Callable[[], int]
"""Says UTC milliseconds since 1970."""
_COLUMNS = "number, time_ms, who, role, via, address, action, about, result, detail"
_MOST = 2000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line: ``about`` is what was changed, as ``case CH-0001-7``; ``number`` has no gaps."""

    number: int
    time_ms: int
    who: str
    role: str
    via: str
    address: str
    action: str
    about: str
    result: str
    detail: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did or tried, and the ``result``.

    It is asked, then done, refused, forbidden, failed (by a fault of ours or the disk) or no answer.
    """

    action: str
    about: str
    result: str
    detail: str = ""


class Audit:
    """Writes down deeds, each linked to the one before, so that one changed or gone between others shows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def write(self, person: Person, deed: Deed) -> None:
        """Write down a deed; it is on disk when this returns. Raises UnavailableError if it cannot be."""
        with self.database.changing() as changing:
            self.add(changing, person, deed)

    @contextlib.contextmanager
    def recording(
        self, person: Person, action: str, about: str, detail: str = ""
    ) -> Iterator[Callable[[str], None]]:
        """Write down that something is asked, and then whether it was done or why not.

        Call what it yields with words for the line that says it is done.
        """
        said = [detail]
        self.write(person, Deed(action, about, "asked", detail))
        try:
            yield said.append
        except ChillcastError as error:
            self.write(person, Deed(action, about, "refused", str(error)))
            raise
        except Exception as error:
            self.write(person, Deed(action, about, "failed", str(error)))
            raise
        self.write(person, Deed(action, about, "done", said[-1]))

    def add(self, changing: sqlite3.Connection, person: Person, deed: Deed) -> None:
        """Write down a deed in the same commit as what it changes."""
        last = changing.execute("SELECT number, link FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        number, before = last or (0, b"")
        said = tuple(_plain(text) for text in (*astuple(person), *astuple(deed)))
        row = (number + 1, self.clock(), *said)
        places = ", ".join("?" * (len(row) + 1))
        changing.execute(f"INSERT INTO audit VALUES ({places})", (*row, _link(before, row)))  # noqa: S608

    def read(self, since_ms: int = 0, words: str = "", at_most: int = 1000) -> list[Line]:
        """Return the newest lines since a time that have some words in them, the newest first."""
        return self.find(RecordQuery(since_ms=since_ms, words=words, most=at_most))[1]

    def find(self, query: RecordQuery) -> tuple[int, list[Line]]:
        """Return how many lines there are of what is asked for, and a part of them, the newest first."""
        clause, given = query.clause()
        with self.database.reading() as reading:
            if reading is None:
                return 0, []
            reading.create_function(FOLDED, 1, str.casefold, deterministic=True)
            (found,) = reading.execute(f"SELECT count(*) FROM audit WHERE {clause}", given).fetchone()  # noqa: S608
            rows = reading.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE {clause} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608
                (*given, query.most, query.start),
            )
            return found, [_line(row) for row in rows]

    def after(self, number: int, at_most: int) -> list[Line]:
        """Return the lines after that of a number, the oldest first."""
        with self.database.reading() as reading:
            rows = (
                reading.execute(
                    f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
                    (number, at_most),
                )
                if reading
                else ()
            )
            return [_line(row) for row in rows]

    def name(self) -> str:
        """Return what tells this record from every other: the hash of its first line; empty without one."""
        with self.database.reading() as reading:
            row = reading.execute("SELECT link FROM audit WHERE number = 1").fetchone() if reading else None
        return bytes(row[0]).hex()[:16] if row else ""

    def broken(self) -> int:
        """Return the number of the first line that is not as it was written, 0 if all are."""
        before, expected = b"", 1
        with self.database.reading() as reading:
            rows = reading.execute(f"SELECT {_COLUMNS}, link FROM audit ORDER BY number") if reading else ()  # noqa: S608
            for *row, link in rows:
                if row[0] != expected or link != _link(before, row):
                    return expected
                before, expected = link, expected + 1
        return 0


def _plain(text: str) -> str:
    """Return a text that can be stored, whatever somebody sent."""
    return text[:_MOST].encode("utf-8", "replace").decode()


def _link(before: bytes, row: Sequence[object]) -> bytes:
    return hashlib.sha256(before + msgspec.json.encode(row)).digest()


def _line(row: Sequence[object]) -> Line:
    names = [name.strip() for name in _COLUMNS.split(",")]
    return msgspec.convert(dict(zip(names, row, strict=True)), Line)
