"""Passwords: kept as Argon2id hashes, compared in a time that says nothing."""

from __future__ import annotations

import secrets

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import ConfigError

LEAST, MOST = 12, 1024


class Passwords:
    """Makes and compares hashes, by RFC 9106 with little memory unless told otherwise."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return the hash of a new password; raises ConfigError if it is too short or too long."""
        if not LEAST <= len(password) <= MOST:
            raise ConfigError("password", "length", len(password), f"{LEAST} to {MOST} characters")
        return self._hasher.hash(password)

    def fits(self, known: str | None, password: str) -> bool:
        """Return whether a password has this hash; for somebody unknown it takes as long."""
        try:
            self._hasher.verify(known or self._nobody, password[:MOST])
        except (VerificationError, InvalidHashError):
            return False
        return known is not None

    def is_old(self, known: str) -> bool:
        """Return whether a hash was made with other parameters."""
        return self._hasher.check_needs_rehash(known)
