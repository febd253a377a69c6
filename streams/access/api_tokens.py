"""Tokens that programs show: each with a name, a role and an end; only their hashes are kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from models.errors import ConfigError
from models.event_time import DAY_MS
from streams.access.audit import Audit, Deed
from streams.access.roles import Person, Role
from streams.access.sessions import digest
from streams.access.users import check_name, known_role

TOKEN = "token"  # noqa: S105
LONGEST_D = 366
_MARK = "chillcast_"
"""What a token begins with, so that one that was published by mistake is found."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One of them, without what it takes to use it."""

    id: str
    name: str
    role: Role
    made_ms: int
    ends_ms: int


class ApiTokens:
    """Makes, knows and revokes them; each change is on record."""

    def __init__(self, audit: Audit) -> None:
        self.audit, self.database, self.clock = audit, audit.database, audit.clock

    def create(self, name: str, role: str, days: int, by: Person) -> str:
        """Return a new token, which is shown this once; raises ConfigError for what cannot be."""
        check_name(name)
        if not 1 <= days <= LONGEST_D:
            raise ConfigError("tokens", "days", days, f"1 to {LONGEST_D}")
        secret, key, now_ms = secrets.token_urlsafe(32), secrets.token_hex(4), self.clock()
        token = f"{_MARK}{secret}"
        row = (key, digest(token), name, known_role(role), now_ms, now_ms + days * DAY_MS)
        with self.database.changing() as changing:
            changing.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)", row)
            self.audit.add(changing, by, Deed("create token", f"token {key}", "done", f"{name}, {role}"))
        return token

    def every(self) -> list[ApiToken]:
        """Return those that are not revoked, also if their time is over, the newest first."""
        with self.database.reading() as reading:
            rows = reading and reading.execute(
                "SELECT id, name, role, made_ms, ends_ms FROM tokens ORDER BY made_ms DESC, id"
            )
            return [ApiToken(i, n, known_role(role), made, ends) for i, n, role, made, ends in rows or ()]

    def revoke(self, key: str, by: Person) -> None:
        """Revoke the token of an id, at once; raises ConfigError if there is none."""
        with self.database.changing() as changing:
            if not changing.execute("DELETE FROM tokens WHERE id = ?", (key,)).rowcount:
                raise ConfigError("tokens", "id", key, "one that chillcast tokens list names")
            self.audit.add(changing, by, Deed("revoke token", f"token {key}", "done"))

    def person(self, token: str, address: str = "") -> Person | None:
        """Return for whom a token stands, None if it is none, revoked or over."""
        with self.database.reading() as reading:
            found = (
                reading
                and reading.execute(
                    "SELECT name, role FROM tokens WHERE digest = ? AND ends_ms > ?",
                    (digest(token), self.clock()),
                ).fetchone()
            )
            return Person(found[0], known_role(found[1]), TOKEN, address) if found else None
