"""Event time: how long a minute, an hour, a day and a year are in it, and the latest that is believed."""

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
YEAR_MS = 365.25 * DAY_MS
LATEST_MS = 7_258_118_400_000  # the year 2200
