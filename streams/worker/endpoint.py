"""Where a worker answers over HTTP: its metrics, and whether it is alive and ready."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from models.errors import ConfigError
from streams.worker.health import Health

log = logging.getLogger(__name__)
METRICS, LIVE, READY = "/metrics", "/healthz/live", "/healthz/ready"
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own: who looks for life must not wait for who reads metrics."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Pass over who went away or sent nothing; log anything else."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request from %s could not be answered", client_address)


class _Quiet(WSGIRequestHandler):
    """Logs no requests, and waits for none for ever."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint; `close` it, or use it in a ``with``."""

    server: WSGIServer
    thread: threading.Thread

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.server_port

    def close(self) -> None:
        """Stop answering and give the port back."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(host: str, port: int, registry: CollectorRegistry, health: Health) -> Endpoint:
    """Answer at ``/metrics``, ``/healthz/live`` and ``/healthz/ready`` alone; port 0 takes a free one.

    Raises ConfigError if the address cannot be listened on.
    """
    try:
        server = make_server(host, port, _app(registry, health), _Server, _Quiet)
    except OSError as error:
        expected = f"a free port on {host} ({error.strerror or error})"
        raise ConfigError("environment", "CHILLCAST_METRICS_PORT", port, expected) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return Endpoint(server, thread)


def _app(registry: CollectorRegistry, health: Health) -> Any:
    metrics = make_wsgi_app(registry)
    checks = {LIVE: health.not_alive, READY: health.not_ready}

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        place = environ.get("PATH_INFO", "")
        if place == METRICS:
            found: Iterable[bytes] = metrics(environ, start)
            return found
        check = checks.get(place)
        if check is None:  # a probe that is misspelt must not pass
            start("404 Not Found", [_TEXT])
            return [f"expected one of {', '.join((METRICS, *checks))}\n".encode()]
        wrong = check()
        start("503 Service Unavailable" if wrong else "200 OK", [_TEXT])
        return ["\n".join([*(wrong or ["ok"]), ""]).encode()]

    return answer
