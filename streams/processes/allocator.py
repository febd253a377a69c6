"""Memory that the allocator of C keeps although nothing uses it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2


def _found(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError):  # not the C library of GNU
        return None
    return found


_MALLOC_TRIM, _MALLOPT = _found("malloc_trim"), _found("mallopt")


def give_back() -> None:
    """Return to the system what was freed; does nothing if the C library cannot.

    A worker that has had one large batch would else keep its size for ever, and grow with each larger one.
    """
    if _MALLOC_TRIM is not None:
        _MALLOC_TRIM(0)


def share_arenas() -> None:
    """Let all threads that start from now on take memory from two places; nothing if the C library cannot.

    Else each thread of a pool has one of its own, with holes of its own.
    """
    if _MALLOPT is not None:
        _MALLOPT(_ARENA_MAX, _ARENAS)
