"""Who is at the door: everybody as whom their session shows, or nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from streams.access.api_tokens import ApiTokens
from streams.access.attempts import Attempts
from streams.access.audit import Audit
from streams.access.oidc import Oidc
from streams.access.proxy import Proxy
from streams.access.refusals import Refusals
from streams.access.roles import Person
from streams.access.sessions import Sessions
from streams.access.users import LONGEST_NAME, Users

WHO = "chillcast_who"
OPEN = "open"
RENEWS = "chillcast-renews"
"""The header of what a page asks by itself: nobody has to be there for it."""
_BEARER = "bearer "
PERSON = "chillcast.person"
"""The key of a request under which it says who asks."""


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
    refusals: Refusals
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

    def let_in(self, request: Request, response: Response, person: Person, id_token: str = "") -> None:
        """Begin a session, in the place of one that this browser has."""
        self._end(request)
        secret = self.sessions.begin(person, id_token)
        response.set_cookie(self.cookie(request), secret, **self._flags(request))

    def let_out(self, request: Request) -> str:
        """End the session of a browser; return where its provider ends its own, empty if there is none."""
        id_token = self._end(request)
        return self.oidc.end(id_token) if self.oidc and id_token else ""

    def forget(self, request: Request, response: Response) -> None:
        """Have a browser forget its session."""
        response.delete_cookie(self.cookie(request), **self._flags(request))

    def _end(self, request: Request) -> str:
        """End the session that a browser has; return the token of a provider that it was begun with."""
        secret = request.cookies.get(self.cookie(request), "")
        person = self.sessions.person(secret, address_of(request)) if secret else None
        return self.sessions.end(secret, person) if person is not None else ""

    def _flags(self, request: Request) -> _Flags:
        return {"path": "/", "httponly": True, "samesite": "strict", "secure": self.by_https(request)}


def person_of(request: Request) -> Person:
    """Return who asks: everything that does or shows something by rights asks them."""
    person = request.scope[PERSON]
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
