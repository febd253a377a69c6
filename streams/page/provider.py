"""The way to an OpenID provider and back: the flow lies in a cookie of the browser that began it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from models.errors import ForbiddenError
from streams.access.audit import Deed
from streams.access.oidc import OIDC, Arrival, Flow, Oidc
from streams.access.roles import Person
from streams.page.door import Door, address_of
from streams.page.entrance import going_on

_COOKIE, _PLACE, _LASTS_S = "chillcast_flow", "/sign-in/oidc", 600
Refuse = Callable[[Request, str], Awaitable[Response]]


class _Kept(msgspec.Struct, frozen=True):
    flow: Flow
    back: str
    until_ms: int


class ProviderPages:
    """Begins a sign-in with ``oidc``, and ends it; ``refuse`` shows the door with a reason."""

    def __init__(self, door: Door, oidc: Oidc, refuse: Refuse, inside: Callable[[str], str]) -> None:
        self.door, self.oidc, self.refuse, self.inside = door, oidc, refuse, inside
        self._key = secrets.token_bytes(32)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route(_PLACE, self.begin), Route(f"{_PLACE}/back", self.finish)]

    async def begin(self, request: Request) -> Response:
        """Send a browser to the provider."""
        address, flow = await run_in_threadpool(self.oidc.begin)
        until_ms = self.door.audit.clock() + _LASTS_S * 1000
        kept = _Kept(flow, self.inside(request.query_params.get("next", "")), until_ms)
        answer = RedirectResponse(address, 303, {"cache-control": "no-store"})
        # Lax: the way back begins at the provider, and has to carry it
        answer.set_cookie(
            *(_COOKIE, self._sealed(kept), _LASTS_S),
            path=_PLACE,
            secure=self.door.by_https(request),
            httponly=True,
            samesite="lax",
        )
        return answer

    async def finish(self, request: Request) -> Response:
        """Let in who comes back from the provider, and go on where they were."""
        kept = self._opened(request.cookies.get(_COOKIE, ""))
        if kept is None:
            return await self.refuse(request, "This took too long, or began in another browser: try again.")
        try:
            arrival = await run_in_threadpool(self._arrival, request, kept.flow)
        except ForbiddenError as error:
            return await self.refuse(request, str(error))
        # no redirect: a browser that follows one from the provider does not send a cookie that is Strict
        answer = HTMLResponse(going_on(kept.back), headers={"cache-control": "no-store"})
        await run_in_threadpool(self.door.let_in, request, answer, arrival.person, arrival.id_token)
        answer.delete_cookie(_COOKIE, path=_PLACE)
        return answer

    def _arrival(self, request: Request, flow: Flow) -> Arrival:
        """Return who comes; nobody who has the name of a local user. A refusal is on record."""
        address = address_of(request)
        nobody = Person("", "viewer", OIDC, address)
        try:
            arrival = self.oidc.finish(flow, dict(request.query_params), address)
            self._refuse_doubles(arrival.person)
        except ForbiddenError as error:
            self.door.refusals.write(nobody, Deed("sign in", "provider", "refused", str(error)))
            raise
        return arrival

    def _refuse_doubles(self, person: Person) -> None:
        if self.door.users.role_of(person.name) is not None:
            raise ForbiddenError(f"{person.name} is the name of a local user")

    def _sealed(self, kept: _Kept) -> str:
        said = base64.urlsafe_b64encode(msgspec.json.encode(kept)).decode()
        return f"{said}.{self._mark(said)}"

    def _opened(self, cookie: str) -> _Kept | None:
        said, _, mark = cookie.partition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(said).encode()):
            return None
        kept = msgspec.json.decode(base64.urlsafe_b64decode(said), type=_Kept)
        return kept if self.door.audit.clock() < kept.until_ms else None

    def _mark(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()
