"""The fleet over the last weeks, and what is in doubt of what is heard from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes
from streams.page.answers import Answer, Shared, answered
from streams.page.asked import page_of
from streams.page.case_list import Choices
from streams.page.doubts import DAYS as DOUBT_DAYS
from streams.page.doubts import read_doubts
from streams.page.views import Overview, risk_field
from streams.page.weeks import DAYS, Strip, Weeks, by_site
from streams.stores.store import Reader

_MACHINES_SHOWN, _SENSORS_SHOWN, _SITES_SHOWN = 100, 100, 200


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was made of one state of the fleet."""

    seen: Overview
    strips: Shared[Sequence[Strip]] = field(default_factory=Shared)
    answers: Shared[Answer] = field(default_factory=Shared)


class FleetPages:
    """Answers what is asked of the whole fleet; ``overview`` is one object as long as nothing changes."""

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
        self._last: _Kept | None = None

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/weeks", self.weeks_page), Route("/doubts", self.doubts_page)]

    async def strips(self) -> tuple[int, Sequence[Strip]]:
        """Return the time of the fleet, and the risks of its last weeks."""
        kept = await self._kept()
        now_ms = kept.seen.time.now_ms
        return now_ms, await kept.strips.get("", lambda: self.weeks.strips(now_ms) if now_ms else [])

    async def weeks_page(self, request: Request) -> Response:
        """Show the last weeks by site, and the machines of one, or all, a page at a time."""
        site, page = request.query_params.get("site", ""), page_of(request.query_params)
        kept, (_, strips) = await self._kept(), await self.strips()

        def make() -> Answer:
            return self._made("weeks.html", self._weeks(kept.seen, strips, site, page))

        return await answered(request, kept.answers, ("weeks", site, page), make)

    async def doubts_page(self, request: Request) -> Response:
        """Show silent machines and bad sensors."""
        kept = await self._kept()

        def make() -> Answer:
            labels = {point.key: point.label for point in self.fleet.points}
            values = {"doubts": read_doubts(self.reader, kept.seen), "labels": labels}
            return self._made("doubts.html", {**values, "rows": _SENSORS_SHOWN, "days": DOUBT_DAYS})

        return await answered(request, kept.answers, "doubts", make)

    async def _kept(self) -> _Kept:
        seen = await self.overview()
        if self._last is None or self._last.seen is not seen:
            self._last = _Kept(seen)
        return self._last

    def _weeks(self, seen: Overview, strips: Sequence[Strip], site: str, page: int) -> dict[str, object]:
        found = [s for s in strips if site in ("", self.choices.site(s.name))]
        start = (page - 1) * _MACHINES_SHOWN

        def day(asset: str) -> Callable[[int], str]:
            return lambda back: self.times.date(asset, seen.time.now_ms - back * DAY_MS)

        return {
            "day": day,
            "sites": by_site(strips, self.choices.site, seen.threshold)[:_SITES_SHOWN],
            "machines": found[start : start + _MACHINES_SHOWN],
            "found": len(found),
            "first": start + 1,
            "page": page,
            "more": len(found) > start + _MACHINES_SHOWN,
            "site": site,
            "threshold": seen.threshold,
            "days": DAYS,
        }

    def _made(self, template: str, values: dict[str, object]) -> Answer:
        shown = {"times": self.times, "choices": self.choices, **values}
        return Answer.with_body(self.render(template, **shown), "text/html; charset=utf-8")
