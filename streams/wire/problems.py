"""What of a message could not be used, in words: the first of it one by one, the rest as a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.fleet.fleet import Fleet
from streams.wire.validation import clip

MOST = 16


def capped(problems: Sequence[str]) -> tuple[str, ...]:
    """Return the first problems, and how many more there are.

    >>> capped([str(i) for i in range(20)])[-1]
    '4 more like these'
    """
    more = len(problems) - MOST
    return (*problems[:MOST], f"{more} more like these") if more > 0 else tuple(problems)


def unknown_points(names: Iterable[str], fleet: Fleet) -> list[str]:
    """Name the points that are no sensors of the fleet, the first of them one by one."""
    named = [f"values.{clip(name)}: not a sensor of fleet {fleet.name}" for name in sorted(names)]
    more = len(named) - MOST
    return [*named[:MOST], f"values: {more} more unknown sensors"] if more > 0 else named
