"""Tells browsers that something has changed: a stream of server-sent events, and the same to be asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from models.errors import UnavailableError
from streams.stores.store import Reader

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the store is looked at, and a stream says that it is there; how long one lasts; how many.

    A stream ends before the server takes its client for one that does not read; a browser asks anew.
    """

    look_s: float = 0.5
    blind_s: float = 5.0
    beat_s: float = 10.0
    lasts_s: float = 25.0
    streams: int = 256


class Live:
    """Looks at a store while anybody listens; ``stamps`` say which state of it was seen last.

    ``cases`` is another text once a case or a planned stop has changed, ``store`` once anything has; of a
    store that cannot tell, after ``blind_s``.
    """

    def __init__(
        self, reader: Reader, pace: Pace | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.reader, self.pace, self.clock = reader, pace or Pace(), clock
        self.stamps: Mapping[str, str] = {"cases": "", "store": ""}
        self.listeners = 0
        self._version: str | None = None
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    @property
    def routes(self) -> list[Route]:
        """Where a browser listens, and where it asks if it cannot."""
        return [Route("/live", self.stream), Route("/live/now", self.now)]

    async def now(self, _: Request) -> Response:
        """Say which state the store has."""
        await run_in_threadpool(self._look)
        return JSONResponse(self.stamps, headers=_HEADERS)

    async def stream(self, _: Request) -> Response:
        """Say which state the store has, and each time another; too many listeners are to ask instead."""
        if self.listeners >= self.pace.streams:
            return Response("too many listen: ask /live/now", 503, _HEADERS)
        return StreamingResponse(self._told(), media_type="text/event-stream", headers=_HEADERS)

    async def _told(self) -> AsyncIterator[str]:
        self.listeners += 1
        try:
            await run_in_threadpool(self._look)
            self._watch()
            yield "retry: 1000\n\n"
            until_s = self.clock() + self.pace.lasts_s
            while self.clock() < until_s:
                told = self.stamps
                yield f"data: {msgspec.json.encode(told).decode()}\n\n"
                if self.stamps == told:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), self.pace.beat_s)
        finally:
            self.listeners -= 1

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watched())

    async def _watched(self) -> None:
        """Wake all who listen when the store has changed, until nobody does."""
        told = self.stamps
        while self.listeners:
            await run_in_threadpool(self._look)
            if self.stamps != told:
                told = self.stamps
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(self.pace.look_s)

    def _look(self) -> None:
        """Look at the store; one that is away has not changed."""
        with contextlib.suppress(UnavailableError):
            version = self.reader.version() or f"{self.clock() // self.pace.blind_s:.0f}"
            if version != self._version:
                cases = f"{self.reader.stamp('cases')} {self.reader.stamp('planned_stops')}"
                self.stamps = {"cases": _short(cases), "store": _short(version)}
                self._version = version


def _short(text: str) -> str:
    """Return a name of a text that says nothing of it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
