"""Who comes in: who is known, and everybody to what is free; programs not too often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import ForbiddenError, UnavailableError
from streams.access.roles import Person
from streams.page.api_limit import ApiLimit
from streams.page.door import PERSON, Door, at_open_door
from streams.page.problems import API, problem

Refuse = Callable[[Request, Exception], Awaitable[Response]]
"""Answers if it cannot be known who asks, or who asks is nobody here."""
# who posts to a hook shows by a signature who they are
_FREE = ("/healthz", "/sign-in", "/static/", "/hooks/", f"{API}openapi.json")
_PROGRAMS = ("/api/", "/hooks/")
# A link from elsewhere comes without our cookie (SameSite=Strict); followed from here, it comes with it.
_AGAIN = (
    '<!doctype html><title>chillcast</title><link rel="icon" href="/static/icon.svg">'
    '<meta http-equiv="refresh" content="0{}">'
)


class Entrance:
    """Lets pass who is known, and shows everybody else where to sign in; a program gets 401, or 429."""

    def __init__(
        self, app: ASGIApp, door: Door | None, refuse: Refuse, limit: ApiLimit | None = None
    ) -> None:
        self.app, self.door, self.refuse, self.limit = app, door, refuse, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with who asks, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            passed = await self._passed(request)
        except (UnavailableError, ForbiddenError) as error:
            passed = await self.refuse(request, error)
        await passed(scope, receive, send)

    async def _passed(self, request: Request) -> ASGIApp:
        """Return what answers a request."""
        path: str = request.scope["path"]
        is_free = path.startswith(_FREE)
        person = None if is_free else await self._person(request)
        if self.limit is not None and path.startswith(_PROGRAMS):
            refusal = await self.limit.refuse(request, person)
            if refusal is not None:
                return refusal
        if person is None:
            return self.app if is_free else _stranger(request)
        request.scope[PERSON] = person
        return self.app

    async def _person(self, request: Request) -> Person | None:
        if self.door is None:
            return at_open_door(request)
        return await run_in_threadpool(self.door.person, request)


def going_on(place: str) -> str:
    """Return a page that goes on to a place of ours by itself: as from here, and not from where one came."""
    return _AGAIN.format(f"; url={escape(place)}")


def _stranger(request: Request) -> Response:
    headers = {"cache-control": "no-store"}
    if request.url.path.startswith(_PROGRAMS):
        detail = "Show a token that holds (Authorization: Bearer …), or sign in."
        return problem(401, "Not known who asks", detail, {"www-authenticate": "Bearer"})
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        return HTMLResponse(_AGAIN.format(""), headers=headers)
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(place)}" if request.method == "GET" and place != "/" else ""
    return RedirectResponse(f"/sign-in{back}", 303, headers)
