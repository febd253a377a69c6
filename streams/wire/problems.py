"""What of a message could not be used, in words: the first of it one by one, the rest as a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.fleet.fleet import Fleet
from streams.wire.validation import clip

MOST = 16
_NAME = 40


def capped(problems: Sequence[str]) -> tuple[str, ...]:
    """Return the first problems, and how many more there are.

    >>> capped([str(i) for i in range(20)])[-1]
    '4 more like these'
    """
    more = len(problems) - MOST
    return (*problems[:MOST], f"{more} more like these") if more > 0 else tuple(problems)


def unknown_points(names: Iterable[str], fleet: Fleet) -> list[str]:
    """Say which points are no sensors of the fleet, in one sentence: a reason is shorter than its message."""
    named = [repr(clip(name, _NAME)) for name in sorted(names)]
    if not named:
        return []
    more = f" and {len(named) - MOST} more" if len(named) > MOST else ""
    return [f"values: not sensors of fleet {fleet.name}: {', '.join(named[:MOST])}{more}"]
