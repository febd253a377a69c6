"""The page of one case: what to do, why, what was done, and forms to do more."""

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
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.cases.book import Answer
from models.cases.case import OUTCOMES, Case, Entry
from models.cases.people import Command, made
from models.errors import ForbiddenError, RecordError
from models.fleet.inventory import NOTHING
from models.fleet.site_times import SiteTimes, instead
from streams.access.audit import Audit
from streams.access.last_seen import LastSeen
from streams.access.roles import Person
from streams.page.acting import Acting, Ask, AskStops
from streams.page.changes import Changes
from streams.page.door import OPEN, WHO, person_of
from streams.page.forms import Tokens, read_form
from streams.page.sensor_chart import SensorSeries
from streams.stores.case_reader import case_named, history_of, seen_ms
from streams.stores.delivery_reader import told_of
from streams.stores.store import Reader

_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class CaseWork:
    """What people do to cases through the page: ``ask`` does it, None if nobody may, and ``why`` not.

    ``times`` are those of the sites. What is done goes on record in ``audit``. ``url`` is where people find
    the page, empty if that is where they are. ``plan`` enters planned stops, None if nobody may.
    """

    ask: Ask | None = None
    why: str = "This page only shows."
    times: SiteTimes = field(default_factory=lambda: SiteTimes(NOTHING))
    audit: Audit | None = None
    url: str = ""
    plan: AskStops | None = None

    def do(self, reader: Reader, person: Person, command: Command, case: Case) -> Answer:
        """Do something to a case, if it may be done here, and by this person."""
        if self.ask is None:
            raise ForbiddenError(self.why)
        return Acting(self.ask, reader, self.audit).do(person, command, case)


class CasePages:
    """Answers what is asked of cases; ``render`` makes HTML of a template and its values.

    ``series`` are, by key, what the sensors that speak for a case read; ``seen`` is what readers saw.
    """

    def __init__(
        self,
        reader: Reader,
        work: CaseWork,
        render: Callable[..., bytes],
        clock: Callable[[], int],
        tokens: Tokens,
        series: Callable[[Case], Mapping[str, SensorSeries]] = lambda _: {},
        seen: LastSeen | None = None,
    ) -> None:
        self.reader, self.work, self.render, self.clock = reader, work, render, clock
        self.series, self.changes = series, Changes(reader, work.times, seen)
        self.tokens = tokens

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/cases/who", self.say_who, methods=["POST"]),
            Route("/cases/{case:path}", self.case_page),
            Route("/cases/{case:path}", self.do, methods=["POST"]),
        ]

    async def case_page(self, request: Request) -> Response:
        """Show one case."""
        return await self._case(request, request.path_params["case"])

    async def say_who(self, request: Request) -> Response:
        """Remember who uses this browser, as long as nobody signs in."""
        if person_of(request).via != OPEN:
            raise HTTPException(403, "Who you are is known.")
        form = self.checked(request, await read_form(request))
        who, case = form.get("who", "").strip(), form.get("case", "")
        if not (0 < len(who) <= _LONGEST_NAME and who.isprintable()):
            raise HTTPException(
                400, f"who = {who[:20]!r}: expected a name of 1 to {_LONGEST_NAME} characters"
            )
        place = "/calendar#stops" if form.get("to") == "calendar" else "/cases"
        answer = RedirectResponse(f"/cases/{quote(case)}" if case else place, 303)
        self.tokens.give(request, answer, WHO, quote(who))
        return answer

    async def do(self, request: Request) -> Response:
        """Do what a form asks, and show the case as it is then; what is refused says why."""
        form = self.checked(request, await read_form(request))
        name, person = request.path_params["case"], person_of(request)
        if not person.name:
            raise HTTPException(400, "who is left out: expected your name, which the page asks for")
        case = await run_in_threadpool(self.named, name)
        try:
            command = await run_in_threadpool(self.command, case, person.name, form)
            answer = await run_in_threadpool(self.work.do, self.reader, person, command, case)
        except RecordError as error:
            return await self._case(request, name, problem=str(error), status=400)
        if not answer.accepted:
            return await self._case(request, name, problem=f"Not done: {answer.reason}.", status=409)
        return RedirectResponse(f"/cases/{quote(name)}", 303)

    def checked(self, request: Request, form: Mapping[str, str]) -> Mapping[str, str]:
        """Return a form that may be done; HTTPException if it may not."""
        if self.work.ask is None:
            raise HTTPException(403, self.work.why)
        self.tokens.check(request, form.get("token", ""))
        return form

    def command(self, case: Case, who: str, form: Mapping[str, str]) -> Command:
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
            "as_of_ms": self.seen_ms(),
            "downtime_h": _number(form, "downtime_h", float) if form.get("downtime_h") else None,
        }
        if about.get("until") == "date":
            about["until_ms"] = self._date(case, form.get("date", ""))
        return made(about)

    def _date(self, case: Case, text: str) -> int:
        try:
            return self.work.times.read(case.asset, text)
        except ValueError as error:
            expected = instead(error, "a day of the site, as 2026-02-01")
            raise RecordError(f"date = {text[:20]!r}: expected {expected}") from error

    async def _case(self, request: Request, name: str, *, problem: str = "", status: int = 200) -> Response:
        case, history, now_ms = await run_in_threadpool(self._with_history, name)
        values = {
            "case": case,
            "series": await run_in_threadpool(self.series, case),
            "since": (await run_in_threadpool(self.changes.of, request, [case])).get(case.case),
            "zone": self.work.times.zone(case.asset),
            "told": await run_in_threadpool(told_of, self.reader, case),
            "history": history,
            "problem": problem,
            "now_ms": now_ms,
            "outcomes": OUTCOMES,
            "once": uuid.uuid4().hex,
        }
        return await self.answer(request, "case.html", values, status)

    async def answer(
        self, request: Request, template: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """Fill a template with values and with what every page of cases shows."""
        person = person_of(request)
        shared: dict[str, Any] = {"person": person, "who": person.name}
        shared |= {"work": self.work, "times": self.work.times}

        def fill(token: str) -> bytes:
            return self.render(template, **values, **shared, token=token)

        return await self.tokens.shown(request, fill, status, keeps=self.work.ask is not None)

    def seen_ms(self) -> int:
        """Return up to which event time somebody who looks now sees the machines."""
        return seen_ms(self.reader, self.clock())

    def named(self, name: str) -> Case:
        """Return the case of a name; HTTPException if there is none."""
        case = case_named(self.reader, name)
        if case is None or case.case != name:
            raise HTTPException(404, name)
        return case

    def _with_history(self, name: str) -> tuple[Case, list[Entry], int]:
        case = self.named(name)
        return case, history_of(self.reader, case), self.seen_ms()


_TEXTS = ("assignee", "text", "until", "outcome", "mode", "cause", "remedy", "parts")


def _number(form: Mapping[str, str], key: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(form.get(key, ""))
    except ValueError as error:
        raise RecordError(f"{key} = {form.get(key, '')[:20]!r}: expected a number") from error
