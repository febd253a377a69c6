"""Faults: when they begin, how they develop, and where they act; nothing here is ever published.

Gradual faults begin as a Poisson process per chiller and kind, then progress by random daily steps (log-
normal around a duration drawn for each). Some stop short of harm, some are found and mended in time. A
severity of 1 is about where a chiller at full load on a warm day reaches a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Float64, Int64
from simulators.chiller.instrument_faults import INSTRUMENT_FAULT_KINDS
from simulators.chiller.physics import Wear
from simulators.clock import YEAR_D, Clock

Int8 = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
_WORST = 1.8
_NOTICED = 1.75
_UNDER_WAY_DAYS = 60.0
_SHARE_ARRESTED = 0.35
_ARRESTED = (0.2, 0.6)
_LONG_UNDER_WAY = 0.5
_FULL_USE = 0.5
_BACKGROUND_FOULING_PER_YEAR = 0.30


@dataclass(frozen=True, slots=True)
class Gradual:
    """A kind of fault that develops over ``days`` (a range, log-uniform) as progress to the power ``bend``.

    With ``by_use`` it stands still on days on which the machine does not run. Durations are judgement:
    strainer and oil filter 4–30 days, bearing 1–6 weeks, winding 1–4 weeks, leak weeks to months, scale
    months.
    """

    key: str
    days: tuple[float, float]
    bend: float
    by_use: bool = True


@dataclass(frozen=True, slots=True)
class Sudden:
    """A kind of fault without precursor; the controller reports ``code`` within seconds."""

    key: str
    code: str


GRADUAL = (
    Gradual("fouling", (40.0, 120.0), 1.0),
    Gradual("tower", (4.0, 30.0), 1.0),
    Gradual("strainer", (4.0, 30.0), 1.3),
    Gradual("leak", (25.0, 90.0), 1.0, by_use=False),
    Gradual("oil_filter", (4.0, 30.0), 1.3),
    Gradual("excess_oil", (20.0, 60.0), 1.0),
    Gradual("bearing", (7.0, 42.0), 1.6),
    Gradual("winding", (7.0, 28.0), 1.5),
    Gradual("heat_sink", (8.0, 30.0), 1.3),
    Gradual("air", (15.0, 60.0), 1.0, by_use=False),
    Gradual("overcharge", (1.0, 3.0), 1.0, by_use=False),
    Gradual("evaporator_flow", (4.0, 30.0), 1.3),
    Gradual("surge_line", (10.0, 40.0), 1.2),
)
SUDDEN = (
    Sudden("flow", "flow-switch"),
    Sudden("drive", "drive-fault"),
    Sudden("power", "power-loss"),
)
KINDS = (*(k.key for k in GRADUAL), *(k.key for k in SUDDEN), *(k.key for k in INSTRUMENT_FAULT_KINDS))
_BY_USE = np.array([k.by_use for k in GRADUAL])[:, None]
_BEND = np.array([k.bend for k in GRADUAL])[:, None]
_INDEX = {kind.key: i for i, kind in enumerate(GRADUAL)}


@dataclass(frozen=True, slots=True)
class Severity:
    """Severities (F, T, A) of the gradual faults in the order of ``GRADUAL``, and ``scale`` (T, A).

    ``scale`` is the light fouling that every condenser gathers between two services.
    """

    faults: Float64
    scale: Float64

    def developed(self, key: str) -> Float64:
        """Return the severity of one kind, shape (T, A)."""
        return np.asarray(self.faults[_INDEX[key]], np.float64)

    def take(self, columns: Int64) -> Severity:
        """Return the severities of the machines at ``columns``."""
        return Severity(self.faults[..., columns], self.scale[:, columns])

    def wear(self) -> Wear:
        """Return where these faults act on the refrigerant cycle."""
        return Wear(
            fouling=3.6 * self.developed("fouling") + self.scale,
            charge_lost=0.55 * self.developed("leak"),
            excess_oil=0.68 * self.developed("excess_oil"),
            condenser_flow_lost=0.5 * np.minimum(self.developed("strainer"), 1.2),
            evaporator_flow_lost=0.5 * np.minimum(self.developed("evaporator_flow"), 1.2),
            overcharge=0.4 * np.minimum(self.developed("overcharge"), 1.0),
            air=0.15 * self.developed("air"),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A fault of machine ``column`` that began, or ended for a ``reason`` (empty when it began)."""

    column: int
    kind: int
    reason: str = ""


class Faults:
    """The gradual faults of ``A`` machines, at most one of a kind on each at a time."""

    def __init__(self, rng: np.random.Generator, per_year: Float64, found_share: float = 0.3) -> None:
        """``per_year`` (F, A), as from ``rates_of``, is how often each kind begins on each machine."""
        self._rng, self._found_share = rng, found_share
        shape = per_year.shape
        with np.errstate(divide="ignore"):
            self._mean_wait_d = YEAR_D / per_year
        # Faults may be under way on the first day: waiting starts two months before it.
        self._onset_d = rng.standard_exponential(shape) * self._mean_wait_d - _UNDER_WAY_DAYS
        self.active = np.zeros(shape, bool)
        self._progress, self._per_day = np.zeros(shape), np.zeros(shape)
        self._ceiling, self._found_at = np.zeros(shape), np.zeros(shape)
        self._scale: Float64 = np.asarray(rng.uniform(0.0, _BACKGROUND_FOULING_PER_YEAR, shape[1]))
        self._scale_per_day = _BACKGROUND_FOULING_PER_YEAR / YEAR_D * rng.uniform(0.4, 1.6, shape[1])

    def advance(self, clock: Clock, day: int, use: Float64) -> tuple[Severity, list[Change]]:
        """Let one day pass; return its severities, and the faults that began or were found and must end.

        ``use`` (A,) is the share of the day before that each machine ran; half a day wears like a whole one.
        """
        begun = self._begin(day)
        before, scale = self._progress.copy(), self._scale
        pace = np.exp(self._rng.normal(-0.18, 0.6, before.shape)) * self._per_day
        pace = pace * np.where(_BY_USE, np.minimum(use / _FULL_USE, 1.0), 1.0)
        self._progress = np.where(self.active, np.minimum(before + pace, self._ceiling), 0.0)
        self._scale = scale + self._scale_per_day
        found = np.argwhere(self.active & (self._progress >= self._found_at))
        changes = begun + [Change(int(c), int(k), "found") for k, c in found]
        return self._over_the_day(clock, before, scale), changes

    @property
    def severities(self) -> Float64:
        """How far each fault (F, A) will have come at the end of the day."""
        return np.asarray(self._progress**_BEND, np.float64)

    def active_on(self, column: int) -> list[int]:
        """Return the kinds under way on one machine."""
        return [int(k) for k in np.flatnonzero(self.active[:, column])]

    def mend(self, column: int, kinds: list[int], day: int) -> None:
        """End faults of one machine; the next of each kind is drawn."""
        for kind in kinds:
            self.active[kind, column] = False
            self._progress[kind, column] = 0.0
            wait_d = self._rng.standard_exponential() * self._mean_wait_d[kind, column]
            self._onset_d[kind, column] = day + 1 + wait_d

    def clean(self, column: int) -> None:
        """Brush the condenser tubes of one machine."""
        self._scale[column] = 0.0

    def _begin(self, day: int) -> list[Change]:
        new = np.argwhere(~self.active & (self._onset_d < day + 1)).tolist()
        return [Change(column, kind) for kind, column in new if self._start(kind, column, day)]

    def _start(self, kind: int, column: int, day: int) -> bool:
        """Begin a fault, unless it was far on before the first day: then it has been mended by now."""
        rng, at = self._rng, (kind, column)
        low, high = np.log(GRADUAL[kind].days)
        duration_d = np.exp(rng.uniform(low, high))
        fate, found, arrested = rng.uniform(0.0, 1.0, 3)
        progress = max(-self._onset_d[at], 0.0) / duration_d if day == 0 else 0.0
        if progress > _LONG_UNDER_WAY:
            self.mend(column, [kind], day)
            return False
        self.active[at] = True
        self._per_day[at] = 1.0 / duration_d
        low, high = _ARRESTED
        self._ceiling[at] = low + (high - low) * arrested if fate < _SHARE_ARRESTED else _WORST
        self._progress[at] = min(progress, self._ceiling[at])
        is_found = _SHARE_ARRESTED <= fate < _SHARE_ARRESTED + self._found_share
        self._found_at[at] = 0.35 + 0.65 * found if is_found else _NOTICED
        return True

    def _over_the_day(self, clock: Clock, before: Float64, scale: Float64) -> Severity:
        share = np.arange(clock.steps)[:, None] / clock.steps
        first, last = before**_BEND, self.severities
        faults = first[:, None] + share * (last - first)[:, None]
        return Severity(faults, scale + share * (self._scale - scale))


def rates_of(rates: Mapping[str, float], draws_air: Flags) -> Float64:
    """Return how often each gradual fault begins on each machine, per year, shape (F, A).

    Air gets only into machines whose evaporator is below the pressure of the air: ``draws_air`` (A,).
    """
    out = np.array([np.full(len(draws_air), rates.get(k.key, 0.0)) for k in GRADUAL])
    out[_INDEX["air"]] *= draws_air
    return out


class Strikes:
    """Sudden failures: every step of a running chiller is as likely as any other to be the last."""

    def __init__(self, rng: np.random.Generator, rates: Mapping[str, float], assets: int) -> None:
        self._rng, self._assets = rng, assets
        self._per_year = np.array([rates.get(k.key, 0.0) for k in SUDDEN])

    def day(self, clock: Clock) -> Int8:
        """Return (T, A): 0, or one more than the index in ``SUDDEN`` of what fails at that step."""
        per_step = self._per_year / (YEAR_D * clock.steps)
        draw = self._rng.random((clock.steps, self._assets))
        edges = np.cumsum(per_step)
        kind = np.searchsorted(edges, draw, side="right")
        return np.where(kind < len(SUDDEN), kind + 1, 0).astype(np.int8)
