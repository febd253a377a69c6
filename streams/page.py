"""The page: the fleet by risk, and one machine's risk over time, read from either store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.errors import UnavailableError
from models.fleet import Fleet
from streams.chart import Chart, draw
from streams.store import Reader, Row

_FOLDER = Path(__file__).parent
_SHOWN = 200
_DAY_MS = 86_400_000
_SPAN_D = (7, 30, 90, 365)
_SECURITY = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One line of the list."""

    asset: str
    risk: float
    adapted: float
    as_of_ms: int
    is_silent: bool
    case: Mapping[str, Any] | None

    @property
    def rank(self) -> tuple[int, float, str]:
        """Order of the list: critical cases, warnings, then the rest, each by risk."""
        severity = {"critical": 0, "warning": 1}.get(self.case["severity"] if self.case else "", 2)
        return severity, -self.risk, self.asset


class Page:
    """Answers requests from what the store holds; time is that of the newest score, not of any clock."""

    def __init__(self, reader: Reader, fleet: Fleet) -> None:
        self.reader, self.fleet = reader, fleet
        self.risk_field = f"risk_{fleet.alerting.horizon_d:g}d"
        templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
        )
        templates.filters.update(day=_day, percent=_percent, number=_number)
        self.templates = templates

    def machines(self) -> list[Machine]:
        """Return every machine of the store, the most urgent first."""
        scores = self.reader.latest("scores")
        newest_ms = max((row.time_ms for row in scores), default=0)
        cases = open_cases(self.reader.latest("alerts"))
        return sorted((self._machine(row, newest_ms, cases) for row in scores), key=lambda m: m.rank)

    def machine(self, asset: str, days: int) -> dict[str, Any] | None:
        """Return all that is shown of one machine over its last ``days``, None where it is unknown."""
        newest = self.reader.latest("scores")
        own = [row for row in newest if row.tags.get("asset") == asset]
        if not own:
            return None
        end_ms = max(row.time_ms for row in newest) + 1
        start_ms = end_ms - days * _DAY_MS
        scores = self.reader.history("scores", asset, start_ms, end_ms)
        return {
            "asset": asset,
            "days": days,
            "as_of_ms": own[-1].time_ms,
            "risk": _float(own[-1], self.risk_field),
            "case": open_cases(self.reader.latest("alerts")).get(asset),
            "scores": [
                (r.time_ms, _float(r, self.risk_field), _float(r, "adapted"))
                for r in scores
                if self.risk_field in r.fields
            ],
            "events": [
                (r.time_ms, r.tags.get("kind", ""), str(r.fields.get("code", "")))
                for r in self.reader.history("events", asset, start_ms, end_ms + _DAY_MS)
            ],
            "explanations": [
                (r.time_ms, _sensors(r)) for r in self.reader.history("explanations", asset, start_ms, end_ms)
            ],
        }

    def list_page(self, request: Request) -> Response:
        """Show the fleet by risk."""
        wanted = request.query_params.get("q", "")[:100]
        machines = self.machines()
        found = [m for m in machines if wanted.lower() in m.asset.lower()]
        return self._html(
            "fleet.html", machines=found[:_SHOWN], found=len(found), all=len(machines), q=wanted
        )

    def machine_page(self, request: Request) -> Response:
        """Show one machine."""
        asset, days = request.path_params["asset"], _days(request)
        shown = self.machine(asset, days)
        if shown is None:
            text = "The store has no score of it. Check the name, or wait for its first window to close."
            return self._html("problem.html", 404, title=f"No {self.fleet.asset} {asset}", text=text)
        trips = [(t, code) for t, kind, code in shown["events"] if kind == "shutdown"]
        chart = draw(Chart(shown["scores"], trips, shown["days"]))
        return self._html("machine.html", chart=chart, trips=trips, spans=_SPAN_D, **shown)

    def fleet_json(self, _: Request) -> Response:
        """Return the list as JSON."""
        return _json([msgspec.to_builtins(m) for m in self.machines()])

    def machine_json(self, request: Request) -> Response:
        """Return one machine as JSON."""
        asset = request.path_params["asset"]
        shown = self.machine(asset, _days(request))
        if shown is None:
            return JSONResponse({"error": f"no {self.fleet.asset} {asset}"}, 404)
        return _json(shown)

    def healthz(self, _: Request) -> Response:
        """Say that the page runs; it does not ask the store."""
        return JSONResponse({"status": "ok"})

    def unavailable(self, _: Request, error: Exception) -> Response:
        """Say what is wrong with the store."""
        return self._html("problem.html", 503, title="The store does not answer", text=str(error))

    def not_found(self, request: Request, _: Exception) -> Response:
        """Say that there is no such page."""
        return self._html("problem.html", 404, title="No such page", text=request.url.path)

    def _machine(self, row: Row, newest_ms: int, cases: Mapping[str, Mapping[str, Any]]) -> Machine:
        asset = row.tags.get("asset", "")
        risk = _float(row, self.risk_field)
        silent = newest_ms - row.time_ms > _DAY_MS
        return Machine(asset, risk, _float(row, "adapted"), row.time_ms, silent, cases.get(asset))

    def _html(self, name: str, status: int = 200, **values: Any) -> Response:
        text = self.templates.get_template(name).render(fleet=self.fleet, **values)
        return HTMLResponse(text, status)


def open_cases(alerts: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return the case of each asset whose newest word is that it is open."""
    newest: dict[str, Row] = {}
    for row in alerts:
        before = newest.get(row.tags.get("asset", ""))
        # At one and the same window end a case closes before the next opens.
        if before is None or (row.time_ms, row.tags.get("stage")) >= (
            before.time_ms,
            before.tags.get("stage"),
        ):
            newest[row.tags.get("asset", "")] = row
    return {asset: _case(row) for asset, row in newest.items() if row.tags.get("stage") == "open"}


def _when(row: Row) -> tuple[int, str]:
    return row.time_ms, row.tags.get("stage", "")


def create_app(reader: Reader, fleet: Fleet) -> Starlette:
    """Return the page over a reader."""
    page = Page(reader, fleet)
    routes = [
        Route("/", page.list_page),
        Route("/assets/{asset:path}", page.machine_page),
        Route("/api/fleet", page.fleet_json),
        Route("/api/assets/{asset:path}", page.machine_json),
        Route("/healthz", page.healthz),
        Mount("/static", StaticFiles(directory=_FOLDER / "static")),
    ]
    handlers: Mapping[Any, Any] = {UnavailableError: page.unavailable, 404: page.not_found}
    secured = Middleware(BaseHTTPMiddleware, dispatch=_secured)
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[secured])


async def _secured(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call(request)
    response.headers.update(_SECURITY)
    return response


def _case(row: Row) -> dict[str, Any]:
    severity = row.tags.get("severity", "warning")
    return {**row.fields, "severity": severity, "since_ms": row.time_ms, "sensors": _sensors(row)}


def _sensors(row: Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(str(row.fields.get("sensors", "[]")))
    return found


def _days(request: Request) -> int:
    """Return the span asked for, one of those offered."""
    given = request.query_params.get("days", "")
    return int(given) if given in map(str, _SPAN_D) else _SPAN_D[2]


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _float(row: Row, name: str) -> float:
    value = row.fields.get(name, 0.0)
    return value if isinstance(value, float) else 0.0


def _day(time_ms: float) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _percent(value: float) -> str:
    return f"{value:.0%}" if value >= 0.01 else "< 1%"


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"
