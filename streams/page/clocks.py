"""What time it is for the fleet, whatever single clocks say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from models.event_time import DAY_MS

AHEAD_MS = 3_600_000
"""How far a clock may be ahead of ours: an hour, as one that missed the change to winter time."""


@dataclass(frozen=True, slots=True)
class FleetTime:
    """``now_ms`` is the newest end of a window that can be; none can lie at or after ``bound_ms``."""

    now_ms: int
    bound_ms: int

    def allows(self, end_ms: int) -> bool:
        """Return whether a window can have ended then."""
        return end_ms < self.bound_ms


def fleet_time(ends: Collection[int], arrival_ms: int, watermarks: Collection[int] = ()) -> FleetTime:
    """Return the fleet's time from the newest window end of each machine; 0 if there is none.

    What has arrived by ``arrival_ms`` has not happened later, but for clocks that are a little ahead. If no
    machine is within a day of that, a replay is shown, or the fleet stands: then nobody can be a day ahead of
    both the furthest of the ``watermarks`` and more than half of the machines.

    >>> fleet_time([5, 7, 7_000_000_000_000], arrival_ms=9)
    FleetTime(now_ms=7, bound_ms=3600010)
    """
    arrived_ms = arrival_ms + AHEAD_MS + 1
    possible = sorted((end for end in ends if end < arrived_ms), reverse=True)
    bound_ms = arrived_ms
    if possible and not is_live(ends, arrival_ms):
        reached = [possible[len(possible) // 2], *(w for w in watermarks if w < arrived_ms)]
        bound_ms = min(arrived_ms, max(reached) + DAY_MS + 1)
    return FleetTime(max((end for end in possible if end < bound_ms), default=0), bound_ms)


def is_live(ends: Collection[int], arrival_ms: int) -> bool:
    """Return whether any machine is within a day of our own clock."""
    return any(arrival_ms - DAY_MS <= end <= arrival_ms + AHEAD_MS for end in ends)
