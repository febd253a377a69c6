"""The hours in which planned work may begin."""

from __future__ import annotations

from dataclasses import dataclass

from chillcast.proof.plant import HOUR_MS
from chillcast.proof.terms import Terms
from models.event_time import DAY_MS

_MONDAY = 3  # the first day of 1970 was a Thursday
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Shifts:
    """A shift of ``length_ms`` from ``from_ms`` of each of the first ``days`` days of a week, UTC."""

    from_ms: int
    length_ms: int
    days: int

    def begin_ms(self, time_ms: int) -> int:
        """Return when the shift begins that a time lies in, or else the next."""
        day = (time_ms - self.from_ms) // DAY_MS
        begin_ms = day * DAY_MS + self.from_ms
        if self._is_worked(day) and time_ms < begin_ms + self.length_ms:
            return begin_ms
        return next(d * DAY_MS + self.from_ms for d in range(day + 1, day + 1 + _WEEK) if self._is_worked(d))

    def fits(self, time_ms: int, length_ms: int) -> bool:
        """Return whether planned work may begin: what is longer than a shift begins with one."""
        begin_ms = self.begin_ms(time_ms)
        left_ms = begin_ms + self.length_ms - time_ms
        return begin_ms <= time_ms and (length_ms <= left_ms or time_ms == begin_ms)

    def next_ms(self, time_ms: int) -> int:
        """Return when the first shift begins that begins after a time."""
        begin_ms = self.begin_ms(time_ms)
        return begin_ms if begin_ms > time_ms else self.begin_ms(begin_ms + self.length_ms)

    def _is_worked(self, day: int) -> bool:
        return (day + _MONDAY) % _WEEK < self.days


def shifts_of(terms: Terms) -> Shifts:
    """Return the shifts that are assumed."""
    return Shifts(
        int(terms.shift_from_h * HOUR_MS), int(terms.shift_h * HOUR_MS), max(int(terms.work_days), 1)
    )
