"""When a partition is saved: seldom enough to cost little, often enough that nothing waits for long."""

from __future__ import annotations

import math

_EARLIEST = 12  # after one part of so many of an interval a partition may be saved again
_SHARE = 10  # early savings take one part of so many of a worker's time


class SaveSchedule:
    """Saves a partition after ``interval_s`` at the latest, and after a twelfth of it at the earliest.

    While one is saved all partitions stand still. The machines of a fleet report one after the other: saved
    early, what has changed since is little, and in the sum no more is written. If everything changes all
    the time more would be; so early savings take a tenth of the time at most, and partitions take turns.
    When a snapshot is taken changes nothing in it: it is whole, and as of one offset. Times are seconds of
    one clock.

    >>> schedule = SaveSchedule(60.0)
    >>> [schedule.is_due(0, s) for s in (0.0, 4.9, 5.0)]
    [False, False, True]
    >>> schedule.saved(0, started_s=5.0, ended_s=6.0)
    >>> [schedule.is_due(0, s) for s in (15.9, 16.0)]
    [False, True]
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._last_s: dict[int, float] = {}
        self._asked = set[int]()  # since the last saving
        self._rests_until_s = -math.inf

    def is_due(self, partition: int, now_s: float) -> bool:
        """Return whether to save a partition now; the interval of a new one begins when it is asked of."""
        since_s = now_s - self._last_s.setdefault(partition, now_s)
        self._asked.add(partition)
        rested = since_s >= self.interval_s / _EARLIEST and now_s >= self._rests_until_s
        early = rested and partition == min(self._asked, key=self._last_s.__getitem__)
        return early or since_s >= self.interval_s

    def saved(self, partition: int, started_s: float, ended_s: float) -> None:
        """Learn when a partition was saved, and how long that took."""
        self._last_s[partition] = started_s
        self._asked.clear()
        self._rests_until_s = ended_s + _SHARE * (ended_s - started_s)
