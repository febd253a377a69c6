"""Serving the page."""

from __future__ import annotations

import contextlib
import socket

import uvicorn

from chillcast.pipeline.stages import create_store
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError
from models.fleet.fleet import Fleet
from streams.page.app import create_app


def serve_page(settings: Settings, fleet: Fleet, reporter: Reporter) -> None:
    """Serve the page until interrupted; port 0 takes a free one."""
    with contextlib.closing(create_store(settings)) as store, _listening(settings) as listener:
        host, port = listener.getsockname()[:2]
        reporter.line(f"the fleet by risk: http://{host}:{port}/   (Ctrl-C stops)")
        config = uvicorn.Config(create_app(store, fleet), log_level=settings.log_level, access_log=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(settings: Settings) -> socket.socket:
    try:
        return socket.create_server((settings.page_host, settings.page_port))
    except OSError as error:
        expected = f"a free port on {settings.page_host} ({error.strerror})"
        raise ConfigError("environment", "CHILLCAST_PAGE_PORT", settings.page_port, expected) from error
