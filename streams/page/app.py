"""The page: the fleet by risk, and one machine's risk over time, read from either store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.errors import UnavailableError
from models.fleet.fleet import Fleet
from models.fleet.inventory import FLEET
from models.telemetry.labels import DAY_MS
from models.telemetry.samples import utc
from streams.page.chart import Chart, draw
from streams.stores.store import Reader, Row

_FOLDER = Path(__file__).parent
_SHOWN = 200
_EXPLANATIONS_SHOWN = 14
_SPAN_D = (7, 30, 90, 365)
_USUAL_SPAN_D = 90
_TITLES = {400: "This cannot be shown", 404: "No such page"}
_SHORT_UNITS = {"degC": "°C", "1": ""}
_SECURITY = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One line of the list; a risk is None where the newest window has no score at this horizon."""

    asset: str
    risk: float | None
    adapted: float | None
    as_of_ms: int
    is_silent: bool
    case: Mapping[str, Any] | None

    @property
    def rank(self) -> tuple[int, float, str]:
        """Order of the list: critical cases, warnings, then the rest, each by risk."""
        severity = {"critical": 0, "warning": 1}.get(self.case["severity"] if self.case else "", 2)
        return severity, 1.0 if self.risk is None else -self.risk, self.asset


class Page:
    """Answers requests from what the store holds; time is that of the newest score, not of any clock."""

    def __init__(self, reader: Reader, fleet: Fleet) -> None:
        self.reader, self.fleet = reader, fleet
        self.risk_field = f"risk_{fleet.alerting.horizon_d:g}d"
        templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
        )
        templates.filters.update(day=utc, percent=_percent, measured=_measured)
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
        start_ms = end_ms - days * DAY_MS
        scores = self.reader.history("scores", asset, start_ms, end_ms)
        return {
            "asset": asset,
            "days": days,
            "as_of_ms": own[-1].time_ms,
            "risk": _number(own[-1], self.risk_field),
            "model": own[-1].fields.get("model", ""),
            "scored_by": own[-1].fields.get("scored_by", FLEET),
            "case": open_cases(self.reader.latest("alerts")).get(asset),
            "scores": [
                (r.time_ms, r.fields[self.risk_field], r.fields["adapted"])
                for r in scores
                if self.risk_field in r.fields and "adapted" in r.fields
            ],
            "events": [
                (r.time_ms, r.tags.get("kind", ""), str(r.fields.get("code", "")))
                for r in self.reader.history("events", asset, start_ms, end_ms + DAY_MS)
            ],
            "explanations": [
                (r.time_ms, _sensors(r)) for r in self.reader.history("explanations", asset, start_ms, end_ms)
            ],
        }

    def list_page(self, request: Request) -> Response:
        """Show the fleet by risk."""
        wanted = request.query_params.get("q", "")[:100].strip()
        every = self.machines()
        found = [m for m in every if wanted.lower() in m.asset.lower()]
        values: dict[str, Any] = {
            "machines": found[:_SHOWN],
            "found": len(found),
            "every": len(every),
            "cases": sum(m.case is not None for m in every),
            "newest_ms": max((m.as_of_ms for m in every), default=0),
            "q": wanted,
        }
        return self._html("fleet.html", **values)

    def machine_page(self, request: Request) -> Response:
        """Show one machine."""
        shown = self.machine(request.path_params["asset"], _days(request))
        if shown is None:
            return self._unknown(request)
        trips = [(t, code) for t, kind, code in shown["events"] if kind == "shutdown"]
        chart = draw(Chart(shown["scores"], trips, shown["days"]))
        shown |= {"chart": chart, "trips": trips, "spans": _SPAN_D, "rows": _EXPLANATIONS_SHOWN}
        return self._html("machine.html", **shown)

    def fleet_json(self, _: Request) -> Response:
        """Return the list as JSON."""
        return _json([msgspec.to_builtins(m) for m in self.machines()])

    def machine_json(self, request: Request) -> Response:
        """Return one machine as JSON."""
        shown = self.machine(request.path_params["asset"], _days(request))
        return self._unknown(request) if shown is None else _json(shown)

    def healthz(self, _: Request) -> Response:
        """Say that the page runs; it does not ask the store."""
        return JSONResponse({"status": "ok"})

    def unavailable(self, request: Request, error: Exception) -> Response:
        """Say what is wrong with the store."""
        return self._problem(request, 503, "The store does not answer", str(error))

    def refused(self, request: Request, error: HTTPException) -> Response:
        """Say why a request is not answered: a wrong parameter, or no such page."""
        text = request.url.path if error.status_code == 404 else error.detail
        title = _TITLES.get(error.status_code, "Not answered")
        return self._problem(request, error.status_code, title, text)

    def _unknown(self, request: Request) -> Response:
        title = f"No {self.fleet.asset} {request.path_params['asset']}"
        text = "The store has no score of it. Check the name, or wait for its first window to close."
        return self._problem(request, 404, title, text)

    def _problem(self, request: Request, status: int, title: str, text: str) -> Response:
        """Answer a program in JSON and a person in words."""
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": f"{title}: {text}"}, status)
        return self._html("problem.html", status, title=title, text=text)

    def _machine(self, row: Row, newest_ms: int, cases: Mapping[str, Mapping[str, Any]]) -> Machine:
        asset = row.tags.get("asset", "")
        risk, adapted = _number(row, self.risk_field), _number(row, "adapted")
        silent = newest_ms - row.time_ms > DAY_MS
        return Machine(asset, risk, adapted, row.time_ms, silent, cases.get(asset))

    def _html(self, name: str, status: int = 200, **values: Any) -> Response:
        text = self.templates.get_template(name).render(fleet=self.fleet, **values)
        return HTMLResponse(text, status)


def open_cases(alerts: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return the case of each asset whose newest word is that it is open."""
    newest: dict[str, Row] = {}
    for row in sorted(alerts, key=_when):
        newest[row.tags.get("asset", "")] = row
    return {asset: _case(row) for asset, row in newest.items() if row.tags.get("stage") == "open"}


def _when(row: Row) -> tuple[int, str]:
    """Order alerts: at one and the same window end a case closes before the next opens."""
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
    handlers: Mapping[Any, Any] = {UnavailableError: page.unavailable, HTTPException: page.refused}
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
    """Return the span asked for; any but those offered is refused, a year being the most that is read."""
    given = request.query_params.get("days") or str(_USUAL_SPAN_D)
    if given not in map(str, _SPAN_D):
        raise HTTPException(400, f"days = {given[:20]!r}: expected one of {', '.join(map(str, _SPAN_D))}")
    return int(given)


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _number(row: Row, name: str) -> float | None:
    value = row.fields.get(name)
    return value if isinstance(value, float) else None


def _percent(value: float | None) -> str:
    if value is None:
        return "no score"
    return f"{value:.0%}" if value >= 0.01 else "< 1%"


def _measured(value: float | None, unit: str) -> str:
    """Return a reading as a person writes it, three digits being what a sensor is good for.

    >>> _measured(78.31, "degC"), _measured(1240.4, "kW"), _measured(3.0, "1"), _measured(None, "bar")
    ('78.3 °C', '1240 kW', '3', 'no reading')
    """
    if value is None:
        return "no reading"
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {_SHORT_UNITS.get(unit, unit)}".rstrip()
