"""What a reader saw of each case when they last looked, and no more: to tell them what moved since."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from models.event_time import DAY_MS
from streams.access.database import Database

_VISIT_MS = 30 * 60_000
_AGAIN_MS = 5 * 60_000
_KEPT_MS = 90 * DAY_MS
_A_READER, _MOST = 500, 100_000


class Sight(NamedTuple):
    """A case as it was seen: its version, what was suspected, the keys of its sensors, and when one looked.

    Version 0 is a case that a reader who was here before had not seen.
    """

    version: int
    fault: str = ""
    sensors: tuple[str, ...] = ()
    time_ms: int = 0


_Row = tuple[str, int, Sight, Sight | None]


class LastSeen:
    """Keeps for 90 days, of at most 500 cases a reader, what they saw last and at the visit before.

    A visit ends when a reader has not looked for half an hour: within it they are told the same again.
    """

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self.database, self.clock = database, clock

    def before(self, reader: str, cases: Sequence[str]) -> Mapping[str, Sight]:
        """Return what a reader saw of cases at the visit before, without looking."""
        rows, _ = self._read(reader, cases)
        return {case: before for case, _, _, before in rows if before is not None}

    def look(self, reader: str, sights: Mapping[str, Sight]) -> Mapping[str, Sight]:
        """Return what a reader saw of cases at the visit before; they have seen them as they are now."""
        now_ms = self.clock()
        rows, is_known = self._read(reader, tuple(sights))
        known = {case: (last_ms, last, before) for case, last_ms, last, before in rows}
        changed: list[_Row] = []
        found: dict[str, Sight] = {}
        for case, sight in sights.items():
            last_ms, last, before = known.get(case, (0, None, None))
            if last is None:
                before = Sight(0) if is_known else None
            elif now_ms - last_ms > _VISIT_MS:
                before = last
            seen = sight._replace(time_ms=now_ms)
            if last is None or now_ms - last_ms > _AGAIN_MS or last._replace(time_ms=now_ms) != seen:
                changed.append((case, now_ms, seen, before))
            if before is not None:
                found[case] = before
        if changed:
            self._write(reader, changed, now_ms)
        return found

    def _read(self, reader: str, cases: Sequence[str]) -> tuple[list[_Row], bool]:
        """Return what is known of cases, and whether the reader has seen any case before this visit."""
        with self.database.reading() as reading:
            if reading is None or not _has_table(reading):
                return [], False
            wanted = msgspec.json.encode(cases).decode()
            rows = reading.execute(
                "SELECT about, last_ms, last, before FROM seen WHERE reader = ?"
                " AND about IN (SELECT value FROM json_each(?))",
                (reader, wanted),
            ).fetchall()
            visited = "SELECT 1 FROM seen WHERE reader = ? AND (before IS NOT NULL OR last_ms < ?) LIMIT 1"
            is_known = reading.execute(visited, (reader, self.clock() - _VISIT_MS)).fetchone() is not None
        return list(_parsed(rows)), is_known

    def _write(self, reader: str, changed: Sequence[_Row], now_ms: int) -> None:
        rows = [
            (reader, case, last_ms, _packed(last), None if before is None else _packed(before))
            for case, last_ms, last, before in changed
        ]
        with self.database.changing() as changing:
            changing.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", rows)
            changing.execute("DELETE FROM seen WHERE last_ms < ?", (now_ms - _KEPT_MS,))
            _cut(changing, "WHERE reader = ?1", _A_READER, reader)
            _cut(changing, "", _MOST)


def _cut(changing: sqlite3.Connection, where: str, most: int, *values: str) -> None:
    """Forget what was seen longest ago, beyond ``most`` rows."""
    (count,) = changing.execute(f"SELECT count(*) FROM seen {where}", values).fetchone()  # noqa: S608
    if count > most:
        changing.execute(
            "DELETE FROM seen WHERE (reader, about) IN"  # noqa: S608
            f" (SELECT reader, about FROM seen {where} ORDER BY last_ms LIMIT {count - most})",
            values,
        )


def _has_table(reading: sqlite3.Connection) -> bool:
    return reading.execute("SELECT 1 FROM sqlite_master WHERE name = 'seen'").fetchone() is not None


def _packed(sight: Sight) -> str:
    return msgspec.json.encode(sight).decode()


def _parsed(rows: Sequence[tuple[str, int, str, str | None]]) -> Iterator[_Row]:
    for case, last_ms, last, before in rows:
        yield case, last_ms, _sight(last), None if before is None else _sight(before)


def _sight(text: str) -> Sight:
    return msgspec.json.decode(text, type=Sight)
