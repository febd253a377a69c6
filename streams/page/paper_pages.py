"""What leaves the page: cases as a table and a calendar, a work sheet, a code for a machine's door."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from models.cases.case import OUTCOMES, Case
from models.fleet.fleet import Fleet
from streams.page.case_files import as_calendar, as_csv
from streams.page.case_list import Choices, Wanted
from streams.page.case_pages import CasePages
from streams.page.door import person_of
from streams.page.plan_work import PlanWork
from streams.stores.case_query import find_cases
from streams.stores.store import Reader

_MOST = 20_000
_LONGEST_URL = 2_000


class PaperPages:
    """Answers with files and with what is to be printed; ``url`` is where people find the page, if known."""

    def __init__(
        self, reader: Reader, fleet: Fleet, cases: CasePages, plans: PlanWork, url: str = ""
    ) -> None:
        self.reader, self.fleet, self.cases, self.plans = reader, fleet, cases, plans
        self.clock, self.times, self.url = plans.clock, cases.work.times, url.rstrip("/")
        self.choices = Choices.of(fleet, self.times.inventory)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/cases.csv", self.table),
            Route("/cases.ics", self.calendar),
            Route("/sheet/{case:path}", self.sheet),
            Route("/qr/{asset:path}", self.code),
        ]

    async def table(self, request: Request) -> Response:
        """Return the cases of a view as CSV."""
        now_ms, cases = await self._found(request)
        text = await run_in_threadpool(as_csv, cases, self.times, self.choices, now_ms)
        return _file(text, "text/csv; charset=utf-8", "cases.csv")

    async def calendar(self, request: Request) -> Response:
        """Return the cases of a view as a calendar, and the planned stops of its site and model."""
        now_ms, cases = await self._found(request)
        wanted = Wanted.of(request.query_params)
        assets = self.choices.assets(wanted.site, wanted.model)
        stops = await run_in_threadpool(self.plans.shown, now_ms, assets)

        def link(case: str) -> str:
            return self._address(request, f"/cases/{quote(case)}")

        text = await run_in_threadpool(as_calendar, cases, self.times, link, self.clock(), stops)
        return _file(text, "text/calendar; charset=utf-8", "cases.ics")

    async def sheet(self, request: Request) -> Response:
        """Show one case on a sheet that is printed and filled in at the machine."""
        case = await run_in_threadpool(self.cases.named, request.path_params["case"])
        address = self._address(request, f"/cases/{quote(case.case)}")
        series = await run_in_threadpool(self.cases.series, case)
        shown = {"address": address, "series": series, "zone": self.times.zone(case.asset)}
        return await self._html("sheet.html", case=case, outcomes=OUTCOMES, **shown)

    async def code(self, request: Request) -> Response:
        """Return a QR code of the page of a machine, or of another place here with ``?to=``."""
        place = f"/assets/{quote(request.path_params['asset'])}"
        if request.query_params.get("to") == "case":
            place = f"/cases/{quote(request.path_params['asset'])}"
        picture = await run_in_threadpool(_drawn, self._address(request, place)[:_LONGEST_URL], place)
        return Response(picture, media_type="image/svg+xml")

    async def _found(self, request: Request) -> tuple[int, Sequence[Case]]:
        """Return up to when the machines are seen, and all cases of the view that is asked for."""
        wanted, who = Wanted.of(request.query_params), person_of(request).name

        def read() -> tuple[int, list[Case]]:
            now_ms = self.cases.seen_ms()
            query = wanted.query(self.choices, who, now_ms, start=0, most=_MOST)
            return now_ms, find_cases(self.reader, query)[1]

        return await run_in_threadpool(read)

    def _address(self, request: Request, place: str) -> str:
        return f"{self.url or str(request.base_url).rstrip('/')}{place}"

    async def _html(self, template: str, **values: Any) -> Response:
        shown = {"times": self.times, "choices": self.choices, **values}
        body = await run_in_threadpool(lambda: self.cases.render(template, **shown))
        return HTMLResponse(body, headers={"cache-control": "no-store"})


def _drawn(address: str, title: str) -> bytes:
    """Return the code of an address as SVG."""
    picture = io.BytesIO()
    look: dict[str, Any] = {"scale": 4, "border": 4, "dark": "#000", "light": "#fff", "title": title}
    segno.make(address, error="m", micro=False).save(picture, kind="svg", **look)
    return picture.getvalue()


def _file(text: str, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(text, media_type=media_type, headers=headers)
