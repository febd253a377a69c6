"""The laboratory tests of ASHRAE RP-1043, repeated on the model: 27 conditions, seven faults at four levels.

Conditions, levels and signs: Comstock & Braun 1999; increase of power: the regression of Cheung & Braun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from models.telemetry.samples import Float64
from simulators.chiller.machines import MODELS, Machines, rated
from simulators.chiller.physics import Steady, Wear, steady

LOADS = (0.27, 0.6, 1.0)
# The corners and middles of the tests: leaving chilled water, entering condenser water, share of rated load.
LEAVING_C, ENTERING_C, LOAD = (
    axis.ravel() for axis in np.meshgrid([4.0, 7.8, 11.6], [17.8, 23.9, 30.0], LOADS)
)
STAYS_WITHIN_K = 0.5
_KELVIN = 273.15


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault of the laboratory: the levels tested, as shares, and what a level is in ``Wear``."""

    code: str
    levels: tuple[float, ...]
    size: Callable[[float], float] = lambda level: level


FLOW_LEVELS = (0.1, 0.2, 0.3, 0.4)
TRIALS = {
    "condenser_flow_lost": Trial("FWC", FLOW_LEVELS),
    "evaporator_flow_lost": Trial("FWE", FLOW_LEVELS),
    "charge_lost": Trial("RL", FLOW_LEVELS),
    "overcharge": Trial("RO", FLOW_LEVELS),
    "fouling": Trial("CF", (0.12, 0.2, 0.3, 0.45), lambda share: 1.48 * share**2.03),
    "excess_oil": Trial("EO", (0.14, 0.32, 0.5, 0.68)),
    "air": Trial("NC", (0.01, 0.02, 0.03, 0.05)),
}
# Coefficients c1 to c5 of the published increase of power; there are none for the other faults.
REGRESSION = {
    "fouling": (-4.278, -0.02031, 0.03281, 0.6404, 0.05028),
    "air": (-18.86, -0.1033, 0.1616, 0.3135, 3.15),
    "overcharge": (-8.854, -0.01228, 0.04126, 0.2838, 0.1807),
    "excess_oil": (-6.513, -0.008258, 0.02976, 0.007701, 0.0),
}
QUANTITIES: dict[str, Callable[[Steady], Float64]] = {
    "condenser rise": lambda s: s.condenser_leaving_c - s.condenser_entering_c,
    "chilled water ΔT": lambda s: s.chilled_entering_c - s.chilled_leaving_c,
    "condensing": lambda s: s.condensing_c,
    "evaporating": lambda s: s.evaporating_c,
    "condenser approach": lambda s: s.condensing_c - s.condenser_leaving_c,
    "evaporator approach": lambda s: s.chilled_leaving_c - s.evaporating_c,
    "subcooling": lambda s: s.subcooling_k,
    "discharge": lambda s: s.discharge_c,
    "power": lambda s: s.power_kw,
}
# What each fault moved: up (1), down (-1), or not (0, within STAYS_WITHIN_K).
SIGNS = (
    ("condenser_flow_lost", "condenser rise", 1),
    ("condenser_flow_lost", "condensing", 1),
    ("condenser_flow_lost", "discharge", 1),
    ("condenser_flow_lost", "power", 1),
    ("condenser_flow_lost", "condenser approach", 0),
    ("evaporator_flow_lost", "chilled water ΔT", 1),
    ("evaporator_flow_lost", "power", -1),
    ("evaporator_flow_lost", "evaporator approach", 0),
    ("charge_lost", "evaporator approach", 1),
    ("charge_lost", "power", 1),
    ("charge_lost", "subcooling", -1),
    ("charge_lost", "condenser approach", -1),
    ("charge_lost", "evaporating", -1),
    ("overcharge", "subcooling", 1),
    ("overcharge", "condensing", 1),
    ("overcharge", "condenser approach", 1),
    ("overcharge", "power", 1),
    ("fouling", "condenser approach", 1),
    ("fouling", "condensing", 1),
    ("fouling", "discharge", 1),
    ("fouling", "power", 1),
    ("fouling", "subcooling", 0),
    ("air", "condensing", 1),
    ("air", "condenser approach", 1),
    ("air", "subcooling", 1),
    ("air", "discharge", 1),
    ("air", "power", 1),
    ("excess_oil", "evaporator approach", 1),
    ("excess_oil", "power", 1),
)


def wear(**faults: float) -> Wear:
    """Return wear of these sizes and no other."""
    return Wear(**{f.name: np.array(faults.get(f.name, 0.0)) for f in fields(Wear)})


def laboratory_states(machines: Machines, **faults: float) -> Steady:
    """Return the states under the 27 conditions; fields of ``machines`` have shape (1,) or (A, 1)."""
    return steady(machines, LOAD, LEAVING_C, ENTERING_C, wear(**faults))


def agrees(change: Float64, sign: int) -> Float64:
    """Return 1 where a change has the sign it had in the laboratory, else 0.

    >>> agrees(np.array([0.2, -0.2, 0.9]), 0).tolist()
    [1.0, 1.0, 0.0]
    """
    right = np.sign(change) == sign if sign else np.abs(change) < STAYS_WITHIN_K
    return right.astype(np.float64)


def agreement(fault: str, quantity: str, sign: int) -> tuple[int, ...]:
    """Return for each level in how many of the 27 conditions the reference machine has the right sign."""
    machine, value, test = rated(MODELS[0]), QUANTITIES[quantity], TRIALS[fault]
    sound = value(laboratory_states(machine))
    changes = (value(laboratory_states(machine, **{fault: test.size(x)})) - sound for x in test.levels)
    return tuple(int(agrees(change, sign).sum()) for change in changes)


def penalty(fault: str, level: float) -> Float64:
    """Return the relative increase of the reference machine's power under the 27 conditions."""
    machine, size = rated(MODELS[0]), TRIALS[fault].size
    ratio = laboratory_states(machine, **{fault: size(level)}).power_kw / laboratory_states(machine).power_kw
    return np.asarray(ratio - 1.0, np.float64)


def published(fault: str, level: float) -> Float64:
    """Return the published relative increase of power under the 27 conditions (temperatures in K)."""
    c1, c2, c3, c4, c5 = REGRESSION[fault]
    inner = c1 + c2 * (LEAVING_C + _KELVIN) + c3 * (ENTERING_C + _KELVIN) + c4 * LOAD + c5 * LOAD**2
    return np.asarray((level * inner) ** 2, np.float64)


def error_points(fault: str, load: float | None = None) -> float:
    """Return the root mean square error of the penalty over all levels, at one load or all, in points."""
    at = np.full(LOAD.shape, True) if load is None else load == LOAD
    errors = [(penalty(fault, x) - published(fault, x))[at] for x in TRIALS[fault].levels]
    return float(100 * np.sqrt(np.mean(np.square(errors))))
