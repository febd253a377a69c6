"""Work orders back: what was done about a case elsewhere, by a signed webhook."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.cases.book import Answer
from models.cases.case import Case, Outcome
from models.cases.people import made
from models.errors import ForbiddenError, RecordError, UnavailableError
from streams.access.roles import Person
from streams.delivery.signing import Signatures
from streams.page.case_pages import CaseWork
from streams.page.door import address_of
from streams.page.forms import MOST_BYTES, whole_body
from streams.page.problems import problem
from streams.stores.case_reader import case_named, seen_ms
from streams.stores.store import Reader

PLACE = "/hooks/work-orders"
_Name = Annotated[str, Meta(min_length=1, max_length=128)]


class WorkOrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a work order: ``id`` tells it from every other, what is sent twice is done once.

    ``accepted`` acknowledges the case, or gives it to ``assignee``; ``note`` adds words; ``complete``
    resolves it with what was found.
    """

    id: _Name
    case: Annotated[str, Meta(min_length=1, max_length=256)]
    status: Literal["accepted", "note", "complete"]
    who: _Name
    assignee: str = ""
    text: str = ""
    outcome: Outcome | None = None
    mode: str = ""
    cause: str = ""
    remedy: str = ""
    downtime_h: float | None = None
    parts: str = ""


class WorkOrderHook:
    """Takes events that are signed, new, and came once, and asks of the case what they say."""

    def __init__(
        self, reader: Reader, work: CaseWork, clock: Callable[[], int], signatures: Signatures
    ) -> None:
        self.reader, self.work, self.clock, self.signatures = reader, work, clock, signatures

    @property
    def routes(self) -> list[Route]:
        """Where they come in."""
        return [Route(PLACE, self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Do what an event asks; say why not if it is not done."""
        body = await whole_body(request)
        if body is None:
            raise HTTPException(413, f"a body of at most {MOST_BYTES} bytes")
        try:
            self.signatures.check(request.headers, body)
        except ForbiddenError as error:
            return problem(401, "Not known who sends", str(error))
        try:
            event = msgspec.json.decode(body, type=WorkOrderEvent)
            answer = await run_in_threadpool(self._do, event, address_of(request))
        except (msgspec.DecodeError, UnicodeDecodeError, RecordError) as error:
            return problem(422, "Not understood", str(error))
        except ForbiddenError as error:
            return problem(403, "Not allowed", str(error))
        except UnavailableError:
            self.signatures.forget(request.headers)
            raise
        if not answer.accepted:
            return problem(409, "Not done", answer.reason)
        return JSONResponse({"case": event.case, "version": answer.version})

    def _do(self, event: WorkOrderEvent, address: str) -> Answer:
        case = case_named(self.reader, event.case)
        if case is None or case.case != event.case:
            raise RecordError(f"case = {event.case[:128]!r}: there is none of this name")
        if event.status == "accepted" and case.is_open and _has(event.assignee, case):
            return Answer(id=event.id, asset=case.asset, accepted=True, version=case.version)
        person = Person(event.who, "lead", "work order", address)
        return self.work.do(self.reader, person, made(self._about(event, case)), case)

    def _about(self, event: WorkOrderEvent, case: Case) -> dict[str, Any]:
        """Return what makes a command; an event that comes again is the same, unless the case has gone on.

        Then it may be done that was refused before; of words there is nothing to refuse.
        """
        found = {"outcome": event.outcome, "mode": event.mode, "cause": event.cause, "remedy": event.remedy}
        more: dict[str, Any] = {**found, "downtime_h": event.downtime_h, "parts": event.parts}
        action = {"note": "comment", "complete": "resolve"}.get(event.status, "acknowledge")
        if event.status == "accepted" and event.assignee:
            action, more = "assign", {"assignee": event.assignee}
        now_ms = self.clock()
        told = f"work order {event.id} {'' if action == 'comment' else case.version}"
        return {
            **(more if event.status == "complete" or action == "assign" else {}),
            "id": hashlib.sha256(told.encode()).hexdigest()[:32],
            "asset": case.asset,
            "case": case.case,
            "action": action,
            "version": case.version,
            "who": event.who,
            "text": event.text,
            "time_ms": now_ms,
            "as_of_ms": seen_ms(self.reader, now_ms),
        }


def _has(assignee: str, case: Case) -> bool:
    """Return whether a case was given to somebody already, so that nothing is to be done."""
    return case.assigned is not None and case.assigned.name == assignee
