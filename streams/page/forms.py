"""What a browser posts: a small form of this page's own, and nothing that another site made it send."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

MOST_BYTES, _MOST_FIELDS = 64 * 1024, 100
_FORM = "application/x-www-form-urlencoded"
_COOKIE = "chillcast_form"
_YEAR_S = 365 * 86_400


ByHttps = Callable[[Request], bool]


def https_by(url: str) -> ByHttps:
    """Return who says that for a page that people find at ``url``; if that is not known, the request does."""
    return lambda request: url.startswith("https:") or request.url.scheme == "https"


class Tokens:
    """Lets a form be posted only by a browser that was given it: the token in it belongs to a cookie.

    The key lives as long as the page does; a form from before it was started is too old. ``by_https`` says
    of a request whether its browser came by https: then no cookie is sent otherwise.
    """

    def __init__(self, by_https: ByHttps) -> None:
        self.by_https, self._key = by_https, secrets.token_bytes(32)

    async def shown(
        self, request: Request, fill: Callable[[str], bytes], status: int = 200, *, keeps: bool = True
    ) -> Response:
        """Return a page with forms that ``fill`` makes with their token.

        Unless it ``keeps`` the cookie they belong to, the browser is not given it.
        """
        cookie, token = self.of(request)
        body = await run_in_threadpool(fill, token)
        answer = HTMLResponse(body, status, {"cache-control": "no-store"})
        if keeps:
            self.keep(request, answer, cookie)
        return answer

    def keep(self, request: Request, answer: Response, cookie: str) -> None:
        """Give the browser the cookie that its forms belong to."""
        self.give(request, answer, _COOKIE, cookie)

    def give(self, request: Request, answer: Response, name: str, value: str) -> None:
        """Give the browser a cookie that no script reads and no other site's request carries."""
        secure = self.by_https(request)
        answer.set_cookie(name, value, _YEAR_S, path="/", secure=secure, httponly=True, samesite="strict")

    def of(self, request: Request) -> tuple[str, str]:
        """Return the browser's cookie, a new one if it has none, and the token for its forms."""
        cookie = browser_of(request) or self.new()
        return cookie, self._token(cookie)

    def new(self) -> str:
        """Return a cookie that no browser has yet: forms given out before belong to another."""
        return secrets.token_urlsafe(32)

    def check(self, request: Request, token: str) -> None:
        """Raise HTTPException unless a token belongs to the cookie that came with it."""
        wanted = self._token(request.cookies.get(_COOKIE, ""))
        if not hmac.compare_digest(wanted.encode(), token.encode()):
            raise HTTPException(403, "This form is too old, or not from this page: reload it and try again.")

    def _token(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def browser_of(request: Request) -> str:
    """Return the cookie that tells a browser from others, empty if it has none."""
    cookie = request.cookies.get(_COOKIE, "")
    return cookie if len(cookie) == 43 and cookie.isascii() else ""


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; raises HTTPException if it is none, too large, or from another site."""
    return dict(await read_pairs(request))


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form, of which some may be there several times; raises as `read_form` does."""
    body = await read_body(request, _FORM)
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read: expected fields in UTF-8.") from error


async def read_body(request: Request, media_type: str) -> bytes:
    """Return what was sent; HTTPException if it is of another type, too large, or from another site."""
    _refuse_strangers(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise HTTPException(415, f"content-type: expected {media_type}")
    body = await whole_body(request)
    if body is None:
        raise HTTPException(413, f"This is too large: expected at most {MOST_BYTES} bytes.")
    return body


async def whole_body(request: Request) -> bytes | None:
    """Return the body; None, before it is read to its end, if it is longer than `MOST_BYTES`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _refuse_strangers(request: Request) -> None:
    """Refuse what a browser says another site has sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if site not in ("same-origin", "none") or foreign:
        raise HTTPException(403, "This form is from another site.")
