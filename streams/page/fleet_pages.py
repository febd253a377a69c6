"""The fleet over the last weeks, and what is in doubt of what is heard from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes
from streams.page.answers import Current
from streams.page.case_list import Choices
from streams.page.doubts import DAYS as DOUBT_DAYS
from streams.page.doubts import read_doubts
from streams.page.views import Overview, risk_field
from streams.page.weeks import DAYS, Strip, Weeks, by_site
from streams.stores.store import Reader

_MACHINES_SHOWN, _SENSORS_SHOWN, _SITES_SHOWN = 100, 100, 200


class FleetPages:
    """Answers what is asked of the fleet as a whole; ``overview`` is its present state."""

    def __init__(
        self,
        reader: Reader,
        fleet: Fleet,
        times: SiteTimes,
        overview: Callable[[], Awaitable[Overview]],
        render: Callable[..., bytes],
    ) -> None:
        self.reader, self.fleet, self.times = reader, fleet, times
        self.overview, self.render = overview, render
        self.choices = Choices.of(fleet, times.inventory)
        self.weeks = Weeks(reader, risk_field(fleet))
        self._now_ms = 0
        self.current = Current(self._read, reader.version)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/weeks", self.weeks_page), Route("/doubts", self.doubts_page)]

    async def strips(self) -> tuple[int, Sequence[Strip]]:
        """Return the time of the fleet, and the risks of its last weeks."""
        self._now_ms = (await self.overview()).time.now_ms
        return self._now_ms, await self.current.get()

    async def weeks_page(self, request: Request) -> Response:
        """Show the last weeks by site, and the machines of one, or all, a page at a time."""
        seen, (_, strips) = await self.overview(), await self.strips()
        site = request.query_params.get("site", "")
        page = _page(request)
        found = [s for s in strips if site in ("", self.choices.site(s.name))]
        start = (page - 1) * _MACHINES_SHOWN

        def day(asset: str) -> Callable[[int], str]:
            return lambda back: self.times.date(asset, seen.time.now_ms - back * DAY_MS)

        values = {
            "day": day,
            "sites": by_site(strips, self.choices.site, seen.threshold)[:_SITES_SHOWN],
            "machines": found[start : start + _MACHINES_SHOWN],
            "found": len(found),
            "first": start + 1,
            "page": page,
            "more": len(found) > start + _MACHINES_SHOWN,
            "site": site,
            "threshold": seen.threshold,
            "now_ms": seen.time.now_ms,
            "days": DAYS,
        }
        return await self._answer("weeks.html", values)

    async def doubts_page(self, _: Request) -> Response:
        """Show silent machines and bad sensors."""
        seen = await self.overview()
        doubts = await run_in_threadpool(read_doubts, self.reader, seen)
        labels = {point.key: point.label for point in self.fleet.points}
        values = {
            "doubts": doubts,
            "labels": labels,
            "rows": _SENSORS_SHOWN,
            "days": DOUBT_DAYS,
            "now_ms": seen.time.now_ms,
        }
        return await self._answer("doubts.html", values)

    async def _answer(self, template: str, values: dict[str, object]) -> Response:
        shown = {"times": self.times, "choices": self.choices, **values}
        body = await run_in_threadpool(lambda: self.render(template, **shown))
        return HTMLResponse(body, headers={"cache-control": "no-store"})

    def _read(self) -> Sequence[Strip]:
        return self.weeks.strips(self._now_ms) if self._now_ms else []


def _page(request: Request) -> int:
    text = request.query_params.get("page") or "1"
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) == int(text)):
        raise HTTPException(400, f"page = {text[:20]!r}: expected a number from 1 on")
    return int(text)
