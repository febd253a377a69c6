"""Paths into a message: keys one below the other, and what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

WHOLE = "."
_DEEPEST = 8


class _Nothing:
    """What stands nowhere; null is something."""


NOTHING: Final = _Nothing()


def at_path(found: Any, path: str) -> Any:
    """Return what stands at a path, NOTHING if nothing does; a key may have dots in it, a list has numbers.

    >>> at_path({"data": [{"tags": {"host": "P1"}}]}, "data.0.tags.host"), at_path({"a.b": 1}, "a.b")
    ('P1', 1)
    """
    if path == WHOLE:
        return found
    while path:
        if isinstance(found, dict) and path in found:
            return found[path]
        key, _, path = path.partition(".")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
            found = found[int(key)]
        else:
            return NOTHING
    return found


def leaves(found: Mapping[str, Any], depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """Yield what is no table, by path.

    >>> list(leaves({"electrical": {"voltage": 230.0}, "on": True}))
    [('electrical.voltage', 230.0), ('on', True)]
    """
    for key, value in found.items():
        if isinstance(value, dict) and depth:
            yield from ((f"{key}.{below}", leaf) for below, leaf in leaves(value, depth - 1))
        else:
            yield str(key), value
