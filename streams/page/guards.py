"""Who may ask, and what a browser may do with an answer."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+?)\.?(?::[0-9]{1,5})?")
_FOR_ALL = "/healthz"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class AllowedHosts:
    """Answers only who asks for one of ``names``: a foreign name that was made to lead here reads nothing.

    A name that begins with ``*.`` stands for all below it, ``*`` for any. The health check is open to all,
    since probes ask for the address of a container.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app, self.names = app, frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        if scope["type"] != "http" or scope["path"] == _FOR_ALL or self.allows(host):
            await self.app(scope, receive, send)
            return
        expected = f"expected one of {', '.join(sorted(self.names))} (CHILLCAST_PAGE_ALLOWED_HOSTS)"
        await PlainTextResponse(f"Host = {host[:100]!r}: {expected}\n", 400)(scope, receive, send)

    def allows(self, host: str) -> bool:
        """Return whether the value of a Host header is a name of ours, with any port."""
        found = _HOST.fullmatch(host.lower())
        if "*" in self.names or found is None:
            return found is not None
        below = {f"*.{rest}" for rest in _parents(found[1])}
        return found[1] in self.names or not below.isdisjoint(self.names)


class SecureHeaders:
    """Forbids scripts but the page's own file, foreign content and frames in whatever is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and the answer with these headers back."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, secured)


def _parents(host: str) -> list[str]:
    """Return the names above a name.

    >>> _parents("a.b.example")
    ['b.example', 'example']
    """
    parts = host.split(".")
    return [".".join(parts[i:]) for i in range(1, len(parts))]
