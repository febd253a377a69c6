"""Receivers of notices on this machine: a webhook that answers as it is told, and a mail server."""

from __future__ import annotations

import email
import email.policy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from streams.kafka.embedded_broker import free_port


@dataclass
class Webhook:
    """What was posted: path, headers and body of each; ``status`` is answered, after ``delay_s``."""

    status: int = 200
    delay_s: float = 0.0
    answer: bytes = b"{}"
    address: str = ""
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    on_post: Callable[[dict[str, str], bytes], None] = lambda *_: None

    @property
    def keys(self) -> list[str]:
        """The keys that came, in order."""
        return [headers.get("idempotency-key", "") for _, headers, _ in self.posted]


@contextmanager
def webhook(**given: Any) -> Iterator[Webhook]:
    """Receive posts on a free port."""
    hook = Webhook(**given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            hook.posted.append((self.path, headers, body))
            hook.on_post(headers, body)
            time.sleep(hook.delay_s)
            self.send_response(hook.status)
            self.send_header("content-length", str(len(hook.answer)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever posted was killed
                self.wfile.write(hook.answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


class _Box:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[tuple[str, list[EmailMessage]]]:
    """Yield the address of a mail server, and the mails that it has taken."""
    box = _Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}", box.mails
    finally:
        controller.stop()
