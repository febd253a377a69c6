"""Alerts: what a panel shows before anything stops, close to a trip or for no reason that matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64
from simulators.chiller.channels import Channel
from simulators.chiller.controller import Limit, celsius
from simulators.chiller.faults import Flags, Int8
from simulators.chiller.machines import gauge
from simulators.clock import YEAR_D, Clock

# Published: oil differential pressure 18 psid; the rest, a few kelvin or surges short of the trip, is ours.
WARNINGS = (
    Limit("low-oil-pressure", Channel.OIL_PRESSURE, gauge(18.0) - gauge(0.0), is_high=False),
    Limit("high-bearing-temperature", Channel.BEARING, celsius(180.0)),
    Limit("high-winding-temperature", Channel.WINDING, celsius(212.0)),
    Limit("high-heat-sink-temperature", Channel.HEAT_SINK, 70.0),
    Limit("high-discharge-temperature", Channel.DISCHARGE, celsius(212.0)),
    Limit("surge", Channel.SURGE, 15.0),
)
NUISANCES = ("communication", "line-voltage", "sensor-range")
# A register holds a number that stands for a code and measures nothing: here, the codes by their names.
WARNING_CODES = tuple(sorted({*(w.code for w in WARNINGS), *NUISANCES}))
_NUISANCE_D = 0.25


@dataclass(frozen=True, slots=True)
class _Spell:
    """A nuisance of machine ``column`` in [begin_d, end_d), in days of the run."""

    column: int
    number: int
    begin_d: float
    end_d: float


class Nuisances:
    """Alerts without a fault behind them: ``per_year`` on each of ``assets`` machines, six hours in the mean.

    A dip of the mains, a gateway that is silent, a transmitter at the end of its range: judgement.
    """

    def __init__(self, rng: np.random.Generator, per_year: float, assets: int) -> None:
        self._rng, self._per_day, self._assets = rng, per_year * assets / YEAR_D, assets
        self._under_way: list[_Spell] = []

    def day(self, clock: Clock, day: int) -> Int8:
        """Return (T, A) one more than the index in ``WARNING_CODES`` of what shows; days come in order."""
        rng, at_d = self._rng, day + clock.hours / 24
        out = np.zeros((clock.steps, self._assets), np.int8)
        for _ in range(rng.poisson(self._per_day)):
            begin_d = day + rng.random()
            end_d = begin_d + _NUISANCE_D * rng.standard_exponential()
            code = NUISANCES[rng.integers(len(NUISANCES))]
            column = int(rng.integers(self._assets))
            self._under_way.append(_Spell(column, 1 + WARNING_CODES.index(code), begin_d, end_d))
        for spell in self._under_way:
            out[(at_d >= spell.begin_d) & (at_d < spell.end_d), spell.column] = spell.number
        self._under_way = [s for s in self._under_way if s.end_d >= day + 1]
        return out


def warned(channels: Float64, running: Flags, nuisance: Int8) -> Float64:
    """Return what the register shows, (T, A): an alert on a quantity before a nuisance, 0 for none."""
    out = nuisance.astype(np.float64)
    for alert in reversed(WARNINGS):
        value, limit = channels[:, alert.channel], float(alert.value)
        out[(value > limit) if alert.is_high else (value < limit)] = 1 + WARNING_CODES.index(alert.code)
    return out * running
