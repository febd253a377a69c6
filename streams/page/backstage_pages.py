"""The pages of the pipeline, and sending dead letters again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.errors import ChillcastError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes
from streams.access.audit import Audit, Deed
from streams.page.backstage import Backstage, Told
from streams.page.door import person_of
from streams.page.forms import Tokens, read_form
from streams.page.weeks import Strip
from streams.stores.delivery_reader import channel_states
from streams.stores.selection import ASSET, TIME, Condition, Selection
from streams.stores.store import Reader, Row

T = TypeVar("T")
_ALARM_DAYS, _ALARMS_SHOWN, _LONGEST_WORDS = 7, 50, 200


class BackstagePages:
    """Answers what is asked of the pipeline; ``strips`` are the risks of the last weeks."""

    def __init__(
        self,
        reader: Reader,
        fleet: Fleet,
        backstage: Backstage,
        strips: Callable[[], Awaitable[tuple[int, Sequence[Strip]]]],
        render: Callable[..., bytes],
        tokens: Tokens,
        times: SiteTimes,
        audit: Audit | None = None,
    ) -> None:
        self.reader, self.fleet, self.backstage, self.strips = reader, fleet, backstage, strips
        self.render, self.tokens, self.audit = render, tokens, audit
        self.times = times

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/pipeline", self.pipeline),
            Route("/pipeline/letters", self.letters),
            Route("/pipeline/letters/{place:path}", self.letter),
            Route("/pipeline/redrive", self.redrive, methods=["POST"]),
        ]

    async def pipeline(self, request: Request) -> Response:
        """Show how far the scores have come, what could not be used, and what was told of the whole fleet."""
        now_ms, _ = await self.strips()

        def read() -> dict[str, Any]:
            since = Condition(TIME, ">", float(now_ms - _ALARM_DAYS * DAY_MS))
            asked = since, Condition(ASSET, "=", "")
            told = self.reader.select(
                Selection("drift", TIME, asked, descending=True, most=_ALARMS_SHOWN, every=True)
            )
            return {
                "watermarks": sorted(map(_watermark, self.reader.latest("watermarks"))),
                "refused": sorted(self.reader.latest("dead_letters"), key=lambda row: -row.time_ms),
                "alarms": told.rows,
                "channels": channel_states(self.reader),
                "lag": _tried(self.backstage.lag),
            }

        return await self._answer(
            request, "pipeline.html", {"now_ms": now_ms, **await run_in_threadpool(read)}
        )

    async def letters(self, request: Request) -> Response:
        """Show the dead letters that the topic holds, by reason."""
        ask = _known(self.backstage.letters)
        values = {"letters": await run_in_threadpool(ask), "may": person_of(request).may("redrive")}
        return await self._answer(request, "letters.html", values)

    async def letter(self, request: Request) -> Response:
        """Show one dead letter with its message."""
        place, ask = request.path_params["place"], _known(self.backstage.letter)
        found = await run_in_threadpool(ask, place)
        if found is None:
            raise HTTPException(404, place)
        return await self._answer(request, "letter.html", {"place": place, "letter": found})

    async def redrive(self, request: Request) -> Response:
        """Send the messages of a reason again; it is on record before and after."""
        ask, person = _known(self.backstage.redrive), person_of(request)
        form = await read_form(request)
        self.tokens.check(request, form.get("token", ""))
        reason = form.get("reason", "").strip()
        if not 0 < len(reason) <= _LONGEST_WORDS:
            raise HTTPException(400, f"reason: expected words of 1 to {_LONGEST_WORDS} characters")
        person.require("redrive")
        self._write(request, "asked", reason)
        try:
            sent = await run_in_threadpool(ask, reason)
        except ChillcastError as error:
            self._write(request, "no answer", f"{reason}: {error}")
            raise
        self._write(request, "done", f"{reason}: {dict(sent)}")
        return RedirectResponse("/pipeline/letters", 303)

    def _write(self, request: Request, result: str, detail: str) -> None:
        if self.audit is not None:
            self.audit.write(person_of(request), Deed("redrive", "dead letters", result, detail))

    async def _answer(self, request: Request, template: str, values: dict[str, Any]) -> Response:
        shown = {"times": self.times, "backstage": self.backstage, **values}
        return await self.tokens.shown(request, lambda token: self.render(template, token=token, **shown))


def _watermark(row: Row) -> tuple[str, int, bool]:
    """Return a partition, how far it has come, and whether no more scores come."""
    reached = row.fields.get("time_ms")
    reached_ms = int(reached) if isinstance(reached, float) else row.time_ms
    return row.tags.get("partition", ""), reached_ms, row.fields.get("end") == 1.0


def _tried(ask: Callable[[], Sequence[Told]] | None) -> tuple[Sequence[Told], str]:
    """Return what was answered, or why nothing was: the rest of a page does not need it."""
    if ask is None:
        return (), "The page was given no broker (CHILLCAST_BROKER)."
    try:
        return ask(), ""
    except ChillcastError as error:
        return (), str(error)


def _known(ask: T | None) -> T:
    if ask is None:
        raise HTTPException(404, "The page was given no broker (CHILLCAST_BROKER).")
    return ask
