"""The simulation's calendar: days of equal steps in event time, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from models.telemetry.samples import Float64, Int64

DAY_S = 86_400
YEAR_D = 365.25
_HOLIDAYS = {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}


@dataclass(frozen=True, slots=True)
class Clock:
    """Days counted from ``start``, each cut into steps of ``period_s``, which divides a day.

    >>> clock = Clock(date(2025, 1, 1), 21_600)
    >>> clock.hours.tolist()
    [0.0, 6.0, 12.0, 18.0]
    >>> clock.start_ms(1) - clock.start_ms(0)
    86400000
    """

    start: date
    period_s: int

    @property
    def steps(self) -> int:
        """Steps in a day."""
        return DAY_S // self.period_s

    @property
    def hours(self) -> Float64:
        """Hour of the day of each step, shape (T,)."""
        return np.arange(self.steps, dtype=np.float64) * np.float64(self.period_s / 3600)

    def start_ms(self, day: int) -> int:
        """Return the first instant of a day, UTC milliseconds."""
        midnight = datetime.combine(self.start + timedelta(days=day), datetime.min.time(), UTC)
        return int(midnight.timestamp()) * 1000

    def time_ms(self, day: int) -> Int64:
        """Return the instant of each step of a day, shape (T,)."""
        return self.start_ms(day) + np.arange(self.steps, dtype=np.int64) * (self.period_s * 1000)

    def day_of_year(self, day: int) -> int:
        """Return 1 on the first of January."""
        return (self.start + timedelta(days=day)).timetuple().tm_yday

    def is_day_off(self, day: int) -> bool:
        """Return whether the day is a Saturday, a Sunday or a fixed holiday (``_HOLIDAYS``: month, day)."""
        at = self.start + timedelta(days=day)
        return at.weekday() >= 5 or (at.month, at.day) in _HOLIDAYS
