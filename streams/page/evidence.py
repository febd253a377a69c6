"""The sensors that speak for a case, over the weeks before it was last said so."""

from __future__ import annotations

from collections.abc import Mapping

from models.cases.case import Case
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.risk.wording import span
from streams.page.sensor_chart import SensorSeries
from streams.page.sensor_choice import series_of
from streams.stores.reading_points import readings_of
from streams.stores.store import Reader

WEEKS = 4


def evidence_series(reader: Reader, fleet: Fleet, case: Case) -> Mapping[str, SensorSeries]:
    """Return by key what the sensors of a case read over four weeks up to its evidence.

    One of which the store has nothing is left out.
    """
    named, until_ms = {one.key for one in case.evidence.sensors}, case.evidence.time_ms
    if not named:
        return {}
    days = readings_of(reader, case.asset, until_ms - WEEKS * 7 * DAY_MS, until_ms + 1)
    told = [(end_ms, {key: one for key, one in found.items() if key in named}) for end_ms, found in days]
    return series_of(fleet, told, (), span(fleet.sampling.recent_s))
