"""Serving the page."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chillcast.pipeline.backstage import backstage_of
from chillcast.pipeline.entrance import LOCAL, door_of
from chillcast.pipeline.record_telling import telling_the_record
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from streams.access.rate_limit import RateLimit
from streams.delivery.signing import Signatures
from streams.page.api_limit import ApiLimit
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.server import create_server

_PLAIN = (
    "passwords cross the network as they are: let a proxy end https, and say CHILLCAST_PAGE_URL=https://… "
    "(docs/security.md)"
)
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


def serve_page(resources: Resources, reporter: Reporter, models: Mapping[str, Callable[..., Any]]) -> None:
    """Serve the page until interrupted; port 0 takes a free one. ``models`` is who is asked about these."""
    settings = resources.settings
    with contextlib.closing(resources.open_reader()) as store, _listening(settings) as listener:
        names, port = allowed_hosts(settings), listener.getsockname()[1]
        name = next((name for name in names if "*" not in name), "localhost")
        door, work = door_of(resources), case_work(resources)
        open_to = "; nobody signs in" if door is None or door.is_open else ""
        if not open_to and settings.page_host not in LOCAL and not settings.page_url.startswith("https:"):
            reporter.line(_PLAIN)
        reporter.line(f"the fleet by risk: http://{name}:{port}/   (Ctrl-C stops{open_to})")
        clock = resources.clock
        secret = settings.work_order_secret.get_secret_value()
        signatures = Signatures(secret, clock.since_1970_s) if secret else None
        behind = replace(backstage_of(resources), **models)
        limit = api_limit(resources)
        app = create_app(store, resources.fleet, names, clock.now_ms, work, door, signatures, behind, limit)
        writes = settings.page_writes != "nobody"
        telling = telling_the_record(resources) if writes else contextlib.nullcontext()
        with telling, contextlib.suppress(KeyboardInterrupt):
            create_server(app, settings.log_level).run(sockets=[listener])


def api_limit(resources: Resources) -> ApiLimit | None:
    """Return how often a program may ask, None if as often as it likes."""
    per_minute = resources.settings.api_requests_per_min
    rate = RateLimit(per_minute, resources.clock.monotonic_s)
    return ApiLimit(rate, resources.audit) if per_minute else None


def case_work(resources: Resources) -> CaseWork:
    """Return what people may do to cases through the page, or why they may not."""
    settings, times = resources.settings, resources.site_times
    why = _read_only(settings)
    if why:
        # Whom nobody knows may not read who did what.
        audit = None if _is_open_to_all(settings) else resources.audit
        return CaseWork(None, f"Cases cannot be changed here: {why}.", times, audit, settings.page_url)
    line = resources.case_line
    return CaseWork(line.ask, "", times, resources.audit, settings.page_url, line.plan)


def _read_only(settings: Settings) -> str:
    """Say why nobody may change a case through the page; empty if somebody may."""
    if settings.page_writes == "nobody":
        return "the page was started to show alone"
    if _is_open_to_all(settings) and settings.page_writes == "loopback":
        return f"the page listens on {settings.page_host or 'every address'} and knows nobody by a password"
    return "" if settings.broker else "the page was given no broker (CHILLCAST_BROKER)"


def _is_open_to_all(settings: Settings) -> bool:
    return settings.page_sign_in == "none" and settings.page_host not in LOCAL


def allowed_hosts(settings: Settings) -> list[str]:
    """Return the names by which the page may be asked for: the address it listens on, and those that are set.

    >>> allowed_hosts(Settings(page_host="10.0.0.7", page_allowed_hosts="page.example"))
    ['10.0.0.7', 'page.example']
    """
    host = settings.page_host
    own = [] if host in _EVERYWHERE else [f"[{host}]" if ":" in host else host]
    return [*own, *settings.page_allowed_hosts.split(",")]


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.page_host else socket.AF_INET
    try:
        return socket.create_server((settings.page_host, settings.page_port), family=family)
    except OSError as error:
        expected = f"a free port on {settings.page_host} ({error.strerror})"
        raise settings.wrong("page_port", expected) from error
