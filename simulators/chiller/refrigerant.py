"""Refrigerants: saturation and isentropic compression, tabulated once and interpolated linearly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import CoolProp
import numpy as np
import numpy.typing as npt
from CoolProp.CoolProp import AbstractState

from models.telemetry.samples import Float64

Cells = npt.NDArray[np.intp]
_KELVIN = 273.15
_BAR_PA = 1e5
_EVAPORATING_C = np.arange(-30.0, 36.0, 2.0)
_CONDENSING_C = np.arange(0.0, 84.0, 2.0)
_SATURATION_C = np.arange(-40.0, 90.5, 0.5)
_LEAST_LIFT_K = 1.0
NAMES = ("R134a", "R1233zd(E)")


@dataclass(frozen=True, slots=True)
class Axis:
    """Equally spaced points of a table: ``start``, ``start + step``, …, ``count`` of them."""

    start: float
    step: float
    count: int

    def locate(self, x: Float64) -> tuple[Cells, Float64]:
        """Return the cell of each ``x`` and the share of the cell passed; outside, the table's end."""
        at = np.clip((x - self.start) / self.step, 0.0, self.count - 1.000001)
        cell = at.astype(np.intp)
        return cell, at - cell


def _axis(points: Float64) -> Axis:
    return Axis(float(points[0]), float(points[1] - points[0]), len(points))


@dataclass(frozen=True, slots=True)
class Refrigerant:
    """Tables of all refrigerants; temperatures in °C, pressures in bar absolute, enthalpies in kJ/kg.

    ``which`` says which one is meant, by its number in ``NAMES``; it broadcasts with what is asked.

    >>> r = refrigerant_of(np.array(0.0))
    >>> round(float(r.pressure_bar(np.array(0.0))), 3)
    2.928
    >>> round(r.saturation_c(6.0), 1)
    21.6
    """

    saturation: Float64
    compression: Float64
    which: Cells

    def pressure_bar(self, saturation_c: Float64) -> Float64:
        """Return the saturation pressure."""
        return self._saturated(0, saturation_c)

    def liquid_kj(self, saturation_c: Float64) -> Float64:
        """Return the enthalpy of saturated liquid."""
        return self._saturated(1, saturation_c)

    def vapour_kj(self, saturation_c: Float64) -> Float64:
        """Return the enthalpy of saturated vapour."""
        return self._saturated(2, saturation_c)

    def saturation_c(self, pressure_bar: float) -> float:
        """Return the saturation temperature of one refrigerant at one pressure."""
        table = self.saturation[0].reshape(len(NAMES), -1)[int(self.which)]
        return float(np.interp(pressure_bar, table, _SATURATION_C))

    def isentropic(self, evaporating_c: Float64) -> Isentropic:
        """Return compression that starts from saturated vapour at these temperatures."""
        cell, share = _axis(_EVAPORATING_C).locate(evaporating_c)
        return Isentropic(self.compression, self.which * len(_EVAPORATING_C) + cell, share)

    def _saturated(self, row: int, saturation_c: Float64) -> Float64:
        cell, share = _axis(_SATURATION_C).locate(saturation_c)
        table = self.saturation[row]
        cell = cell + self.which * len(_SATURATION_C)
        below = table[cell]
        return np.asarray(below + share * (table[cell + 1] - below), np.float64)


@dataclass(frozen=True, slots=True)
class Isentropic:
    """Compression from fixed evaporating temperatures, asked at several condensing temperatures."""

    compression: Float64
    cell: Cells
    share: Float64

    def rise_kj(self, condensing_c: Float64) -> Float64:
        """Return the isentropic rise of enthalpy, kJ/kg."""
        return self._at(0, condensing_c)

    def discharge_c(self, condensing_c: Float64, loss_kj: Float64) -> Float64:
        """Return the discharge temperature when ``loss_kj`` comes on top of the isentropic rise."""
        return self._at(1, condensing_c) + loss_kj / self._at(2, condensing_c)

    def _at(self, quantity: int, condensing_c: Float64) -> Float64:
        column, across = _axis(_CONDENSING_C).locate(condensing_c)
        table = self.compression[quantity].ravel()
        at = self.cell * len(_CONDENSING_C) + column
        low = table[at] + across * (table[at + 1] - table[at])
        at += len(_CONDENSING_C)
        high = table[at] + across * (table[at + 1] - table[at])
        return np.asarray(low + self.share * (high - low), np.float64)


def refrigerant_of(numbers: Float64) -> Refrigerant:
    """Return the tables, asked for the refrigerant of each machine, by its number in ``NAMES``."""
    return replace(_tables(), which=numbers.astype(np.intp))


@lru_cache(maxsize=1)
def _tables() -> Refrigerant:
    """Return tables from CoolProp's equations of state (Tillner-Roth & Baehr 1994; Mondéjar et al. 2015)."""
    saturation, compression = [], []
    for name in NAMES:
        state = AbstractState("HEOS", name)
        saturation += [_saturated_at(state, t) for t in _SATURATION_C]
        compression += [[_compressed(state, e, c) for c in _CONDENSING_C] for e in _EVAPORATING_C]
    return Refrigerant(
        np.ascontiguousarray(np.array(saturation).T),
        np.ascontiguousarray(np.array(compression).transpose(2, 0, 1)),
        np.array(0),
    )


def _saturated_at(state: AbstractState, temperature_c: float) -> tuple[float, float, float]:
    state.update(CoolProp.QT_INPUTS, 0.0, temperature_c + _KELVIN)
    pressure_bar, liquid_kj = state.p() / _BAR_PA, state.hmass() / 1e3
    state.update(CoolProp.QT_INPUTS, 1.0, temperature_c + _KELVIN)
    return pressure_bar, liquid_kj, state.hmass() / 1e3


def _compressed(
    state: AbstractState, evaporating_c: float, condensing_c: float
) -> tuple[float, float, float]:
    """Return rise (kJ/kg), temperature (°C) and heat capacity (kJ/kg/K) after isentropic compression.

    R1233zd(E) ends wet, where a heat capacity means nothing: that of its saturated vapour stands there.
    """
    state.update(CoolProp.QT_INPUTS, 1.0, max(condensing_c, evaporating_c + _LEAST_LIFT_K) + _KELVIN)
    pressure_pa, vapour_kj_k = state.p(), state.cpmass() / 1e3
    state.update(CoolProp.QT_INPUTS, 1.0, evaporating_c + _KELVIN)
    inlet_kj, entropy = state.hmass() / 1e3, state.smass()
    state.update(CoolProp.PSmass_INPUTS, pressure_pa, entropy)
    is_wet = state.phase() == CoolProp.iphase_twophase
    heat_kj_k = vapour_kj_k if is_wet else state.cpmass() / 1e3
    return state.hmass() / 1e3 - inlet_kj, state.T() - _KELVIN, heat_kj_k
