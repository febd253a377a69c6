"""The page: the fleet by risk, and one machine's risk over time, read from either store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from models.errors import ChillcastError, ForbiddenError, UnavailableError
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING
from models.fleet.site_times import SiteTimes
from streams.access.last_seen import LastSeen
from streams.delivery.signing import Signatures
from streams.page.answers import Answer, Current, Shared, answered
from streams.page.api import Api
from streams.page.api_limit import ApiLimit
from streams.page.backstage import Backstage
from streams.page.backstage_pages import BackstagePages
from streams.page.case_list_page import CaseListPage
from streams.page.case_pages import CasePages, CaseWork
from streams.page.door import Door
from streams.page.entrance import Entrance
from streams.page.evidence import evidence_series
from streams.page.filters import FILTERS
from streams.page.fleet_pages import FleetPages
from streams.page.forms import Tokens, https_by
from streams.page.guards import LOOPBACK, AllowedHosts, SecureHeaders
from streams.page.live import Live
from streams.page.machine_page import SPANS_D, MachinePage
from streams.page.model_pages import ModelPages
from streams.page.paper_pages import PaperPages
from streams.page.plan_pages import PlanPages
from streams.page.plan_work import PlanWork
from streams.page.problems import API, problem
from streams.page.record_page import RecordPage
from streams.page.sensor_choice import Choice
from streams.page.sign_in import SignInPages
from streams.page.views import ORDERS, Overview, read_machine, read_overview
from streams.page.work_order_hook import WorkOrderHook
from streams.redaction import redact
from streams.stores.case_reader import seen_ms
from streams.stores.store import Reader

_FOLDER = Path(__file__).parent
_SHOWN = 200
_USUAL_SPAN_D = 90
_TITLES = {400: "This cannot be shown", 403: "Not allowed", 404: "No such page"}
_RETRY_S = 5
_HTML, _JSON = "text/html; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The fleet as it was read, and what was made of it."""

    overview: Overview
    answers: Shared[Answer] = field(default_factory=Shared)


class Page:
    """Answers requests from what the store holds; ``clock`` says how late it is here, in ms."""

    def __init__(
        self, reader: Reader, fleet: Fleet, clock: Callable[[], int], times: SiteTimes | None = None
    ) -> None:
        self.reader, self.fleet, self.clock = reader, fleet, clock
        self.times = times or SiteTimes(NOTHING)
        self.current = Current(self._read, reader.version)
        self.live = Live(reader)
        templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
        )
        templates.filters.update(FILTERS)
        self.templates = templates

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/", self.list_page),
            Route("/assets/{asset:path}", self.machine_page),
            Route("/glossary", self.glossary),
            Route("/api/fleet", self.fleet_json),
            Route("/api/assets/{asset:path}", self.machine_json),
            Route("/healthz", self.healthz),
        ]

    @property
    def handlers(self) -> Mapping[Any, Any]:
        """What is answered instead, by error."""
        return {
            UnavailableError: self.unavailable,
            ForbiddenError: self.forbidden,
            HTTPException: self.refused,
            ChillcastError: self.wrong,
            Exception: self.failed,
        }

    async def list_page(self, request: Request) -> Response:
        """Show the fleet by risk."""
        wanted, sort = request.query_params.get("q", "")[:100].strip(), _sort(request)
        seen = await self.current.get()
        key = ("list", wanted, sort)
        return await answered(request, seen.answers, key, lambda: self._list(seen.overview, wanted, sort))

    async def machine_page(self, request: Request) -> Response:
        """Show one machine."""
        choice = self._choice(request)
        return await self._answer_machine(request, "page", choice, lambda shown: self._machine(shown, choice))

    async def fleet_json(self, request: Request) -> Response:
        """Return the list as JSON."""
        seen = await self.current.get()
        return await answered(request, seen.answers, ("json",), lambda: _fleet_json(seen.overview))

    async def machine_json(self, request: Request) -> Response:
        """Return one machine as JSON."""
        choice = self._choice(request)
        return await self._answer_machine(request, "json", choice, lambda s: _machine_json(s, choice))

    async def glossary(self, _: Request) -> Response:
        """Say what the words of the page mean."""
        return HTMLResponse(self.html("glossary.html"))

    async def healthz(self, _: Request) -> Response:
        """Say that the page runs; it does not ask the store."""
        return JSONResponse({"status": "ok"})

    async def unavailable(self, request: Request, error: Exception) -> Response:
        """Say what is wrong with the store."""
        return self._problem(request, 503, "The store does not answer", redact(str(error)))

    async def refused(self, request: Request, error: HTTPException) -> Response:
        """Say why a request is not answered: a wrong parameter, or no such page."""
        text = request.url.path if error.status_code == 404 else error.detail
        title = _TITLES.get(error.status_code, "Not answered")
        return self._problem(request, error.status_code, title, text)

    async def forbidden(self, request: Request, error: Exception) -> Response:
        """Say what somebody's role may not do."""
        return self._problem(request, 403, _TITLES[403], str(error))

    async def not_let_in(self, request: Request, error: Exception) -> Response:
        """Say why somebody is not let in, or that it cannot be known who it is."""
        answer = self.forbidden if isinstance(error, ForbiddenError) else self.unavailable
        return await answer(request, error)

    async def wrong(self, request: Request, error: Exception) -> Response:
        """Say what an operator has to mend, a setting or a file: it is no fault of ours."""
        return self._problem(request, 500, "Something has to be mended first", redact(str(error)))

    async def failed(self, request: Request, _: Exception) -> Response:
        """Say that it is our own fault; what it was is for the log."""
        text = "A fault of chillcast itself. What went wrong stands in the log of the page."
        return self._problem(request, 500, "This page could not be made", text)

    async def overview(self) -> Overview:
        """Return the fleet as it was read last."""
        return (await self.current.get()).overview

    def _read(self) -> _Snapshot:
        return _Snapshot(read_overview(self.reader, self.fleet, self.clock()))

    async def _answer_machine(
        self, request: Request, kind: str, choice: Choice, render: Callable[[dict[str, Any]], Answer]
    ) -> Response:
        asset, days = request.path_params["asset"], _days(request)
        seen = await self.current.get()
        machine = seen.overview.machines.get(asset)
        if machine is None:
            return self._unknown(request)

        def make() -> Answer:
            return render(read_machine(self.reader, self.fleet, seen.overview, machine, days))

        return await answered(request, seen.answers, (kind, asset, days, choice), make)

    def _list(self, seen: Overview, wanted: str, sort: str) -> Answer:
        every = list(seen.machines.values())
        found = sorted((m for m in every if wanted.lower() in m.asset.lower()), key=ORDERS[sort])
        values: dict[str, Any] = {
            "machines": found[:_SHOWN],
            "found": len(found),
            "every": len(every),
            "cases": sum(m.case is not None for m in every),
            "newest_ms": seen.time.now_ms,
            "seen_ms": seen.seen_ms,
            "wrong_clocks": seen.wrong_clocks,
            "refused": seen.refused,
            "q": wanted,
            "sort": sort,
            "times": self.times,
        }
        return Answer.with_body(self.html("fleet.html", **values), _HTML)

    def _machine(self, shown: dict[str, Any], choice: Choice) -> Answer:
        now_ms = seen_ms(self.reader, self.clock())
        machine = MachinePage(self.reader, self.fleet, self.times, now_ms)
        return Answer.with_body(self.html("machine.html", **machine.values(shown, choice)), _HTML)

    def _choice(self, request: Request) -> Choice:
        try:
            return Choice.of(request.query_params.getlist("sensor"), self.fleet)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    def _unknown(self, request: Request) -> Response:
        title = f"No {self.fleet.asset} {request.path_params['asset']}"
        text = "The store has no score of it. Check the name, or wait for its first window to close."
        return self._problem(request, 404, title, text)

    def _problem(self, request: Request, status: int, title: str, text: str) -> Response:
        """Answer a program in JSON and a person in words."""
        headers = {"cache-control": "no-store"} | ({"retry-after": str(_RETRY_S)} if status == 503 else {})
        if request.url.path.startswith(API):
            return problem(status, title, text, headers)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": f"{title}: {text}"}, status, headers)
        return HTMLResponse(self.html("problem.html", title=title, text=text), status, headers)

    def html(self, name: str, **values: Any) -> bytes:
        """Fill a template."""
        shown = {"fleet": self.fleet, "stamps": self.live.stamps, **values}
        return self.templates.get_template(name).render(**shown).encode()


def create_app(
    reader: Reader,
    fleet: Fleet,
    allowed_hosts: Collection[str] = LOOPBACK,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    work: CaseWork | None = None,
    door: Door | None = None,
    signatures: Signatures | None = None,
    backstage: Backstage | None = None,
    limit: ApiLimit | None = None,
) -> ASGIApp:
    """Return the page over a reader, for who asks for it by one of ``allowed_hosts``.

    Without ``work`` nobody changes a case through it; without a ``door`` nobody signs in, without
    ``signatures`` no work order comes back, and ``backstage`` tells of models and the pipeline. Without a
    ``limit`` programs may ask as often as they like.
    """
    work, backstage = work or CaseWork(), backstage or Backstage()
    tokens = Tokens(door.by_https if door else https_by(work.url))
    page = Page(reader, fleet, clock, work.times)
    hook = WorkOrderHook(reader, work, clock, signatures).routes if signatures else []
    routes = [
        *SignInPages(door, page.html, tokens).routes,
        *_pages(page, work, tokens, backstage, door),
        *Api(reader, fleet, work, clock, page.overview, version("chillcast"), backstage).routes,
        *hook,
        *page.routes,
        Mount("/static", StaticFiles(directory=_FOLDER / "static")),
    ]
    app = Starlette(routes=routes, exception_handlers=page.handlers)
    return SecureHeaders(AllowedHosts(Entrance(app, door, page.not_let_in, limit), allowed_hosts))


def _pages(
    page: Page, work: CaseWork, tokens: Tokens, backstage: Backstage, door: Door | None
) -> Iterator[Route]:
    """Yield the routes of what people look at and work with."""
    reader, fleet, html = page.reader, page.fleet, page.html
    seen = LastSeen(door.audit.database, page.clock) if door else None

    cases = CasePages(reader, work, html, page.clock, tokens, partial(evidence_series, reader, fleet), seen)
    fleet_pages = FleetPages(reader, fleet, work.times, page.overview, html)
    strips, times, audit = fleet_pages.strips, work.times, work.audit
    yield from fleet_pages.routes
    plans = PlanWork(reader, fleet, work, page.clock)
    yield from PaperPages(reader, fleet, cases, plans, work.url).routes
    yield from PlanPages(reader, fleet, cases, plans).routes
    yield from ModelPages(reader, fleet, backstage, strips, html, tokens, audit).routes
    yield from BackstagePages(reader, fleet, backstage, strips, html, tokens, times, audit).routes
    yield from RecordPage(audit, html).routes
    yield from CaseListPage(reader, fleet, cases, cases.seen_ms).routes
    yield from cases.routes
    yield from page.live.routes


def _fleet_json(seen: Overview) -> Answer:
    told = [machine.told(seen.seen_ms) for machine in seen.machines.values()]
    return Answer.with_body(msgspec.json.encode(told), _JSON)


def _machine_json(shown: dict[str, Any], choice: Choice) -> Answer:
    told = {**shown, "readings": choice.of_days(shown["readings"])}
    return Answer.with_body(msgspec.json.encode(told), _JSON)


def _sort(request: Request) -> str:
    given = request.query_params.get("sort") or "urgent"
    if given not in ORDERS:
        raise HTTPException(400, f"sort = {given[:20]!r}: expected one of {', '.join(ORDERS)}")
    return given


def _days(request: Request) -> int:
    """Return the span asked for; any but those offered is refused, a year being the most that is read."""
    given = request.query_params.get("days") or str(_USUAL_SPAN_D)
    if given not in map(str, SPANS_D):
        raise HTTPException(400, f"days = {given[:20]!r}: expected one of {', '.join(map(str, SPANS_D))}")
    return int(given)
