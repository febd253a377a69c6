"""What a program is told that asks for what it does not get: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
API = "/api/v1/"


class Problem(msgspec.Struct, frozen=True):
    """Why something is not answered, or was not done: ``title`` by ``status``, ``detail`` of this time."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that says so."""
    body = msgspec.json.encode(Problem(title, status, detail))
    return Response(body, status, {"cache-control": "no-store", **(headers or {})}, MEDIA_TYPE)
