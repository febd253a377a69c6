"""Serves an application over HTTP/1.1 to anybody, those included who are slow on purpose."""

from __future__ import annotations

import asyncio
import resource
import sys
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take to ask, and to take the answer; how many may be connected."""

    ask_s: float = 10.0
    answer_s: float = 30.0
    connections: int = 512


def create_server(
    app: ASGIApp, log_level: str = "warning", patience: Patience | None = None
) -> uvicorn.Server:
    """Return a server; its ``run(sockets=[listener])`` serves until it is interrupted."""
    given = patience or Patience()
    most = min(given.connections, _open_files() // 2)

    class Protocol(TimedProtocol):
        """With the patience that was asked for."""

    Protocol.patience, Protocol.most = given, most
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level=log_level,
        access_log=False,
        server_header=False,
        limit_concurrency=most + 1,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _open_files() -> int:
    """Return how many files and connections this process may have open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


class TimedProtocol(H11Protocol):
    """Ends a connection whose client does not ask, or does not take its answer, in time.

    uvicorn itself limits only the pause between two requests. If too many are connected, the one that has
    kept us waiting for longest gives way to the new one; who is being answered does not.
    """

    patience = Patience()
    most = patience.connections

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.since_s = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._timed: object = None

    @property
    def is_waiting(self) -> bool:
        """Whether the client is to do something: to ask, or to take what was answered."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered or self.transport.get_write_buffer_size() > 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, in the place of another if need be."""
        super().connection_made(transport)
        self._allow(self.patience.ask_s)
        others = (c for c in self.connections if isinstance(c, TimedProtocol) and c is not self)
        waiting = [c for c in others if c.is_waiting] if len(self.connections) > self.most else []
        if waiting:
            min(waiting, key=lambda c: c.since_s).give_up()

    def data_received(self, data: bytes) -> None:
        """Take what came; once it is a request, it is the answer that has to be taken in time."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on with the next request, while what is left of this answer is taken."""
        self._allow(self.patience.answer_s)
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._allow(None)

    def give_up(self) -> None:
        """End the connection, whatever was not taken."""
        self.connections.discard(self)
        self.transport.abort()

    def _watch(self) -> None:
        if self.cycle is not self._timed:
            self._timed = self.cycle
            self._allow(self.patience.answer_s)

    def _allow(self, seconds: float | None) -> None:
        """Give the client so long from now on, or for ever."""
        if self._deadline is not None:
            self._deadline.cancel()
        self.since_s = self.loop.time()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.give_up)
