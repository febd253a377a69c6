"""Refusals at the door that whoever sends them can have without end: on record, but seldom."""

from __future__ import annotations

import threading
from collections.abc import Callable

from streams.access.audit import Audit, Deed
from streams.access.rate_limit import RateLimit
from streams.access.roles import Person


class Refusals:
    """Puts on record who was not let in: one line a minute of each address, and of each name that is said.

    Lines are never deleted, so that a stranger who sends many refusals would fill the disk with them.
    ``clock_s`` never goes back.
    """

    def __init__(self, audit: Audit, clock_s: Callable[[], float]) -> None:
        self.audit, self._lines = audit, RateLimit(1, clock_s)
        self._lock = threading.Lock()

    def write(self, person: Person, deed: Deed) -> None:
        """Write down a refusal, unless one was written within a minute; raises UnavailableError."""
        keys = [f"{deed.result} address {person.address}"]
        keys += [f"{deed.result} name {person.name}"] if person.name else []
        with self._lock:
            is_news = all(self._lines.take(key) is None for key in keys)
        if is_news:
            self.audit.write(person, deed)
