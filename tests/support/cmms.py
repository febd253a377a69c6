"""A system of work orders: takes signed orders once each, and tells what became of them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from models.errors import ForbiddenError
from streams.delivery.signing import Signatures, signed
from tests.support.receivers import Webhook, webhook

SECRET = "a-secret-of-both"


@dataclass
class Cmms:
    """Its orders by case; ``refused`` are posts whose signature did not hold."""

    hook: Webhook
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    refused: int = 0
    signatures: Signatures = field(default_factory=lambda: Signatures(SECRET, time.time))
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Take an order in, one of a key that came before not again."""
        try:
            self.signatures.check(_named(headers), body)
        except ForbiddenError:
            self.refused += 1
            self.hook.status = 401
            return
        order = json.loads(body)
        if order["key"] not in self.keys:
            self.keys.add(order["key"])
            number = self.orders.get(order["case"], {}).get("number") or f"WO-{next(self.numbers)}"
            self.orders[order["case"]] = {**order, "number": number}
            self.hook.answer = json.dumps({"id": number}).encode()

    def event(self, **said: Any) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of what it tells."""
        body = json.dumps(said).encode()
        return body, signed(SECRET, body, int(time.time()))


@contextmanager
def cmms() -> Iterator[Cmms]:
    """Run one on a free port."""
    with webhook() as hook:
        found = Cmms(hook)
        hook.on_post = found.take
        yield found


def _named(headers: dict[str, str]) -> dict[str, str]:
    """Return headers by the names that signatures have."""
    return {"-".join(part.capitalize() for part in name.split("-")): value for name, value in headers.items()}
