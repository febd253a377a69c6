"""One operation of the API: where it is, what it takes and gives; served, and described, by that alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models.errors import ForbiddenError, ModelError, RecordError, UnavailableError
from streams.access.roles import Person, Right
from streams.page.door import person_of
from streams.page.forms import read_body
from streams.page.problems import API, problem
from streams.redaction import redact

_RETRY_S = 5
_KEY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks: the ``place`` in the path, query and body as their types, a key of their own."""

    person: Person
    place: str
    query: Any
    body: Any
    key: str


class NotThereError(Exception):
    """There is nothing of that name."""


class StaleError(Exception):
    """It was not done, since the case is not as whoever asked saw it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be asked: ``path`` has at most one place in braces, for any name, also with ``/``."""

    name: str
    method: str
    path: str
    summary: str
    answer: type
    handle: Callable[[Asked], Awaitable[object]]
    query: type | None = None
    body: type | None = None
    right: Right = "see"

    @property
    def place(self) -> str:
        """The name of the place in the path, empty if there is none."""
        return next(iter(re.findall(r"{(\w+)}", self.path)), "")

    @property
    def statuses(self) -> Mapping[int, str]:
        """What may be answered instead, beside what is wrong with anything: no rights, or no store."""
        takes = {400: "What was asked makes no sense"} if self.query or self.body else {}
        found = {404: "There is nothing of that name"} if self.place else {}
        changes = {
            409: "Not done: it has gone on, or is refused with reasons",
            413: "Too large",
            415: "Not JSON",
        }
        rights = {403: "The role may not"} if self.body or self.right != "see" else {}
        known = {
            401: "Not known who asks",
            429: "Asked too often",
            503: "A store or broker does not answer",
        }
        return takes | found | rights | (changes if self.body else {}) | known

    @property
    def route(self) -> Route:
        """Where it is served."""
        path = re.sub(r"{(\w+)}", r"{\1:path}", self.path)
        return Route(API.rstrip("/") + path, self.serve, methods=[self.method])

    async def serve(self, request: Request) -> Response:
        """Answer a request, or say why not."""
        try:
            person = person_of(request)
            person.require(self.right)
            place = self._named(request)
            query, body = _query(self.query, request), await _body(self.body, request)
            key = request.headers.get(_KEY, "")[:128]
            answer = await self.handle(Asked(person, place, query, body, key))
        except (msgspec.DecodeError, UnicodeDecodeError, RecordError) as error:
            return problem(400, "This makes no sense", str(error))
        except ForbiddenError as error:
            return problem(403, "Not allowed", str(error))
        except NotThereError as error:
            return problem(404, "Not there", str(error))
        except (StaleError, ModelError) as error:
            return problem(409, "Not done", str(error))
        except UnavailableError as error:
            headers = {"retry-after": str(_RETRY_S)}
            return problem(503, "No answer from behind", redact(str(error)), headers)
        return Response(
            msgspec.json.encode(answer), headers={"cache-control": "no-store"}, media_type="application/json"
        )

    def _named(self, request: Request) -> str:
        """Return the name in the path, empty if none belongs there; one that is left out is not there."""
        name: str = request.path_params.get(self.place, "")
        if self.place and not name:
            raise NotThereError(f"{self.place} is left out: expected a name in its place")
        return name


def _query(kind: type | None, request: Request) -> Any:
    return None if kind is None else msgspec.convert(dict(request.query_params), kind, strict=False)


async def _body(kind: type | None, request: Request) -> Any:
    if kind is None:
        return None
    return msgspec.json.decode(await read_body(request, "application/json") or b"{}", type=kind)
