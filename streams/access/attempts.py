"""Failed attempts to sign in: after some, a name has to wait, and after many, an address."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from models.event_time import DAY_MS, MINUTE_MS
from streams.access.audit import Clock
from streams.access.database import Database


@dataclass(frozen=True, slots=True)
class Limit:
    """After ``free`` failures in a row it waits, twice as long after each further one, but not for ever."""

    free: int
    longest_ms: int
    first_ms: int = MINUTE_MS

    def until_ms(self, failed: int, last_ms: int) -> int:
        """Return the time up to which nobody is let in, after so many failures of which this was the last.

        >>> limit = Limit(free=5, longest_ms=900_000)
        >>> [limit.until_ms(failed, 0) for failed in (4, 5, 6, 7, 99)]
        [0, 60000, 120000, 240000, 900000]
        """
        if failed < self.free:
            return 0
        return last_ms + min(self.longest_ms, self.first_ms << min(failed - self.free, 20))


OF_NAME = Limit(free=5, longest_ms=15 * MINUTE_MS)
OF_ADDRESS = Limit(free=30, longest_ms=MINUTE_MS)
_KEPT = 10_000


class Attempts:
    """Counts the failures of each name and address; a day without one and they are forgotten.

    An attempt counts as failed from its beginning, so that many at once are not more than one after another.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def begin(self, name: str, address: str) -> int:
        """Begin an attempt; return 0, or the milliseconds to wait, in which case it does not count."""
        now_ms = self.clock()
        limits = {_of_name(name): OF_NAME, f"address {address}": OF_ADDRESS}
        with self.database.changing() as changing:
            changing.execute("DELETE FROM attempts WHERE last_ms < ?", (now_ms - DAY_MS,))
            found = {key: _failed(changing, key) for key in limits}
            until_ms = max(limits[key].until_ms(*state) for key, state in found.items())
            if until_ms > now_ms:
                return until_ms - now_ms
            for key, (failed, _) in found.items():
                changing.execute(
                    "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)", (key, failed + 1, now_ms)
                )
            _forget_beyond(changing)
        return 0

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name, and that this attempt was one of its address."""
        with self.database.changing() as changing:
            forget(changing, name)
            changing.execute(
                "UPDATE attempts SET failed = max(0, failed - 1) WHERE key = ?",
                (f"address {address}",),
            )


def forget(changing: sqlite3.Connection, name: str) -> None:
    """Forget the failures of a name."""
    changing.execute("DELETE FROM attempts WHERE key = ?", (_of_name(name),))


def _failed(changing: sqlite3.Connection, key: str) -> tuple[int, int]:
    """Return how often it failed, and when last."""
    found = changing.execute("SELECT failed, last_ms FROM attempts WHERE key = ?", (key,)).fetchone()
    return found or (0, 0)


def _forget_beyond(changing: sqlite3.Connection) -> None:
    """Keep no more than can be: names are made up by whoever tries."""
    changing.execute(
        "DELETE FROM attempts WHERE key IN "
        "(SELECT key FROM attempts ORDER BY last_ms DESC LIMIT -1 OFFSET ?)",
        (_KEPT,),
    )


def _of_name(name: str) -> str:
    return f"name {name[:128]}"
