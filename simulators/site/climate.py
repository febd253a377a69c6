"""Outdoor air: wet bulb and dry bulb as season, day, weather that persists, and a possible heat wave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from models.fleet.config import means, table
from models.telemetry.samples import Float64, Int64
from simulators.clock import YEAR_D, Clock

_PERSISTENCE_PER_HOUR = 0.985
_HOTTEST_HOUR = 15.0
_REGIONAL_SHARE = 0.85
_STEADY = 0.3
NotNegative = Annotated[float, Field(ge=0)]


@table
class Climate:
    """One climate of a scenario; amplitudes and standard deviations in K.

    ``share`` is that of the plants, against the shares of the other climates. ``hottest_day`` is a day of the
    year. A heat wave of ``heat_wave_k`` lasts ``heat_wave_days`` from day ``heat_wave_start_day`` of the
    scenario (0 is the first); it builds up and ends over a day each.
    """

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$"), means("of your choice, no two alike")]
    share: Annotated[float, Field(gt=0), means("of the plants, against the shares of the other climates")] = (
        1.0
    )
    wet_bulb_mean_c: Annotated[float, means("mean of the year, °C")]
    season_k: Annotated[NotNegative, means("amplitude of the year, K")]
    day_k: Annotated[NotNegative, means("amplitude of the day, K")]
    weather_k: Annotated[
        NotNegative, means("standard deviation of the weather, K; 30 % more in winter, 30 % less in summer")
    ]
    hottest_day: Annotated[int, Field(ge=1, le=366), means("day of the year")] = 201
    heat_wave_start_day: Annotated[
        int, Field(ge=0), means("day of the run on which a heat wave begins; 0 is the first")
    ] = 0
    heat_wave_days: Annotated[
        int, Field(ge=0), means("how long it lasts; it builds up and ends over a day each")
    ] = 0
    heat_wave_k: Annotated[NotNegative, means("how much warmer it is, K")] = 0.0


@dataclass(frozen=True, slots=True)
class Air:
    """Wet-bulb and dry-bulb temperature, °C, shapes (T, n)."""

    wet_bulb_c: Float64
    dry_bulb_c: Float64

    def take(self, columns: Int64) -> Air:
        """Return the air at ``columns``, which may name one more than once."""
        return Air(self.wet_bulb_c[:, columns], self.dry_bulb_c[:, columns])


class Persistent:
    """First-order autoregressive noise of unit variance, drawn a day at a time.

    ``persistence_per_hour`` is its correlation over one hour.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...], persistence_per_hour: float) -> None:
        self._rng, self._persistence = rng, persistence_per_hour
        self._last = rng.standard_normal(shape)

    def day(self, clock: Clock) -> Float64:
        """Return the next day's noise, shape (T, …)."""
        rho = self._persistence ** (clock.period_s / 3600)
        out = self._rng.standard_normal((clock.steps, *self._last.shape)) * np.sqrt(1.0 - rho**2)
        for step in range(clock.steps):
            out[step] += rho * self._last
            self._last = out[step]
        return np.asarray(out, np.float64)


class Weather:
    """The outdoor air of ``P`` sites: a part that all of one climate share, and a local part.

    ``which`` (P,) is the climate of each site. ``regional`` must start from the same seed wherever the same
    regions are meant. Wet bulb = season + day + first-order autoregressive weather with a correlation of
    0.985 an hour, which is 30 % stronger in winter and weaker in summer.
    """

    def __init__(
        self,
        climates: Sequence[Climate],
        which: Int64,
        regional: np.random.Generator,
        local: np.random.Generator,
    ) -> None:
        self._climates, self._which = climates, which
        self._regions = Persistent(regional, (2, len(climates)), _PERSISTENCE_PER_HOUR)
        self._sites = Persistent(local, (2, len(which)), _PERSISTENCE_PER_HOUR)
        self._mean_c = self._of("wet_bulb_mean_c") + local.normal(0.0, 0.7, len(which))
        self._season_k, self._day_k, self._weather_k, self._hottest_day, self._heat_k = (
            self._of(key) for key in ("season_k", "day_k", "weather_k", "hottest_day", "heat_wave_k")
        )

    def day(self, clock: Clock, day: int) -> Air:
        """Return the air of one day, shapes (T, P); days are asked for in order."""
        hours = clock.hours[:, None]
        season = np.cos(2 * np.pi * (clock.day_of_year(day) + hours / 24 - self._hottest_day) / YEAR_D)
        daily = np.cos(2 * np.pi * (hours - _HOTTEST_HOUR) / 24)
        noise = np.sqrt(_REGIONAL_SHARE) * self._regions.day(clock)[..., self._which]
        noise = noise + np.sqrt(1 - _REGIONAL_SHARE) * self._sites.day(clock)
        waves = np.array([_heat_wave(c, day + clock.hours / 24) for c in self._climates])
        heat_k = self._heat_k * waves.T[:, self._which]
        wet_bulb_c = self._mean_c + self._season_k * season + self._day_k * daily
        wet_bulb_c = wet_bulb_c + self._weather_k * (1.0 - _STEADY * season) * noise[:, 0] + heat_k
        # Air is driest on summer afternoons; the depression never falls below saturation.
        depression_k = np.maximum(3.5 + 1.5 * season + 2.2 * daily + 1.2 * noise[:, 1] + 0.5 * heat_k, 0.1)
        return Air(wet_bulb_c, wet_bulb_c + depression_k)

    def _of(self, key: str) -> Float64:
        """Return a parameter of each site's climate, shape (P,)."""
        return np.array([float(getattr(c, key)) for c in self._climates])[self._which]


def _heat_wave(climate: Climate, day: Float64) -> Float64:
    """Return the strength of the heat wave, 0 to 1, a trapezoid in time."""
    if not climate.heat_wave_days:
        return np.zeros_like(day)
    since = day - climate.heat_wave_start_day
    return np.clip(np.minimum(since, climate.heat_wave_days - since), 0.0, 1.0)
