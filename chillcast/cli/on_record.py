"""Putting on record what somebody at a terminal changes: before it is done, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chillcast.resources import open_audit
from chillcast.settings import read_settings
from chillcast.terminal.person import by_terminal


@contextlib.contextmanager
def on_record(home: str | None, action: str, about: str, detail: str = "") -> Iterator[None]:
    """Write down that something is asked, and then whether it was done or why not."""
    with open_audit(read_settings(home=home)).recording(by_terminal(), action, about, detail):
        yield
