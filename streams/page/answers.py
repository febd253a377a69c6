"""What was read and rendered is kept until the store changes, and made once for all who ask together."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")
_UNCHECKED_S = 2.0
"""So long nobody asks the store whether it has changed, unless said otherwise."""
_LONGEST_S = 60.0
"""After this it is read anew although it says that nothing has changed: our own clock has."""
_MOST = 128


@dataclass(frozen=True, slots=True)
class Answer:
    """A body that is ready to be sent; ``etag`` names its content."""

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def with_body(cls, body: bytes, media_type: str) -> Answer:
        """Return the answer with this body."""
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


class Shared(Generic[T]):
    """Makes each thing once, in a thread, for all who ask while it is made; keeps those last asked for."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, T] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under ``key``, else what ``make`` returns; its error goes to all who wait."""
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        if key not in self._making:
            self._making[key] = asyncio.ensure_future(self._make(key, make))
        return await asyncio.shield(self._making[key])

    async def _make(self, key: Hashable, make: Callable[[], T]) -> T:
        try:
            self._made[key] = made = await run_in_threadpool(make)
        finally:
            del self._making[key]
        if len(self._made) > self._most:
            self._made.popitem(last=False)
        return made


async def answered(
    request: Request, answers: Shared[Answer], key: Hashable, make: Callable[[], Answer]
) -> Response:
    """Return what was made of a state of the store under ``key``, or that the browser has it already."""
    answer = await answers.get(key, make)
    headers = {"etag": answer.etag, "cache-control": "private, no-cache"}
    if answer.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, media_type=answer.media_type, headers=headers)


@dataclass(slots=True)
class _KeptAnswer(Generic[T]):
    """What was read at ``read_s`` from this ``version`` of the store, which it still had at ``checked_s``."""

    value: T
    version: str | None
    read_s: float
    checked_s: float


class Current(Generic[T]):
    """What ``read`` returned, until the store has another ``version``; for a short time if it has none."""

    def __init__(
        self,
        read: Callable[[], T],
        version: Callable[[], str | None],
        clock: Callable[[], float] = time.monotonic,
        unchecked_s: float = _UNCHECKED_S,
    ) -> None:
        self._read, self._version, self._clock = read, version, clock
        self._unchecked_s = unchecked_s
        self._kept: _KeptAnswer[T] | None = None
        self._renewals: Shared[T] = Shared(most=0)

    async def get(self) -> T:
        """Return what is kept if it is good, or else what is read now."""
        kept = self._kept
        if kept is not None and self._clock() - kept.checked_s < self._unchecked_s:
            return kept.value
        return await self._renewals.get("", self._renewed)

    def _renewed(self) -> T:
        now_s, kept, version = self._clock(), self._kept, self._version()
        unchanged = kept is not None and version is not None and version == kept.version
        if kept is None or not unchanged or now_s - kept.read_s >= _LONGEST_S:
            kept = self._kept = _KeptAnswer(self._read(), version, now_s, now_s)
        kept.checked_s = self._clock()
        return kept.value
