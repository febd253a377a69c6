"""People who sign in, with passwords that are quick to compare, at a time that a test says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import argon2

from streams.access.api_tokens import ApiTokens
from streams.access.attempts import Attempts
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.passwords import Passwords
from streams.access.refusals import Refusals
from streams.access.roles import ROLES, Person
from streams.access.sessions import Sessions
from streams.access.users import Users
from streams.page.door import Door

QUICK = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
BY = Person("root", "admin", "command", "here")
MINUTE_MS = 60_000


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now_ms: int = 1_767_225_600_000

    def __call__(self) -> int:
        """Say what time it is."""
        return self.now_ms

    def pass_by(self, minutes: float) -> None:
        """Let time pass."""
        self.now_ms += int(minutes * MINUTE_MS)


def password_of(name: str) -> str:
    """Return the password of somebody."""
    return f"the password of {name}"


def door_with(folder: Path, clock: Hand, *names: str, is_https: bool = False) -> Door:
    """Return a door of users who are called after their role, all of them unless some are named."""
    audit = Audit(Database(folder / "access.db"), clock)
    users = Users(audit, QUICK)
    for role in names or ROLES:
        users.add(role, role, password_of(role), BY)
    sessions, attempts = Sessions(audit, users), Attempts(audit.database, clock)
    tokens, refusals = ApiTokens(audit), Refusals(audit, lambda: clock.now_ms / 1000)
    return Door(audit, users, sessions, attempts, tokens, refusals, may_be_open=True, is_https=is_https)


def bearer(door: Door, role: str, days: int = 90) -> dict[str, str]:
    """Return the headers of a program that has a token of some role."""
    return {"authorization": f"Bearer {door.tokens.create(f'{role} program', role, days, BY)}"}
