"""Local users: names, roles and passwords that this machine keeps itself."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import get_args

from models.errors import ConfigError
from streams.access.attempts import forget
from streams.access.audit import Audit, Deed
from streams.access.passwords import Passwords
from streams.access.roles import ROLES, Person, Role

LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class User:
    """One of them."""

    name: str
    role: Role
    added_ms: int


class Users:
    """Reads and changes them; each change is on record, with who made it."""

    def __init__(self, audit: Audit, passwords: Passwords | None = None) -> None:
        self.audit, self.database, self.clock = audit, audit.database, audit.clock
        self._passwords = passwords

    @property
    def passwords(self) -> Passwords:
        """What makes and compares hashes; it costs a hash to have one."""
        self._passwords = self._passwords or Passwords()
        return self._passwords

    def every(self) -> list[User]:
        """Return them by name."""
        with self.database.reading() as reading:
            rows = reading.execute("SELECT name, role, added_ms FROM users ORDER BY name") if reading else ()
            return [User(name, known_role(role), added_ms) for name, role, added_ms in rows]

    @property
    def are_there(self) -> bool:
        """Whether there is any."""
        with self.database.reading() as reading:
            return bool(reading and reading.execute("SELECT 1 FROM users LIMIT 1").fetchone())

    def role_of(self, name: str) -> Role | None:
        """Return the role of somebody, None if there is no such user."""
        with self.database.reading() as reading:
            found = reading and reading.execute("SELECT role FROM users WHERE name = ?", (name,)).fetchone()
            return known_role(found[0]) if found else None

    def check(self, name: str, password: str) -> Role | None:
        """Return the role of somebody who has this password, None for anybody else."""
        role, known = self._known(name)
        if not self.passwords.fits(known, password) or known is None:
            return None
        if self.passwords.is_old(known):
            self._renew(name, known, password)
        return known_role(role)

    def add(self, name: str, role: str, password: str, by: Person) -> None:
        """Add a user; raises ConfigError for a name that is taken or cannot be, and for a weak password."""
        check_name(name)
        row = (name, known_role(role), self.passwords.hash(password), self.clock())
        with self.database.changing() as changing:
            if _exists(changing, name):
                raise ConfigError("users", "name", name, "one that there is not yet")
            changing.execute("INSERT INTO users VALUES (?, ?, ?, ?)", row)
            self.audit.add(changing, by, Deed("add user", f"user {name}", "done", role))

    def set_role(self, name: str, role: str, by: Person) -> None:
        """Give another role, at once also to sessions that have begun."""
        known = known_role(role)
        with self.database.changing() as changing:
            _expect(changing, name)
            changing.execute("UPDATE users SET role = ? WHERE name = ?", (known, name))
            self.audit.add(changing, by, Deed("give role", f"user {name}", "done", role))

    def set_password(self, name: str, password: str, by: Person) -> None:
        """Set another password; ends the user's sessions and a lock-out."""
        known = self.passwords.hash(password)
        with self.database.changing() as changing:
            _expect(changing, name)
            changing.execute("UPDATE users SET hash = ? WHERE name = ?", (known, name))
            _end_sessions(changing, name)
            forget(changing, name)
            self.audit.add(changing, by, Deed("set password", f"user {name}", "done"))

    def sign_out(self, name: str, by: Person) -> int:
        """End all sessions of somebody, whoever knows them; return how many that were."""
        with self.database.changing() as changing:
            ended = changing.execute("DELETE FROM sessions WHERE name = ?", (name,)).rowcount
            self.audit.add(changing, by, Deed("end sessions", f"user {name}", "done", str(ended)))
        return ended

    def remove(self, name: str, by: Person) -> None:
        """Remove a user, and end their sessions."""
        with self.database.changing() as changing:
            _expect(changing, name)
            changing.execute("DELETE FROM users WHERE name = ?", (name,))
            _end_sessions(changing, name)
            self.audit.add(changing, by, Deed("remove user", f"user {name}", "done"))

    def _known(self, name: str) -> tuple[str, str | None]:
        """Return role and hash of somebody; of somebody unknown no hash."""
        with self.database.reading() as reading:
            found = (
                reading and reading.execute("SELECT role, hash FROM users WHERE name = ?", (name,)).fetchone()
            )
        return (found[0], found[1]) if found else ("", None)

    def _renew(self, name: str, old: str, password: str) -> None:
        new = self.passwords.hash(password)
        with self.database.changing() as changing:
            changing.execute("UPDATE users SET hash = ? WHERE name = ? AND hash = ?", (new, name, old))


def check_name(name: str) -> None:
    """Raise ConfigError for a name that cannot be one."""
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()):
        expected = f"1 to {LONGEST_NAME} printable characters without space around them"
        raise ConfigError("users", "name", name, expected)


def known_role(role: str) -> Role:
    """Return a role; ConfigError if there is none of that name."""
    for known in get_args(Role):
        if known == role:
            return known  # type: ignore[no-any-return]
    raise ConfigError("users", "role", role, f"one of {', '.join(ROLES)}")


def _exists(changing: sqlite3.Connection, name: str) -> bool:
    return changing.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone() is not None


def _expect(changing: sqlite3.Connection, name: str) -> None:
    if not _exists(changing, name):
        raise ConfigError("users", "name", name, "one that chillcast users list names")


def _end_sessions(changing: sqlite3.Connection, name: str) -> None:
    changing.execute("DELETE FROM sessions WHERE name = ? AND via = 'password'", (name,))
