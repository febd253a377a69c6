"""The calendar: when outcomes are likely, planned stops and forms to enter and cancel them, work done."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.cases.planning import Outcome, Said, plan_name
from models.cases.stops import MAX_WORDS
from models.errors import RecordError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from streams.page.case_list import Choices, Wanted
from streams.page.case_pages import CasePages
from streams.page.door import person_of
from streams.page.forms import read_form
from streams.page.plan import read_plan
from streams.page.plan_work import PlanWork
from streams.stores.case_query import find_cases
from streams.stores.store import Reader

_MOST = 20_000
_SHOWN = 100
_FIELDS = ("machine", "site", "from_day", "from_time", "until_day", "until_time", "text")


class PlanPages:
    """Shows the weeks ahead, and does what the forms of planned stops ask."""

    def __init__(self, reader: Reader, fleet: Fleet, cases: CasePages, plans: PlanWork) -> None:
        self.reader, self.cases, self.plans = reader, cases, plans
        self.choices = Choices.of(fleet, cases.work.times.inventory)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/calendar", self.show), Route("/plans", self.do, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Show the weeks ahead, the form filled in as the address says."""
        given = {key: request.query_params.get(key, "")[:128] for key in _FIELDS}
        return await self._calendar(request, given)

    async def do(self, request: Request) -> Response:
        """Enter or cancel a plan, and show the weeks as they are then; what is refused says why."""
        form = await read_form(request)
        if self.cases.work.plan is None:
            raise HTTPException(403, self.cases.work.why)
        form = self.cases.checked(request, form)
        if not person_of(request).name:
            raise HTTPException(400, "who is left out: expected your name, which the page asks for")
        try:
            outcome = await run_in_threadpool(self._done, request, form)
        except RecordError as error:
            return await self._calendar(request, form, [str(error)], 400)
        if outcome.refused:
            told = [f"{asset}: not done: {reason}" for asset, reason in outcome.refused[:_SHOWN]]
            return await self._calendar(request, form, told, 409)
        return RedirectResponse("/calendar#stops", 303)

    def _done(self, request: Request, form: Mapping[str, str]) -> Outcome:
        person = person_of(request)
        if "cancel" not in form:
            return self.plans.enter(person, self._said(person.name, form))
        planned = self.plans.named(form["cancel"][:128])
        if planned is None:
            raise RecordError(f"plan = {form['cancel'][:20]!r}: there is none")
        return self.plans.cancel(person, planned)

    def _said(self, who: str, form: Mapping[str, str]) -> Said:
        given = {key: form.get(key, "").strip() for key in _FIELDS}
        told = [form.get("once", ""), *given.values()]
        return Said(
            plan=plan_name(who, *told),
            who=who,
            time_ms=self.plans.clock(),
            as_of_ms=self.plans.seen_ms(),
            begins=_moment(given["from_day"], given["from_time"]),
            ends=_moment(given["until_day"], given["until_time"]),
            machine=given["machine"],
            site=given["site"],
            text=given["text"],
        )

    async def _calendar(
        self, request: Request, given: Mapping[str, str], problems: Sequence[str] = (), status: int = 200
    ) -> Response:
        who = person_of(request).name
        values = await run_in_threadpool(self._read, who, Wanted.of({}))
        filled = {key: given.get(key, "") for key in _FIELDS}
        shown = {**values, "given": filled, "problems": problems, "once": uuid.uuid4().hex}
        return await self.cases.answer(request, "calendar.html", {**shown, "longest": MAX_WORDS}, status)

    def _read(self, who: str, wanted: Wanted) -> dict[str, Any]:
        now_ms = self.plans.seen_ms()
        query = wanted.query(self.choices, who, now_ms, start=0, most=_MOST)
        cases = find_cases(self.reader, query)[1]
        stops = self.plans.shown(now_ms)
        ahead = [one for one in stops if one.first.is_left(now_ms)]
        past = [one for one in reversed(stops) if one not in ahead]
        return {
            "plan": read_plan(self.reader, cases, now_ms),
            "stops": [*ahead, *past][:_SHOWN],
            "more_stops": max(len(stops) - _SHOWN, 0),
            "day_ms": DAY_MS,
            "choices": self.choices,
            "now_ms": now_ms,
        }


def _moment(day: str, time: str) -> str:
    """Return a date, or a date and time, as the two fields of the form say it."""
    return f"{day}T{time}" if time else day
