"""The pages of cases: the list, and one case with what to do, why, what was done, and forms to do more."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from models.cases.book import Answer
from models.cases.case import OUTCOMES, Case, Entry
from models.cases.people import Command, made
from models.errors import ForbiddenError, RecordError
from models.fleet.inventory import NOTHING
from models.fleet.site_times import SiteTimes
from streams.access.audit import Audit
from streams.access.roles import Person
from streams.page.acting import Acting, Ask
from streams.page.answers import Current
from streams.page.case_list import AT_ONCE, WANTED_STATES, WHOSE, Wanted
from streams.page.door import OPEN, WHO, person_of
from streams.page.forms import Tokens, keep_cookie, read_form, remember
from streams.stores.case_reader import (
    case_named,
    history_of,
    present_cases,
    seen_until,
    watermarks_of,
)
from streams.stores.store import Reader

_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class CaseWork:
    """What people do to cases through the page: ``ask`` does it, None if nobody may, and ``why`` not.

    ``times`` are those of the sites. What is done goes on record in ``audit``.
    """

    ask: Ask | None = None
    why: str = "This page only shows."
    times: SiteTimes = field(default_factory=lambda: SiteTimes(NOTHING))
    audit: Audit | None = None

    def do(self, reader: Reader, person: Person, command: Command, case: Case) -> Answer:
        """Do something to a case, if it may be done here, and by this person."""
        if self.ask is None:
            raise ForbiddenError(self.why)
        return Acting(self.ask, reader, self.audit).do(person, command, case)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The cases as they were read, and up to when the machines are seen."""

    cases: list[Case]
    now_ms: int


class CasePages:
    """Answers what is asked of cases; ``render`` makes HTML of a template and its values."""

    def __init__(
        self,
        reader: Reader,
        work: CaseWork,
        render: Callable[..., bytes],
        clock: Callable[[], int],
        tokens: Tokens | None = None,
    ) -> None:
        self.reader, self.work, self.render, self.clock = reader, work, render, clock
        self.tokens = tokens or Tokens()
        self.current = Current(self._read, reader.version)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/cases", self.list_page),
            Route("/cases/who", self.say_who, methods=["POST"]),
            Route("/cases/{case:path}", self.case_page),
            Route("/cases/{case:path}", self.do, methods=["POST"]),
        ]

    async def list_page(self, request: Request) -> Response:
        """List the cases that are asked for."""
        wanted, who = Wanted.of(request.query_params), person_of(request).name
        seen = await self.current.get()
        found = wanted.chosen(seen.cases, who, seen.now_ms)
        start = (wanted.page - 1) * AT_ONCE
        values = {
            "cases": found[start : start + AT_ONCE],
            "found": len(found),
            "wanted": wanted,
            "more": len(found) > start + AT_ONCE,
            "states": WANTED_STATES,
            "whose": WHOSE,
            "now_ms": seen.now_ms,
        }
        return await self._answer(request, "cases.html", values)

    async def case_page(self, request: Request) -> Response:
        """Show one case."""
        return await self._case(request, request.path_params["case"])

    async def say_who(self, request: Request) -> Response:
        """Remember who uses this browser, as long as nobody signs in."""
        if person_of(request).via != OPEN:
            raise HTTPException(403, "Who you are is known.")
        form = await self._checked(request)
        who, case = form.get("who", "").strip(), form.get("case", "")
        if not (0 < len(who) <= _LONGEST_NAME and who.isprintable()):
            raise HTTPException(
                400, f"who = {who[:20]!r}: expected a name of 1 to {_LONGEST_NAME} characters"
            )
        answer = RedirectResponse(f"/cases/{quote(case)}" if case else "/cases", 303)
        remember(answer, WHO, quote(who), secure=request.url.scheme == "https")
        return answer

    async def do(self, request: Request) -> Response:
        """Do what a form asks, and show the case as it is then; what is refused says why."""
        form = await self._checked(request)
        name, person = request.path_params["case"], person_of(request)
        if not person.name:
            raise HTTPException(400, "who is left out: expected your name, which the page asks for")
        case = await run_in_threadpool(self._named, name)
        try:
            command = await run_in_threadpool(self._command, case, person.name, form)
            answer = await run_in_threadpool(self.work.do, self.reader, person, command, case)
        except RecordError as error:
            return await self._case(request, name, problem=str(error), status=400)
        if not answer.accepted:
            return await self._case(request, name, problem=f"Not done: {answer.reason}.", status=409)
        return RedirectResponse(f"/cases/{quote(name)}", 303)

    async def _checked(self, request: Request) -> Mapping[str, str]:
        if self.work.ask is None:
            raise HTTPException(403, self.work.why)
        form = await read_form(request)
        self.tokens.check(request, form.get("token", ""))
        return form

    def _command(self, case: Case, who: str, form: Mapping[str, str]) -> Command:
        """Return what a form asks; posted twice it is the same command, changed it is another."""
        said = {key: form[key].strip() for key in _TEXTS if form.get(key, "").strip()}
        action, once = form.get("action", ""), form.get("once", "")
        told = repr((action, once, sorted(form.items())))
        about: dict[str, Any] = {
            **said,
            "id": hashlib.sha256(told.encode()).hexdigest()[:32],
            "asset": case.asset,
            "case": case.case,
            "action": action,
            "version": _number(form, "version", int),
            "who": who,
            "time_ms": self.clock(),
            "as_of_ms": self._seen_ms(),
            "downtime_h": _number(form, "downtime_h", float) if form.get("downtime_h") else None,
        }
        if about.get("until") == "date":
            about["until_ms"] = self._date(case, form.get("date", ""))
        return made(about)

    def _date(self, case: Case, text: str) -> int:
        try:
            return self.work.times.read(case.asset, text)
        except ValueError as error:
            raise RecordError(f"date = {text[:20]!r}: expected a day of the site, as 2026-02-01") from error

    async def _case(self, request: Request, name: str, *, problem: str = "", status: int = 200) -> Response:
        case, history, now_ms = await run_in_threadpool(self._with_history, name)
        values = {
            "case": case,
            "history": history,
            "problem": problem,
            "now_ms": now_ms,
            "outcomes": OUTCOMES,
            "once": uuid.uuid4().hex,
        }
        return await self._answer(request, "case.html", values, status)

    async def _answer(
        self, request: Request, template: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        cookie, token = self.tokens.of(request)
        person = person_of(request)
        shared: dict[str, Any] = {"token": token, "person": person, "who": person.name}
        shared |= {"work": self.work, "times": self.work.times}
        body = await run_in_threadpool(lambda: self.render(template, **values, **shared))
        answer = HTMLResponse(body, status, {"cache-control": "no-store"})
        if self.work.ask is not None:
            keep_cookie(answer, cookie, secure=request.url.scheme == "https")
        return answer

    def _read(self) -> _Seen:
        return _Seen(present_cases(self.reader), self._seen_ms())

    def _seen_ms(self) -> int:
        return seen_until(watermarks_of(self.reader), self.clock())

    def _named(self, name: str) -> Case:
        case = case_named(self.reader, name)
        if case is None or case.case != name:
            raise HTTPException(404, name)
        return case

    def _with_history(self, name: str) -> tuple[Case, list[Entry], int]:
        case = self._named(name)
        return case, history_of(self.reader, case), self._seen_ms()


_TEXTS = ("assignee", "text", "until", "outcome", "mode", "cause", "remedy", "parts")


def _number(form: Mapping[str, str], key: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(form.get(key, ""))
    except ValueError as error:
        raise RecordError(f"{key} = {form.get(key, '')[:20]!r}: expected a number") from error
