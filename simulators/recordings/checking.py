"""What the sensors of a recording look like: how much is missing, the range, whether stuck, which unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fleet.points import Sensor
from models.fleet.units import conversions
from models.telemetry.samples import Samples, Values
from simulators.recordings.recording import Recorded

_STUCK_SHARE = 0.98
_NEAR, _FAR = 0.9, 0.5


@dataclass(frozen=True, slots=True)
class SensorLook:
    """One sensor over all machines: share missing and outside its range, usual range, and doubts in words."""

    sensor: str
    unit: str
    missing: float
    outside: float
    low: float | None
    median: float | None
    high: float | None
    doubts: tuple[str, ...]


def look_at(found: Recorded) -> list[SensorLook]:
    """Look at every sensor of a recording."""
    return [
        _look(sensor, found.samples, found.samples.values[:, i])
        for i, sensor in enumerate(found.fleet.sensors)
    ]


def _look(sensor: Sensor, samples: Samples, values: Values) -> SensorLook:
    known = ~np.isnan(values)
    said = values[known].astype(np.float64)
    if not len(said):
        return SensorLook(sensor.key, sensor.unit, 1.0, 0.0, None, None, None, ("says nothing",))
    low, median, high = np.quantile(said, [0.01, 0.5, 0.99]).tolist()
    outside = float(((said < sensor.low) | (said > sensor.high)).mean())
    stuck = [] if sensor.is_steady else _stuck(samples, values, known)
    doubts = [*stuck, *_unit_doubts(sensor, said, outside)]
    missing = float(1 - known.mean())
    return SensorLook(sensor.key, sensor.unit, missing, outside, low, median, high, tuple(doubts))


def _stuck(samples: Samples, values: Values, known: np.ndarray) -> list[str]:
    """Say of which machines nearly all values are one and the same."""
    stuck = []
    for number, name in enumerate(samples.assets):
        own = values[known & (samples.asset == number)]
        if len(own) >= 10 and np.unique(own, return_counts=True)[1].max() >= _STUCK_SHARE * len(own):
            stuck.append(name)
    if not stuck:
        return []
    return [f"stuck: {len(stuck)} machines have one value nearly always, as {stuck[0]}"]


def _unit_doubts(sensor: Sensor, said: np.ndarray, outside: float) -> list[str]:
    """Say which other unit would bring most values into the range, if they are not in it."""
    if outside < _FAR:
        return []
    for unit, (scale, offset) in conversions(sensor.unit):
        meant = said * scale + offset
        if ((meant >= sensor.low) & (meant <= sensor.high)).mean() >= _NEAR:
            return [f"unit: as {unit} the values would be plausible: unit = {unit!r} of the column"]
    return [f"range: {outside:.0%} of the values are outside {sensor.low:g} to {sensor.high:g}"]
