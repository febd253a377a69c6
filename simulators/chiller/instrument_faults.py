"""Faults of instruments: readings that are off, drift away, stay the same, or are not there.

The controller of a simulated chiller sees the machine itself: an instrument's fault shows in what is
published and shuts nothing down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.event_time import DAY_MS
from models.telemetry.samples import Float32, Float64
from simulators.clock import YEAR_D, Clock
from simulators.truth import Truth

_NOISES = (5.0, 20.0)
_DRIFT_D = 60.0


@dataclass(frozen=True, slots=True)
class InstrumentFaultKind:
    """A kind of fault of one instrument, found after ``mean_d`` days in the mean (exponential; judgement)."""

    key: str
    mean_d: float


INSTRUMENT_FAULT_KINDS = (
    InstrumentFaultKind("sensor_bias", 45.0),
    InstrumentFaultKind("sensor_drift", 60.0),
    InstrumentFaultKind("sensor_stuck", 10.0),
    InstrumentFaultKind("sensor_dropout", 1.0),
)


@dataclass(slots=True)
class _InstrumentFault:
    """``size`` is in units of the noise; ``held`` is the reading that a stuck instrument repeats."""

    kind: str
    column: int
    sensor: int
    begin_d: float
    end_d: float
    size: float
    held: float = np.nan


class InstrumentFaults:
    """The faults of the instruments of some machines, at most one of a kind on each machine at a time.

    ``scale`` (P, 5) is as in ``Sensors``: noise in units, noise as a share, resolution, low, high. Points
    without noise are states and counts, and never fail.
    """

    def __init__(
        self, rng: np.random.Generator, rates: Mapping[str, float], scale: Float32, assets: tuple[str, ...]
    ) -> None:
        self._rng, self._rates, self._scale, self._assets = rng, rates, scale, assets
        self._fallible = np.flatnonzero(scale[:, :2].any(axis=1))
        self._active: list[_InstrumentFault] = []

    def day(self, clock: Clock, day: int, values: Float32, truth: Truth) -> None:
        """Change the readings (n, T, P) of the first machines in place; days are given in order."""
        for fault in self._begun(day):
            self._active.append(fault)
            truth.begin(self._assets[fault.column], fault.kind, self._ms(clock, fault.begin_d))
        at_d = day + clock.hours / 24
        for fault in self._active:
            steps = np.flatnonzero((at_d >= fault.begin_d) & (at_d < fault.end_d))
            if len(steps) and fault.column < len(values):
                self._spoil(fault, at_d[steps], values[fault.column, steps[0] : steps[-1] + 1, fault.sensor])
        for fault in (f for f in self._active if f.end_d < day + 1):
            truth.end(self._assets[fault.column], fault.kind, self._ms(clock, fault.end_d), "found")
        self._active = [f for f in self._active if f.end_d >= day + 1]

    def _begun(self, day: int) -> list[_InstrumentFault]:
        """Draw the faults that begin on a day; the number of draws depends on nothing but the rates."""
        rng, out = self._rng, list[_InstrumentFault]()
        for kind in INSTRUMENT_FAULT_KINDS if len(self._fallible) else ():
            for _ in range(rng.poisson(self._rates.get(kind.key, 0.0) * len(self._assets) / YEAR_D)):
                column, sensor = int(rng.integers(len(self._assets))), int(rng.choice(self._fallible))
                begin_d, lasts_d = day + rng.random(), kind.mean_d * rng.standard_exponential()
                size = rng.uniform(*_NOISES) * rng.choice((-1.0, 1.0))
                if not any((f.kind, f.column) == (kind.key, column) for f in [*self._active, *out]):
                    out.append(_InstrumentFault(kind.key, column, sensor, begin_d, begin_d + lasts_d, size))
        return out

    def _spoil(self, fault: _InstrumentFault, at_d: Float64, shown: Float32) -> None:
        """Change what one instrument showed, in place."""
        sigma, relative, resolution, low, high = self._scale[fault.sensor]
        if fault.kind == "sensor_dropout":
            shown[:] = np.nan
        elif fault.kind == "sensor_stuck":
            fault.held = float(shown[0]) if np.isnan(fault.held) else fault.held
            shown[:] = fault.held
        else:
            grown = 1.0 if fault.kind == "sensor_bias" else np.minimum((at_d - fault.begin_d) / _DRIFT_D, 1.0)
            off = shown + fault.size * grown * (sigma + relative * np.abs(shown))
            shown[:] = np.clip(np.rint(off / resolution) * resolution, low, high)

    @staticmethod
    def _ms(clock: Clock, day: float) -> int:
        return clock.start_ms(0) + int(day * DAY_MS)
