"""Whether a worker may be sent work, and whether it should be started anew: for who looks after processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

SILENT_S = 60.0
STUCK_S = 900.0  # a sink waits for its store, and a large state is loaded, for minutes


class Watched(Protocol):
    """What is asked of each source topic of a worker."""

    source: str

    def waiting(self) -> Sequence[int]:
        """Return the partitions this worker has of which messages wait, and whose state is not loaded."""

    def stuck_since(self) -> float | None:
        """Return since when nothing was processed though messages wait, monotonic; None if none do."""


class Health:
    """What a worker says of itself. ``clock`` is monotonic, in seconds.

    Its event loop looks, by `beat`; any thread may ask.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._beat_s = clock, clock()
        self._waits = ["no partitions were assigned yet"]
        self._stuck: list[tuple[str, float]] = []

    def beat(self, lanes: Iterable[Watched], *, is_assigned: bool) -> None:
        """Look at the source topics; being called says that the event loop turns."""
        self._beat_s, lanes = self._clock(), list(lanes)
        loading = [f"{lane.source}/{p} is being loaded" for lane in lanes for p in lane.waiting()]
        self._waits = loading if is_assigned else ["no partitions were assigned yet"]
        found = [(lane.source, lane.stuck_since()) for lane in lanes]
        self._stuck = [(source, since_s) for source, since_s in found if since_s is not None]

    def not_ready(self) -> list[str]:
        """Say why it should not be counted on yet: nothing was assigned, or a state is being loaded."""
        return list(self._waits)

    def not_alive(self) -> list[str]:
        """Say why a new start may help: a loop that does not turn, or messages that nobody processes."""
        now_s = self._clock()
        if now_s - self._beat_s > SILENT_S:
            return [f"the event loop has not turned for {now_s - self._beat_s:.0f} s"]
        return [
            f"{source}: nothing was processed for {now_s - since_s:.0f} s, though messages wait"
            for source, since_s in self._stuck
            if now_s - since_s > STUCK_S
        ]
