"""Who uses a terminal."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from models.registry.promotion import whoever

if TYPE_CHECKING:
    from streams.access.roles import Person


def by_terminal() -> Person:
    """Return who uses this terminal: whoever may write the home folder may do everything with it."""
    from streams.access.roles import Person  # noqa: PLC0415

    return Person(whoever(), "admin", "command", platform.node())
