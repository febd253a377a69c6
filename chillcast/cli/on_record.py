"""Putting on record what somebody at a terminal changes: before it is done, and what came of it."""

from __future__ import annotations

import contextlib
import getpass
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chillcast.resources import open_audit
from chillcast.settings import read_settings
from models.errors import ChillcastError

if TYPE_CHECKING:
    from streams.access.roles import Person


def by_terminal() -> Person:
    """Return who uses this terminal: whoever may write the home folder may do everything with it."""
    from streams.access.roles import Person  # noqa: PLC0415

    return Person(getpass.getuser(), "admin", "command", platform.node())


@contextlib.contextmanager
def on_record(home: str | None, action: str, about: str, detail: str = "") -> Iterator[None]:
    """Write down that something is asked, and then whether it was done or why not."""
    from streams.access.audit import Deed  # noqa: PLC0415

    audit, person = open_audit(read_settings(home=home)), by_terminal()
    audit.write(person, Deed(action, about, "asked", detail))
    try:
        yield
    except ChillcastError as error:
        audit.write(person, Deed(action, about, "refused", str(error)))
        raise
    audit.write(person, Deed(action, about, "done", detail))
