"""Event time: how long a day and a year are in it, and the latest that any clock is believed."""

DAY_MS = 86_400_000
YEAR_MS = 365.25 * DAY_MS
LATEST_MS = 7_258_118_400_000  # the year 2200
