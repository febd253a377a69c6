"""Signing in and out, without a script; and what a person may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from models.event_time import MINUTE_MS
from streams.access.audit import Deed
from streams.access.roles import MEANINGS, RIGHTS, Person
from streams.access.sessions import PASSWORD
from streams.access.users import LONGEST_NAME
from streams.page.door import OPEN, Door, address_of, person_of
from streams.page.entrance import going_on
from streams.page.forms import Tokens, read_form
from streams.page.provider import ProviderPages

_UNKNOWN = "This name and this password do not belong together."


class SignInPages:
    """Answers at the door; ``render`` makes HTML of a template and its values."""

    def __init__(self, door: Door | None, render: Callable[..., bytes], tokens: Tokens) -> None:
        self.door, self.render, self.tokens = door, render, tokens
        # each takes 64 MiB for a while: who sends many passwords at once has to wait, and keeps nobody else
        self._turns = CapacityLimiter(2)
        oidc = door.oidc if door else None
        self.provider = ProviderPages(door, oidc, self._refuse, _inside) if door and oidc else None

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        provider = self.provider.routes if self.provider else []
        return [
            *provider,
            Route("/sign-in", self.show),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/you", self.you),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for name and password, unless nobody has to sign in."""
        door = self.door
        if door is None or await run_in_threadpool(lambda: door.is_open):
            return RedirectResponse("/", 303)
        return await self._form(request, _inside(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        """Let in who has the password; who tries too often has to wait, the right password or not."""
        form = await read_form(request)
        self.tokens.check(request, form.get("token", ""))
        door = self._closed()
        name, back = form.get("name", "").strip(), _inside(form.get("next", ""))
        told = (door, request, name, form.get("password", ""))
        problem = await to_thread.run_sync(self._tried, *told, limiter=self._turns)
        if isinstance(problem, str):
            return await self._form(request, back, name=name, problem=problem)
        answer = RedirectResponse(back, 303, {"cache-control": "no-store"})
        await run_in_threadpool(door.let_in, request, answer, problem)
        self.tokens.keep(request, answer, self.tokens.new())
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session, and go to end that of the provider by which it began."""
        form = await read_form(request)
        self.tokens.check(request, form.get("token", ""))
        door = self._closed()
        place = await run_in_threadpool(door.let_out, request)
        headers = {"cache-control": "no-store"}
        # no redirect: what a form leads to, redirects too, has to be ours (form-action)
        answer = HTMLResponse(going_on(place), headers=headers) if place else _to_the_door(headers)
        door.forget(request, answer)
        return answer

    async def you(self, request: Request) -> Response:
        """Say who somebody is here, and what they may do."""
        person = person_of(request)
        rights = [(MEANINGS[right], person.may(right)) for right in RIGHTS]
        return await self._page(request, "you.html", person=person, rights=rights, is_open=person.via == OPEN)

    def _closed(self) -> Door:
        """Return the door at which somebody signs in."""
        if self.door is None:
            raise HTTPException(404, "Nobody signs in here.")
        return self.door

    def _tried(self, door: Door, request: Request, name: str, password: str) -> Person | str:
        """Return who it is, or why nobody is let in; a failure of a name that can be is on record."""
        if len(name) > LONGEST_NAME:
            return _UNKNOWN
        address = address_of(request)
        somebody = Person(name, "viewer", PASSWORD, address)
        wait_ms = door.attempts.begin(name, address)
        if wait_ms:
            door.refusals.write(somebody, Deed("sign in", f"user {name}", "locked out"))
            return f"Too many attempts. Try again in {-(-wait_ms // MINUTE_MS)} min."
        role = door.users.check(name, password)
        if role is None:
            door.audit.write(somebody, Deed("sign in", f"user {name}", "refused"))
            return _UNKNOWN
        door.attempts.succeed(name, address)
        return Person(name, role, PASSWORD, address)

    async def _refuse(self, request: Request, problem: str) -> Response:
        return await self._form(request, "/", problem=problem)

    async def _form(self, request: Request, back: str, *, name: str = "", problem: str = "") -> Response:
        door = self._closed()
        has_users = await run_in_threadpool(lambda: door.users.are_there)
        ways = {"has_users": has_users, "has_provider": door.oidc is not None}
        values = {"back": back, "typed": name[:128], "problem": problem, **ways}
        return await self._page(request, "sign_in.html", 403 if problem else 200, **values)

    async def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        def fill(token: str) -> bytes:
            return self.render(template, token=token, **values)

        return await self.tokens.shown(request, fill, status)


def _to_the_door(headers: Mapping[str, str]) -> Response:
    return RedirectResponse("/sign-in", 303, headers)


def _inside(place: str) -> str:
    """Return where to go on, the first page unless it is one of ours.

    >>> _inside("/cases?state=new"), _inside("//evil.example"), _inside("/\\\\evil.example"), _inside("x")
    ('/cases?state=new', '/', '/', '/')
    """
    is_ours = place.startswith("/") and place.isprintable() and place[1:2] not in ("/", "\\")
    return place if is_ours else "/"
