"""Hours of the day and days of the week, in the zone of a machine's site."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal, get_args

from models.fleet.site_times import SiteTimes
from models.fleet.zones import zone_of

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[str, ...] = get_args(Day)


class Hours:
    """Says what time it is where a machine stands; ``zone`` is that of what is about no single site."""

    def __init__(self, times: SiteTimes, zone: str) -> None:
        self.times, self.zone = times, zone_of(zone)

    def within(self, asset: str, now_ms: int, span: str, days: Container[str] = ()) -> bool:
        """Return whether a moment lies in a span of the day, on some days; empty is always.

        A span that goes over midnight belongs to the day on which it begins.
        """
        local = _local(now_ms, self.times.zone(asset))
        begun = local
        if span:
            first, last = (time.fromisoformat(part) for part in span.split("-"))
            clock = local.time()
            if first > last and clock < last:
                begun = local - timedelta(days=1)
            if not _lies(clock, first, last):
                return False
        return not days or DAYS[begun.weekday()] in days

    def last_digest(self, zone: tzinfo, now_ms: int, every: str, at: str, day: str) -> int:
        """Return the last moment, not after now, at which a digest was due: each day, or each week."""
        local, clock = _local(now_ms, zone), time.fromisoformat(at)
        back = (local.weekday() - DAYS.index(day)) % 7 if every == "week" else 0
        due = _at(local - timedelta(days=back), clock)
        if due > local:
            due = _at(due - timedelta(days=7 if every == "week" else 1), clock)
        return int(due.timestamp() * 1000)


def moment(text: str, zone: str) -> int:
    """Return the moment of a date or time; one without an offset is the zone's own. ValueError if none.

    >>> moment("2026-01-01", "Europe/Berlin")
    1767222000000
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone_of(zone))
    return int(found.timestamp() * 1000)


def _lies(clock: time, first: time, last: time) -> bool:
    if first <= last:
        return first <= clock < last
    return clock >= first or clock < last


def _local(now_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, zone)


def _at(day: datetime, clock: time) -> datetime:
    """Return a time of a day by the clocks of its zone, also of a day on which these are changed."""
    return datetime.combine(day.date(), clock, day.tzinfo)
