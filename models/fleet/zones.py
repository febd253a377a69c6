"""Time zones as people write them: names of the IANA database and fixed offsets; names of Windows are not."""

from __future__ import annotations

import functools
import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from models.fleet.config import nearest

_FIXED = re.compile(r"(?:UTC)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_POSIX = re.compile(r"GMT([+-])(\d{1,2})")

# What Windows calls a zone, and a place in it (CLDR, windowsZones.xml).
WINDOWS = {
    "GMT Standard Time": "Europe/London",
    "Greenwich Standard Time": "Atlantic/Reykjavik",
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Romance Standard Time": "Europe/Paris",
    "Central European Standard Time": "Europe/Warsaw",
    "GTB Standard Time": "Europe/Bucharest",
    "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kyiv",
    "Turkey Standard Time": "Europe/Istanbul",
    "Russian Standard Time": "Europe/Moscow",
    "Israel Standard Time": "Asia/Jerusalem",
    "Egypt Standard Time": "Africa/Cairo",
    "South Africa Standard Time": "Africa/Johannesburg",
    "W. Central Africa Standard Time": "Africa/Lagos",
    "Arab Standard Time": "Asia/Riyadh",
    "Arabian Standard Time": "Asia/Dubai",
    "Iran Standard Time": "Asia/Tehran",
    "Pakistan Standard Time": "Asia/Karachi",
    "India Standard Time": "Asia/Kolkata",
    "Bangladesh Standard Time": "Asia/Dhaka",
    "SE Asia Standard Time": "Asia/Bangkok",
    "China Standard Time": "Asia/Shanghai",
    "Singapore Standard Time": "Asia/Singapore",
    "Taipei Standard Time": "Asia/Taipei",
    "W. Australia Standard Time": "Australia/Perth",
    "Korea Standard Time": "Asia/Seoul",
    "Tokyo Standard Time": "Asia/Tokyo",
    "Cen. Australia Standard Time": "Australia/Adelaide",
    "AUS Central Standard Time": "Australia/Darwin",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "E. Australia Standard Time": "Australia/Brisbane",
    "Tasmania Standard Time": "Australia/Hobart",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Hawaiian Standard Time": "Pacific/Honolulu",
    "Alaskan Standard Time": "America/Anchorage",
    "Pacific Standard Time": "America/Los_Angeles",
    "Mountain Standard Time": "America/Denver",
    "US Mountain Standard Time": "America/Phoenix",
    "Central Standard Time": "America/Chicago",
    "Central Standard Time (Mexico)": "America/Mexico_City",
    "Canada Central Standard Time": "America/Regina",
    "Eastern Standard Time": "America/New_York",
    "US Eastern Standard Time": "America/Indianapolis",
    "Atlantic Standard Time": "America/Halifax",
    "Newfoundland Standard Time": "America/St_Johns",
    "SA Pacific Standard Time": "America/Bogota",
    "SA Western Standard Time": "America/La_Paz",
    "Argentina Standard Time": "America/Buenos_Aires",
    "E. South America Standard Time": "America/Sao_Paulo",
}


@functools.cache
def _names() -> frozenset[str]:
    """Return the names of the database, for which the library walks through its files at every call."""
    return frozenset(available_timezones())


@functools.lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """Return the zone of a name, or of an offset east of Greenwich; ValueError says what to write instead.

    >>> zone_of("UTC+8"), zone_of("-03:30")
    (datetime.timezone(datetime.timedelta(seconds=28800)), datetime.timezone(datetime.timedelta(days=-1, \
seconds=73800)))
    """
    fixed = _FIXED.fullmatch(name)
    if fixed and int(fixed[2]) <= 15:
        size = timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
        return timezone(-size if fixed[1] == "-" else size)
    if name in ("UTC", "Z"):
        return UTC
    if name not in _names():
        raise ValueError(instead_of(name))
    return ZoneInfo(name)


@functools.lru_cache(maxsize=1024)  # of what is no zone, too: it is asked at every time that is said
def is_zone(name: str) -> bool:
    """Return whether ``zone_of`` knows a name."""
    try:
        zone_of(name)
    except ValueError:
        return False
    return True


def instead_of(name: str) -> str:
    """Say what to write for a zone that is not known by that name.

    >>> instead_of("W. Europe Standard Time")
    'a zone of the IANA database, as Europe/Berlin for this name of Windows'
    """
    posix = _POSIX.fullmatch(name)
    if posix:
        return f"an offset, as {posix[1]}{int(posix[2]):02}:00 (Etc/{name} would mean the other direction)"
    if name in WINDOWS:
        return f"a zone of the IANA database, as {WINDOWS[name]} for this name of Windows"
    if name.endswith((" Standard Time", " Daylight Time", " Summer Time")):
        return "a zone of the IANA database, as Europe/Berlin: this looks like a name of Windows"
    near = nearest(name, _names())
    hint = f"did you mean {near}?" if near else "as Europe/Berlin"
    return f"a zone of the IANA database ({hint}), or an offset, as +02:00"
