"""Who is at the door: everybody as whom their session shows, or nobody; and who may come in without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypedDict
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import ForbiddenError, UnavailableError
from streams.access.api_tokens import ApiTokens
from streams.access.attempts import Attempts
from streams.access.audit import Audit
from streams.access.oidc import Oidc
from streams.access.proxy import Proxy
from streams.access.roles import Person
from streams.access.sessions import Sessions
from streams.access.users import LONGEST_NAME, Users
from streams.page.problems import API, problem

Refuse = Callable[[Request, Exception], Awaitable[Response]]
"""Answers if it cannot be known who asks, or who asks is nobody here."""
WHO = "chillcast_who"
OPEN = "open"
RENEWS = "chillcast-renews"
"""The header of what a page asks by itself: nobody has to be there for it."""
# who posts to a hook shows by a signature who they are
_FREE = ("/healthz", "/sign-in", "/static/", "/hooks/", f"{API}openapi.json")
_BEARER = "bearer "
_KEY = "chillcast.person"
# A link from elsewhere comes without our cookie (SameSite=Strict); followed from here, it comes with it.
_AGAIN = (
    '<!doctype html><title>chillcast</title><link rel="icon" href="/static/icon.svg">'
    '<meta http-equiv="refresh" content="0{}">'
)


class _Flags(TypedDict):
    path: str
    httponly: bool
    samesite: Literal["strict"]
    secure: bool


@dataclass(frozen=True, slots=True)
class Door:
    """How people come in. If there is no way to sign in and it ``may_be_open``, everybody here does.

    Ways are local users, an OpenID provider (``oidc``), and a ``proxy`` that knows people. ``is_https`` says
    that browsers come by https, whatever this process sees of it.
    """

    audit: Audit
    users: Users
    sessions: Sessions
    attempts: Attempts
    tokens: ApiTokens
    may_be_open: bool = False
    is_https: bool = False
    oidc: Oidc | None = None
    proxy: Proxy | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has to sign in."""
        return self.may_be_open and not self.has_a_way

    @property
    def has_a_way(self) -> bool:
        """Whether anybody could sign in."""
        return self.oidc is not None or self.proxy is not None or self.users.are_there

    def person(self, request: Request) -> Person | None:
        """Return who asks, None if that is not known; raises ForbiddenError for somebody without a role."""
        by_proxy = self.proxy.person(_all_headers(request), address_of(request)) if self.proxy else None
        if by_proxy is not None:
            return by_proxy
        shown = request.headers.get("authorization", "")
        if shown.lower().startswith(_BEARER):
            return self.tokens.person(shown[len(_BEARER) :].strip(), address_of(request))
        if self.is_open:
            return at_open_door(request)
        secret = request.cookies.get(self.cookie(request), "")
        by_itself = RENEWS in request.headers or "text/event-stream" in request.headers.get("accept", "")
        return self.sessions.person(secret, address_of(request), counts=not by_itself) if secret else None

    def cookie(self, request: Request) -> str:
        """Return the name of the cookie; the prefix lets a browser refuse one that another host has set."""
        return "__Host-chillcast" if self.by_https(request) else "chillcast_session"

    def by_https(self, request: Request) -> bool:
        """Return whether a browser came by https."""
        return self.is_https or request.url.scheme == "https"

    def let_in(self, request: Request, response: Response, person: Person) -> None:
        """Begin a session, in the place of one that this browser has."""
        self._end(request)
        secret = self.sessions.begin(person)
        response.set_cookie(self.cookie(request), secret, **self._flags(request))

    def let_out(self, request: Request, response: Response) -> None:
        """End the session of a browser."""
        self._end(request)
        response.delete_cookie(self.cookie(request), **self._flags(request))

    def _end(self, request: Request) -> None:
        secret = request.cookies.get(self.cookie(request), "")
        person = self.sessions.person(secret, address_of(request)) if secret else None
        if person is not None:
            self.sessions.end(secret, person)

    def _flags(self, request: Request) -> _Flags:
        return {"path": "/", "httponly": True, "samesite": "strict", "secure": self.by_https(request)}


class Entrance:
    """Lets pass who is known, and shows everybody else where to sign in; a program gets 401."""

    def __init__(self, app: ASGIApp, door: Door | None, refuse: Refuse) -> None:
        self.app, self.door, self.refuse = app, door, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with who asks, or answer it."""
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            person = await self._person(request)
        except (UnavailableError, ForbiddenError) as error:
            await (await self.refuse(request, error))(scope, receive, send)
            return
        if person is not None:
            await self.app({**scope, _KEY: person}, receive, send)
            return
        await _stranger(request)(scope, receive, send)

    async def _person(self, request: Request) -> Person | None:
        if self.door is None:
            return at_open_door(request)
        return await run_in_threadpool(self.door.person, request)


def going_on(place: str) -> str:
    """Return a page that goes on to a place of ours by itself: as from here, and not from where one came."""
    return _AGAIN.format(f"; url={escape(place)}")


def _stranger(request: Request) -> Response:
    headers = {"cache-control": "no-store"}
    if request.url.path.startswith("/api/"):
        detail = "Show a token that holds (Authorization: Bearer …), or sign in."
        return problem(401, "Not known who asks", detail, {"www-authenticate": "Bearer"})
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        return HTMLResponse(_AGAIN.format(""), headers=headers)
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(place)}" if request.method == "GET" and place != "/" else ""
    return RedirectResponse(f"/sign-in{back}", 303, headers)


def person_of(request: Request) -> Person:
    """Return who asks: everything that does or shows something by rights asks them."""
    person = request.scope[_KEY]
    assert isinstance(person, Person)
    return person


def _all_headers(request: Request) -> Mapping[str, Sequence[str]]:
    return {name: request.headers.getlist(name) for name in request.headers}


def address_of(request: Request) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else ""


def at_open_door(request: Request) -> Person:
    """Return who uses this browser, as they said, with what cases need; no name if they did not."""
    name = unquote(request.cookies.get(WHO, ""))
    is_one = len(name) <= LONGEST_NAME and name.isprintable()
    return Person(name if is_one else "", "lead", OPEN, address_of(request))
