"""What a controller counts: starts, running hours, energy, and the minutes until it may start again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64
from simulators.chiller.faults import Flags
from simulators.clock import Clock

_HALF_DAY_S = 43_200
_RECYCLE_MIN = 30.0
_OLDEST_H = 60_000.0
_HOURS_PER_START = 12.0
_KW_WHILE_RUNNING = 0.1


@dataclass(frozen=True, slots=True)
class CounterReadings:
    """The counters of one day, shapes (T, A)."""

    starts: Float64
    starts_12h: Float64
    run_hours: Float64
    energy_kwh: Float64
    recycle_min: Float64


class Counters:
    """The counters of machines that were commissioned at some time before the first day.

    Their age is drawn: it says nothing about what will fail.
    """

    def __init__(self, rng: np.random.Generator, capacity_kw: Float64) -> None:
        assets = len(capacity_kw)
        self._run_hours = np.floor(rng.uniform(0.0, _OLDEST_H, assets))
        self._starts = np.floor(self._run_hours / _HOURS_PER_START)
        self._energy_kwh = np.floor(self._run_hours * _KW_WHILE_RUNNING * capacity_kw)
        self._was_running = np.zeros(assets, bool)
        self._since_start_min = np.full(assets, np.inf)
        self._yesterday: Float64 | None = None

    def day(self, clock: Clock, running: Flags, power_kw: Float64) -> CounterReadings:
        """Return the counters of one day; days are given in order."""
        hours = clock.period_s / 3600
        begun = (running & ~np.vstack([self._was_running, running[:-1]])).astype(np.float64)
        counts = CounterReadings(
            starts=self._starts + np.cumsum(begun, axis=0),
            starts_12h=self._recent(begun, _HALF_DAY_S // clock.period_s),
            run_hours=self._run_hours + hours * np.cumsum(running, axis=0),
            energy_kwh=self._energy_kwh + hours * np.cumsum(power_kw, axis=0),
            recycle_min=self._recycle(begun, 60.0 * hours),
        )
        self._starts, self._was_running, self._yesterday = counts.starts[-1], running[-1], begun
        self._run_hours, self._energy_kwh = counts.run_hours[-1], counts.energy_kwh[-1]
        return counts

    def _recent(self, begun: Float64, steps: int) -> Float64:
        """Return the starts in the last ``steps`` up to each step, shape (T, A)."""
        before = np.zeros_like(begun) if self._yesterday is None else self._yesterday
        total = np.cumsum(np.vstack([np.zeros((1, begun.shape[1])), before, begun]), axis=0)
        end = np.arange(len(begun) + 1, 2 * len(begun) + 1)
        return np.asarray(total[end] - total[end - steps], np.float64)

    def _recycle(self, begun: Float64, step_min: float) -> Float64:
        """Return the minutes left of the half hour that must lie between two starts."""
        minutes = np.arange(len(begun))[:, None] * step_min
        last = np.maximum.accumulate(np.where(begun > 0, minutes, -np.inf), axis=0)
        since = np.minimum(minutes - last, minutes + step_min + self._since_start_min)
        self._since_start_min = since[-1]
        return np.asarray(np.maximum(_RECYCLE_MIN - since, 0.0), np.float64)
