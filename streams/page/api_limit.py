"""What a program is told that asks the API too often, or posts work orders; the record says who it was."""

from __future__ import annotations

import math

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streams.access.api_tokens import TOKEN
from streams.access.audit import Audit, Deed
from streams.access.rate_limit import RateLimit
from streams.access.roles import Person
from streams.page.door import OPEN, address_of
from streams.page.problems import problem


class ApiLimit:
    """Counts what programs ask and post: by who asks, or by address as long as that is not known."""

    def __init__(self, rate: RateLimit, audit: Audit) -> None:
        self.rate, self.audit = rate, audit

    async def refuse(self, request: Request, person: Person | None) -> Response | None:
        """Return what says that this is too often, None if it is not; raises UnavailableError."""
        address = address_of(request)
        known = person if person and person.name and person.via != OPEN else None
        refusal = self.rate.take(f"{known.via} {known.name}" if known else f"address {address}")
        if refusal is None:
            return None
        limit = f"{self.rate.per_minute} requests a minute"
        if refusal.is_news:
            somebody = person or Person("", "viewer", "", address)
            about = (
                f"{'token' if known.via == TOKEN else 'user'} {known.name}" if known else _place_of(request)
            )
            deed = Deed("ask too often", about, "refused", f"more than {limit}")
            await run_in_threadpool(self.audit.write, somebody, deed)
        wait_s = math.ceil(refusal.wait_s)
        detail = f"More than {limit}. Ask again in {wait_s} s."
        return problem(429, "Too many requests", detail, {"retry-after": str(wait_s)})


def _place_of(request: Request) -> str:
    return "work orders" if request.url.path.startswith("/hooks/") else "API"
