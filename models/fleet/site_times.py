"""Times as the people of a site say them: in the zone of the machine's site, UTC if nobody told it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from models.fleet.inventory import ZONE, Inventory
from models.fleet.zones import is_zone, zone_of


@contextlib.contextmanager
def _in_a_calendar() -> Iterator[None]:
    """Let what lies before the first day of the calendar, or after its last, be a ValueError as well."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(str(error)) from error


class SiteTimes:
    """Says and reads times by the attribute ``timezone`` of an inventory.

    One machine's zone that nobody knows costs the others nothing: its times are said in UTC, with that word,
    and read only with an offset.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory, self._machines = inventory, inventory.machines

    def zone(self, asset: str) -> tzinfo:
        """Return the zone of a machine, UTC if nobody told it or it is none."""
        name = self._machines.get(asset, {}).get(ZONE, "")
        return zone_of(name) if is_zone(name) else UTC

    @property
    def unknown(self) -> Mapping[str, str]:
        """The zones that the inventory has and nobody knows, by machine."""
        told = ((asset, known.get(ZONE)) for asset, known in self._machines.items())
        return {asset: name for asset, name in told if name and not is_zone(name)}

    def said(self, asset: str, time_ms: int) -> str:
        """Say a moment to the minute, with its zone.

        >>> SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}})).said("a", 1_735_689_600_000)
        '2025-01-01 01:00 CET'
        """
        return self._local(asset, time_ms).strftime("%Y-%m-%d %H:%M %Z")

    def date(self, asset: str, time_ms: int) -> str:
        """Say the day of a moment."""
        return self._local(asset, time_ms).strftime("%Y-%m-%d")

    def iso(self, asset: str, time_ms: int) -> str:
        """Say a moment as ISO 8601 with its offset, for other programs."""
        return self._local(asset, time_ms).isoformat(timespec="seconds")

    @_in_a_calendar()
    def read(self, asset: str, text: str) -> int:
        """Return the moment of a date or time; one without an offset is the site's own. ValueError if none.

        A time of the site that its clocks leave out, or show twice, is none; a date is its first moment.

        >>> SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}})).read("a", "2025-01-01")
        1735686000000
        """
        if day := _day(text):
            return _ms(datetime.combine(day, time(), self._sure_zone(asset)))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._sure_zone(asset))
            _refuse_doubt(text, moment)
        return _ms(moment)

    @_in_a_calendar()
    def read_end(self, asset: str, text: str) -> int:
        """Return the moment up to which something lasts: of a date its last, the whole of it is meant.

        >>> SiteTimes(Inventory({})).read_end("a", "1970-01-01")
        86400000
        """
        day = _day(text)
        return self.read(asset, (day + timedelta(days=1)).isoformat() if day else text)

    def _sure_zone(self, asset: str) -> tzinfo:
        name = self._machines.get(asset, {}).get(ZONE)
        if name and not is_zone(name):
            wrong = f"the inventory has {ZONE} = {name!r} of {asset}, which is no zone"
            raise DoubtfulTimeError(f"a time with an offset: {wrong}")
        return self.zone(asset)

    def _local(self, asset: str, time_ms: int) -> datetime:
        return datetime.fromtimestamp(time_ms / 1000, self.zone(asset))


class DoubtfulTimeError(ValueError):
    """A local time that is no moment, or two, since clocks are changed or its zone is not known."""


def instead(error: Exception, expected: str) -> str:
    """Return what to write in place of a time that could not be read."""
    return str(error) if isinstance(error, DoubtfulTimeError) else expected


def _refuse_doubt(text: str, moment: datetime) -> None:
    """Raise DoubtfulTimeError, with what to write instead, for a local time that is not one moment."""
    before, behind = (moment.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    first, last = sorted(found.astimezone(moment.tzinfo) for found in (before, behind))
    if before > behind:
        ways = f"{first:%Y-%m-%dT%H:%M} or {last:%Y-%m-%dT%H:%M}"
        raise DoubtfulTimeError(f"{ways}: clocks are put forward over {text}, which does not exist there")
    if before < behind:
        ways = " or ".join(one.isoformat(timespec="minutes") for one in (first, last))
        raise DoubtfulTimeError(f"{ways}: clocks are put back, and {text} exists twice there")


def _day(text: str) -> date | None:
    """Return a date that is no more than one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
