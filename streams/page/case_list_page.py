"""The list of cases, and what is done to several of them from it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.cases.case import Case
from models.errors import ForbiddenError, RecordError, UnavailableError
from models.fleet.fleet import Fleet
from streams.access.roles import Person
from streams.page.answers import Current, Shared
from streams.page.case_list import AT_ONCE, VIEWS, WHOSE, Choices, Wanted
from streams.page.case_pages import CasePages
from streams.page.door import person_of
from streams.page.forms import read_pairs
from streams.stores.case_query import ORDERS, WANTED_STATES, find_cases
from streams.stores.store import Reader

_FROM_LIST = ("acknowledge", "assign", "snooze")
_EXPECTED = f"expected one of {', '.join(_FROM_LIST)}"
_AT_A_TIME = 6
_UNCHECKED_S = 0.2
Found = tuple[int, list[Case]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Up to when the machines are seen, and what was found in this state of the store."""

    now_ms: int
    found: Shared[Found] = field(default_factory=Shared)


class CaseListPage:
    """Lists cases, a page at a time, and does to those that are ticked what ``cases`` does to one."""

    def __init__(self, reader: Reader, fleet: Fleet, cases: CasePages, seen_ms: Callable[[], int]) -> None:
        self.reader, self.cases, self.seen_ms = reader, cases, seen_ms
        self.choices = Choices.of(fleet, cases.work.times.inventory)
        self.current = Current(self._read, reader.version, unchecked_s=_UNCHECKED_S)

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/cases", self.show), Route("/cases", self.do, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """List the cases that are asked for."""
        return await self._list(request, Wanted.of(request.query_params))

    async def do(self, request: Request) -> Response:
        """Do to all that are ticked what the form asks; what is refused is said above the list."""
        pairs = await read_pairs(request)
        form = self.cases.checked(request, dict(pairs))
        wanted, person = Wanted.of(dict(parse_qsl(form.get("view", "")))), person_of(request)
        if form.get("action") not in _FROM_LIST:
            raise HTTPException(400, f"action = {form.get('action', '')[:20]!r}: {_EXPECTED}")
        if not person.name:
            raise HTTPException(400, "who is left out: expected your name, which the page asks for")
        ticked = [value for key, value in pairs if key == "on"]
        problems = await self._do_all(ticked, person, form) if ticked else ["No case is ticked."]
        if problems:
            return await self._list(request, wanted, problems)
        return RedirectResponse(wanted.link(), 303)

    async def _do_all(self, ticked: Sequence[str], person: Person, form: Mapping[str, str]) -> list[str]:
        """Return what is wrong with those to which nothing was done."""
        turns = asyncio.Semaphore(_AT_A_TIME)

        async def do(one: str) -> str:
            async with turns:
                return await run_in_threadpool(self._do_one, one, person, form)

        told = await asyncio.gather(*map(do, ticked))
        return [problem for problem in told if problem]

    def _do_one(self, ticked: str, person: Person, form: Mapping[str, str]) -> str:
        """Return what is wrong, empty if it is done; ``ticked`` is the case and the version that was seen."""
        name, _, version = ticked.rpartition(" ")
        asked = {**form, "on": ticked, "version": version}
        try:
            case = self.cases.named(name)
            command = self.cases.command(case, person.name, asked)
            answer = self.cases.work.do(self.reader, person, command, case)
        except (RecordError, ForbiddenError, UnavailableError) as error:
            return f"{name}: {error}"
        except HTTPException as error:
            return f"{name}: there is no such case" if error.status_code == 404 else error.detail
        return "" if answer.accepted else f"{case.asset}: not done: {answer.reason}."

    async def _list(self, request: Request, wanted: Wanted, problems: Sequence[str] = ()) -> Response:
        seen, who = await self.current.get(), person_of(request).name
        query = wanted.query(self.choices, who, seen.now_ms)
        key = (wanted, query.assignee)
        found, cases = await seen.found.get(key, lambda: find_cases(self.reader, query))
        values = {
            "cases": cases,
            "since": await run_in_threadpool(self.cases.changes.of, request, cases),
            "found": found,
            "first": query.start + 1,
            "more": found > query.start + AT_ONCE,
            "wanted": wanted,
            "views": VIEWS,
            "states": WANTED_STATES,
            "whose": WHOSE,
            "orders": tuple(ORDERS),
            "choices": self.choices,
            "problems": problems,
            "now_ms": seen.now_ms,
            "once": uuid.uuid4().hex,
        }
        return await self.cases.answer(request, "cases.html", values, 409 if problems else 200)

    def _read(self) -> _Seen:
        return _Seen(self.seen_ms())
