"""Signatures of webhooks, both ways: who knows the secret has written this, now, and it came once."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping

from models.errors import ForbiddenError

TIME, SIGNATURE = "X-Chillcast-Timestamp", "X-Chillcast-Signature"
MOST_AGE_S = 300


def signed(secret: str, body: bytes, now_s: int) -> dict[str, str]:
    """Return the headers that sign a body: HMAC-SHA256 over the time, a dot and the body.

    >>> signed("secret", b"{}", 1_700_000_000)["X-Chillcast-Signature"][:20]
    'sha256=b8569b78799ff'
    """
    return {TIME: str(now_s), SIGNATURE: f"sha256={_digest(secret, body, str(now_s))}"}


class Signatures:
    """Lets a signed body pass once, as long as it is new; ``now_s`` is the clock."""

    def __init__(self, secret: str, now_s: Callable[[], float]) -> None:
        self.secret, self.now_s = secret, now_s
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise ForbiddenError for a body that is not signed, was signed long ago, or came before."""
        told, given = headers.get(TIME, ""), headers.get(SIGNATURE, "").removeprefix("sha256=")
        if not told.isascii() or not told.isdigit() or len(told) > 12:
            raise ForbiddenError(f"{TIME} = {told[:20]!r}: expected seconds since 1970")
        if not hmac.compare_digest(given.encode(), _digest(self.secret, body, told).encode()):
            raise ForbiddenError(f"{SIGNATURE}: expected sha256=… over the time, a dot and the body")
        now_s = self.now_s()
        if abs(now_s - int(told)) > MOST_AGE_S:
            raise ForbiddenError(f"{TIME} = {told}: expected a time within {MOST_AGE_S} s of {int(now_s)}")
        with self._lock:
            self._seen = {one: at_s for one, at_s in self._seen.items() if now_s - at_s <= 2 * MOST_AGE_S}
            if given in self._seen:
                raise ForbiddenError(f"{SIGNATURE}: it came before")
            self._seen[given] = now_s

    def forget(self, headers: Mapping[str, str]) -> None:
        """Let a body pass again of which nothing came, so that its sender can try it again as it is."""
        with self._lock:
            self._seen.pop(headers.get(SIGNATURE, "").removeprefix("sha256="), None)


def _digest(secret: str, body: bytes, told: str) -> str:
    return hmac.new(secret.encode(), told.encode() + b"." + body, hashlib.sha256).hexdigest()
