"""When a partition is saved: seldom enough to cost little, often enough to have little to see again."""

from __future__ import annotations

import math

_EARLIEST = 12  # after one part of so many of an interval a partition may be saved again
_SHARE = 10  # early savings take one part of so many of a worker's time


class SaveSchedule:
    """Saves a partition after ``interval_s``, and after a twelfth of it at the earliest.

    One is saved at a time, so that one that is due may wait for others. The machines of a fleet report one
    after the other: saved early, what has changed since is little, and in the sum no more is written. If
    everything changes all the time more would be; so early savings take a tenth of the time at most, and
    partitions take turns. When a snapshot is taken changes nothing in it: it is whole, and as of one offset.
    Times are seconds of one clock.

    >>> schedule = SaveSchedule(60.0)
    >>> [schedule.is_due(0, s) for s in (0.0, 4.9, 5.0)]
    [False, False, True]
    >>> schedule.began(0, 5.0)
    >>> schedule.is_due(0, 65.0)
    False
    >>> schedule.ended(6.0)
    >>> [schedule.is_due(0, s) for s in (15.9, 16.0)]
    [False, True]
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._last_s: dict[int, float] = {}
        self._asked_s: dict[int, float] = {}
        self._began_s: float | None = None
        self._before: tuple[int, float] = (-1, 0.0)
        self._rests_until_s = -math.inf

    def is_due(self, partition: int, now_s: float) -> bool:
        """Return whether to save a partition now; the interval of a new one begins when it is asked of."""
        since_s, earliest_s = now_s - self._last_s.setdefault(partition, now_s), self.interval_s / _EARLIEST
        self._asked_s[partition] = now_s
        if self._began_s is not None:
            return False
        awake = [other for other, at_s in self._asked_s.items() if at_s >= now_s - earliest_s]
        if partition != min(awake, key=self._last_s.__getitem__):
            return False
        return since_s >= self.interval_s or (since_s >= earliest_s and now_s >= self._rests_until_s)

    def began(self, partition: int, now_s: float) -> None:
        """Learn that a partition is being saved."""
        self._before = partition, self._last_s.get(partition, now_s)
        self._last_s[partition] = self._began_s = now_s

    def ended(self, now_s: float) -> None:
        """Learn that it was saved."""
        if self._began_s is not None:
            self._rests_until_s = now_s + _SHARE * (now_s - self._began_s)
            self._began_s = None

    def given_up(self) -> None:
        """Learn that it was not saved: it is due as if that had not begun."""
        if self._began_s is not None:
            partition, last_s = self._before
            self._last_s[partition], self._began_s = last_s, None
