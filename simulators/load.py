"""Cooling load: kinds of building, their hours, the weather, and noise that persists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.frames import Float64
from simulators.climate import Persistent
from simulators.clock import Clock

Flags = npt.NDArray[np.bool_]
_PERSISTENCE_PER_HOUR = 0.93
_START_LOAD = 0.20
_STOP_LOAD = 0.11
_LARGEST_LOAD = 1.08


@dataclass(frozen=True, slots=True)
class Building:
    """``share`` of the fleet; load = occupancy × (``base`` + ``slope_per_k`` × (dry bulb − 14 °C))."""

    name: str
    share: float
    base: float
    slope_per_k: float
    night: float
    weekend: float


BUILDINGS = (
    Building("office", 0.40, 0.38, 0.036, 0.0, 0.15),
    Building("hospital", 0.35, 0.50, 0.027, 0.70, 0.85),
    Building("data-centre", 0.25, 0.75, 0.010, 1.0, 1.0),
)


@dataclass(frozen=True, slots=True)
class Demand:
    """``load`` (T, A) is a share of rated capacity; ``wanted`` (T, A): the plant calls for the chiller."""

    load: Float64
    wanted: Flags


class Buildings:
    """The buildings of ``assets`` chillers."""

    def __init__(self, rng: np.random.Generator, assets: int) -> None:
        chosen = rng.choice(len(BUILDINGS), assets, p=[b.share for b in BUILDINGS])
        table = np.array([(b.base, b.slope_per_k, b.night, b.weekend) for b in BUILDINGS])[chosen]
        self._base, self._slope, self._night, self._weekend = table.T
        self._size = rng.uniform(0.85, 1.12, assets)
        self._noise = Persistent(rng, (assets,), _PERSISTENCE_PER_HOUR)
        self._running = np.zeros(assets, bool)

    def day(self, clock: Clock, day: int, dry_bulb_c: Float64) -> Demand:
        """Return the demand of one day; days are asked for in order."""
        busy = _occupancy(clock.hours)[:, None] * (self._weekend if clock.is_day_off(day) else 1.0)
        occupancy = self._night + (1.0 - self._night) * busy
        load = occupancy * self._size * (self._base + self._slope * (dry_bulb_c - 14.0))
        load = np.clip(load * (1.0 + 0.09 * self._noise.day(clock)), 0.0, _LARGEST_LOAD)
        return Demand(load, self._called(load))

    def _called(self, load: Float64) -> Flags:
        """Start above one load and stop below a lower one, so that noise does not short-cycle a chiller."""
        wanted = np.empty(load.shape, bool)
        for now, enough, low in zip(wanted, load >= _START_LOAD, load >= _STOP_LOAD, strict=True):
            np.logical_and(low, enough | self._running, out=now)
            self._running = now
        return wanted


def _occupancy(hours: Float64) -> Float64:
    """Return the share of people present: in from 6 to 9, out from 17 to 20."""
    return np.clip(np.minimum((hours - 6.0) / 3.0, (20.0 - hours) / 3.0), 0.0, 1.0)
