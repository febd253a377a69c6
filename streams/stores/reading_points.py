"""What the sensors of a machine read on a day, as a point of a store, and read back from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from models.telemetry.samples import Float32
from streams.records import Scores
from streams.stores.store import Point, Reader, Row, Value

_A_FIELD = 500
"""Sensors in one field: a text of a store has an end."""
_FIELD = "sensors"


class Reading(NamedTuple):
    """The mean of a sensor, what was usual then, and a spread of that, in its unit; None if nobody knows."""

    value: float
    usual: float | None = None
    spread: float | None = None


Day = tuple[int, Mapping[str, Reading]]


def reading_points(scores: Scores) -> Iterator[Point]:
    """Return one point per window that ends a day, none of a machine of which nothing was read."""
    found = scores.readings
    for i, n in enumerate(found.window.tolist() if found else ()):
        assert found is not None
        told = list(_told(found.sensors, found.value[i], found.usual[i], found.spread[i]))
        fields: dict[str, Value] = {"revision": float(scores.revision[n])}
        for first in range(0, len(told), _A_FIELD):
            name = f"{_FIELD}_{first // _A_FIELD}" if first else _FIELD
            fields[name] = msgspec.json.encode(dict(told[first : first + _A_FIELD])).decode()
        if told:
            asset = scores.assets[int(scores.asset[n])]
            yield Point("readings", {"asset": asset}, fields, int(scores.end_ms[n]))


def readings_of(reader: Reader, asset: str, start_ms: int, end_ms: int) -> list[Day]:
    """Return the days of one machine that end in [start_ms, end_ms), oldest first."""
    return [(row.time_ms, dict(_read(row))) for row in reader.history("readings", asset, start_ms, end_ms)]


def _told(
    sensors: Iterable[str], value: Float32, usual: Float32, spread: Float32
) -> Iterator[tuple[str, list[float | None]]]:
    """Yield what is written of each sensor that was read; five digits tell more than any sensor does."""
    for key, *numbers in zip(sensors, value.tolist(), usual.tolist(), spread.tolist(), strict=True):
        if math.isfinite(numbers[0]):
            yield key, [float(f"{one:.5g}") if math.isfinite(one) else None for one in numbers]


def _read(row: Row) -> Iterator[tuple[str, Reading]]:
    """Yield the readings of a row; what cannot be understood is left out."""
    for name in sorted(row.fields):
        if name.startswith(_FIELD):
            try:
                told = msgspec.json.decode(str(row.fields[name]), type=dict[str, list[float | None]])
            except msgspec.DecodeError:
                continue
            for key, numbers in told.items():
                if len(numbers) == 3 and numbers[0] is not None:
                    yield key, Reading(numbers[0], numbers[1], numbers[2])
