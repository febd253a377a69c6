"""Sessions: who signed in with which browser, until they sign out, are idle, or it has been too long."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from models.event_time import HOUR_MS
from streams.access.audit import Audit, Deed
from streams.access.roles import Person
from streams.access.users import Users, known_role

PASSWORD = "password"  # noqa: S105
_SEEN_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Span:
    """How long a session lasts: without a request, and at all."""

    idle_ms: int = HOUR_MS
    whole_ms: int = 12 * HOUR_MS


class Sessions:
    """Keeps the hash of what a browser shows, never that itself; a local user's role is that of now."""

    def __init__(self, audit: Audit, users: Users, span: Span | None = None) -> None:
        self.audit, self.users, self.span = audit, users, span or Span()
        self.database, self.clock = audit.database, audit.clock

    def begin(self, person: Person, id_token: str = "") -> str:
        """Begin one; return what the browser is to show from now on.

        With the ``id_token`` of a provider, if there is one, it is told which session ends there, too.
        """
        secret, now_ms = secrets.token_urlsafe(32), self.clock()
        row = (digest(secret), person.name, person.role, person.via, now_ms, now_ms)
        with self.database.changing() as changing:
            changing.execute(
                "DELETE FROM sessions WHERE seen_ms <= ? OR begun_ms <= ?",
                (now_ms - self.span.idle_ms, now_ms - self.span.whole_ms),
            )
            changing.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", row)
            if id_token:
                changing.execute("INSERT INTO id_tokens VALUES (?, ?)", (row[0], id_token))
            self.audit.add(changing, person, Deed("sign in", f"user {person.name}", "done"))
        return secret

    def person(self, secret: str, address: str = "", *, counts: bool = True) -> Person | None:
        """Return whose session this is, None if it is none or over; unless it ``counts`` it stays as idle."""
        key = digest(secret)
        with self.database.reading() as reading:
            found = (
                reading
                and reading.execute(
                    "SELECT name, role, via, begun_ms, seen_ms FROM sessions WHERE digest = ?", (key,)
                ).fetchone()
            )
        if not found:
            return None
        name, role, via, begun_ms, seen_ms = found
        now_ms = self.clock()
        if now_ms - seen_ms >= self.span.idle_ms or now_ms - begun_ms >= self.span.whole_ms:
            return None
        present = self.users.role_of(name) if via == PASSWORD else known_role(role)
        if present is None:
            return None
        if counts and now_ms - seen_ms >= min(_SEEN_EVERY_MS, self.span.idle_ms // 4):
            self._see(key, now_ms)
        return Person(name, present, via, address)

    def end(self, secret: str, person: Person) -> str:
        """End one; return the token of the provider that it was begun with, empty if there is none."""
        key = (digest(secret),)
        with self.database.changing() as changing:
            found = changing.execute("SELECT id_token FROM id_tokens WHERE digest = ?", key).fetchone()
            changing.execute("DELETE FROM sessions WHERE digest = ?", key)
            self.audit.add(changing, person, Deed("sign out", f"user {person.name}", "done"))
        return str(found[0]) if found else ""

    def _see(self, key: bytes, now_ms: int) -> None:
        with self.database.changing() as changing:
            changing.execute("UPDATE sessions SET seen_ms = max(seen_ms, ?) WHERE digest = ?", (now_ms, key))


def digest(secret: str) -> bytes:
    """Return what is kept of a secret that nobody can guess: it needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
