"""Cooling load: kinds of building, their hours, the weather, and noise that persists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64, Int64
from simulators.clock import Clock
from simulators.site.climate import Persistent

_PERSISTENCE_PER_HOUR = 0.93
_NOISE = 0.09


@dataclass(frozen=True, slots=True)
class Building:
    """``share`` of the plants; load = occupancy × (``base`` + ``slope_per_k`` × (dry bulb − 14 °C)).

    The load is a share of what the building was designed for. With ``has_spare``, a plant of two chillers or
    more can do without one of them.
    """

    name: str
    share: float
    base: float
    slope_per_k: float
    night: float
    weekend: float
    has_spare: bool


BUILDINGS = (
    Building("office", 0.40, 0.38, 0.036, 0.0, 0.15, has_spare=False),
    Building("hospital", 0.35, 0.50, 0.027, 0.70, 0.85, has_spare=True),
    Building("data-centre", 0.25, 0.75, 0.010, 1.0, 1.0, has_spare=True),
)


class Buildings:
    """The buildings of ``P`` plants, each an index into ``BUILDINGS``.

    ``capacity_kw`` (P,) is that of all chillers of a plant, ``size`` (P,) how many they are.
    """

    def __init__(self, rng: np.random.Generator, kinds: Int64, capacity_kw: Float64, size: Int64) -> None:
        table = np.array([(b.base, b.slope_per_k, b.night, b.weekend, b.has_spare) for b in BUILDINGS])
        self._base, self._slope, self._night, self._weekend, has_spare = table[kinds].T
        needed = np.where((has_spare > 0) & (size > 1), (size - 1) / size, 1.0)
        self._design_kw = capacity_kw * needed * rng.uniform(0.85, 1.12, len(kinds))
        self._noise = Persistent(rng, (len(kinds),), _PERSISTENCE_PER_HOUR)

    def day(self, clock: Clock, day: int, dry_bulb_c: Float64) -> Float64:
        """Return the load of one day, kW, shape (T, P); days are asked for in order."""
        busy = _occupancy(clock.hours)[:, None] * (self._weekend if clock.is_day_off(day) else 1.0)
        occupancy = self._night + (1.0 - self._night) * busy
        load = occupancy * (self._base + self._slope * (dry_bulb_c - 14.0))
        load = np.maximum(load * (1.0 + _NOISE * self._noise.day(clock)), 0.0)
        return np.asarray(load * self._design_kw, np.float64)


def _occupancy(hours: Float64) -> Float64:
    """Return the share of people present: in from 6 to 9, out from 17 to 20."""
    return np.clip(np.minimum((hours - 6.0) / 3.0, (20.0 - hours) / 3.0), 0.0, 1.0)
