"""Which sensors of a machine are shown: those a reader chose, or those behind its risk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from models.fleet.fleet import Fleet
from models.fleet.points import MachinePoint
from streams.page.sensor_chart import SensorSeries
from streams.stores.reading_points import Day, Reading

EVERY = "all"
_MOST = 6
Told = Sequence[tuple[int, Sequence[Mapping[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader asks for: ``keys`` of sensors, all of them, or none in particular."""

    keys: tuple[str, ...] = ()
    every: bool = False

    @classmethod
    def of(cls, asked: Iterable[str], fleet: Fleet) -> Choice:
        """Return the choice of an address; ValueError names a sensor that the fleet does not have."""
        wanted = [key for key in asked if key]
        if EVERY in wanted:
            return cls(every=True)
        for key in wanted:
            if key not in fleet.point_keys:
                raise ValueError(f"sensor = {key[:64]!r}: expected {EVERY}, or a key of the fleet")
        return cls(tuple(key for key in fleet.point_keys if key in wanted))

    def query(self, days: int) -> str:
        """Return the part of an address that asks for it again."""
        keys = (EVERY,) if self.every else self.keys
        return "?" + urlencode([("days", days), *(("sensor", key) for key in keys)])

    def of_days(self, days: Iterable[Day]) -> list[Day]:
        """Return what was read of the sensors that are asked for, of all if none is."""
        return [
            (end_ms, {key: one for key, one in found.items() if not self.keys or key in self.keys})
            for end_ms, found in days
        ]


def series_of(fleet: Fleet, days: Iterable[Day], explanations: Told, over: str) -> dict[str, SensorSeries]:
    """Return by key what every sensor read, in the order of the fleet.

    Of days that have no readings, those of stores from before, there is what was given as a reason.
    """
    points: dict[str, dict[int, Reading]] = {}
    for time_ms, sensors in explanations:
        for found in sensors:
            value, usual = found.get("value"), found.get("baseline")
            if isinstance(value, int | float):
                known = float(usual) if isinstance(usual, int | float) else None
                points.setdefault(str(found.get("key")), {})[time_ms] = Reading(float(value), known)
    for end_ms, told in days:
        for key, one in told.items():
            points.setdefault(key, {})[end_ms] = one
    known_points: list[MachinePoint] = [point for point in fleet.points if point.key in points]
    return {p.key: SensorSeries(p, sorted(points[p.key].items()), over) for p in known_points}


def behind(series: Mapping[str, SensorSeries], explanations: Told, newest: Iterable[str] = ()) -> list[str]:
    """Return some: the ``newest`` reasons, those named last and most often, those that depart furthest."""
    last = {str(found.get("key")): (t, 0) for t, sensors in explanations for found in sensors}
    for _, sensors in explanations:
        for found in sensors:
            key = str(found.get("key"))
            last[key] = (last[key][0], last[key][1] + 1)
    named = sorted(last, key=lambda key: (-last[key][0], -last[key][1], key))
    departing = [key for key, one in series.items() if one.lasts]
    furthest = sorted(departing, key=lambda key: (-abs(series[key].away), key))
    order = dict.fromkeys([*newest, *named, *furthest])
    return [key for key in order if key in series][:_MOST]
