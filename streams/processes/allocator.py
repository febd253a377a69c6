"""Memory that the allocator of C keeps although nothing uses it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # not the C library of GNU
        return None
    return found


_MALLOC_TRIM = _trim()


def give_back() -> None:
    """Return to the system what was freed; does nothing if the C library cannot.

    A worker that has had one large batch would else keep its size for ever, and grow with each larger one.
    """
    if _MALLOC_TRIM is not None:
        _MALLOC_TRIM(0)
