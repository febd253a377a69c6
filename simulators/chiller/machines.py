"""Chillers as they were built: models, their safety set-points, and the spread between two of a kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Float64, Int64
from simulators.chiller.refrigerant import NAMES, Refrigerant, refrigerant_of

WATER_KJ = 4.19
SUPPLY_V = 400.0
RATED_LEAVING_C = 6.7
RATED_ENTERING_C = 29.4
RATED_CHILLED_K = 5.6
RATED_CONDENSER_K = 5.5
_RATED_NTU_EVAPORATOR = 1.41
_RATED_NTU_CONDENSER = 1.57
_EFFICIENCY_PER_COP = 0.805 / 5.85
_DRIVE_EFFICIENCY = 0.97
_REJECTION = 1.16
_FULL_LOAD_MARGIN = 1.2
_RATED_POWER_FACTOR = 0.9
_COLDEST_CONDENSER_C = 18.3
_PSI_BAR = 0.0689476
_ATMOSPHERE_BAR = 1.01325


def gauge(psig: float) -> float:
    """Return bar absolute.

    >>> round(gauge(180.0), 2)
    13.42
    """
    return psig * _PSI_BAR + _ATMOSPHERE_BAR


@dataclass(frozen=True, slots=True)
class Model:
    """A type of chiller: rated capacity, its share of a fleet, and its controller's set-points.

    ``cop`` is that of the compressor without a drive; ``size`` multiplies the conductance of both exchangers.

    ``low_evaporator_strikes`` cycling shutdowns on low evaporator pressure make one safety shutdown.
    """

    name: str
    capacity_kw: float
    share: float
    high_condenser_bar: float
    override_bar: float
    low_evaporator_bar: float
    low_evaporator_strikes: int
    cop: float = 5.85
    size: float = 1.0
    has_drive: bool = False
    refrigerant: str = "R134a"

    @property
    def nameplate(self) -> dict[str, str]:
        """What the inventory says of a machine of this model."""
        drive = "variable speed" if self.has_drive else "fixed speed"
        return {"model": self.name, "refrigerant": self.refrigerant, "drive": drive}


_YORK = (gauge(180.0), gauge(160.0), gauge(25.0), 3)
_CARRIER = (gauge(215.0), gauge(195.0), 2.99, 1)
_LOW_PRESSURE = (2.93, 2.61, 0.49, 1)
# Published set-points: 180 psig, override released at 160 (York YK); 25.0 psig, three strikes (YMC2);
# 215 psig and a refrigerant temperature of 33 °F, 2.99 bar (Carrier 19XL); the 195 psig override is ours.
# R1233zd(E): 33 °F again; condensing at 50 °C, its override at 46 °C, as R134a at 180 and 160 psig, is ours.
MODELS = (
    Model("C-350", 1231.0, 0.20, *_YORK),
    Model("C-500", 1758.0, 0.16, *_YORK),
    Model("C-700", 2462.0, 0.10, *_CARRIER),
    Model("C-250", 879.0, 0.08, *_YORK, cop=5.6, size=0.96),
    Model("C-1000", 3517.0, 0.06, *_CARRIER, cop=6.1, size=1.04),
    Model("V-300", 1055.0, 0.08, *_YORK, cop=5.9, has_drive=True),
    Model("V-400", 1407.0, 0.09, *_YORK, cop=6.0, has_drive=True),
    Model("V-600", 2110.0, 0.08, *_CARRIER, cop=6.1, size=1.03, has_drive=True),
    Model("V-1200", 4220.0, 0.04, *_CARRIER, cop=6.3, size=1.06, has_drive=True),
    Model("Z-350", 1231.0, 0.04, *_LOW_PRESSURE, cop=6.1, size=1.03, refrigerant="R1233zd(E)"),
    Model("ZV-500", 1758.0, 0.04, *_LOW_PRESSURE, 6.3, 1.05, has_drive=True, refrigerant="R1233zd(E)"),
    Model("ZV-800", 2813.0, 0.03, *_LOW_PRESSURE, 6.2, 1.06, has_drive=True, refrigerant="R1233zd(E)"),
)


@dataclass(frozen=True, slots=True)
class Machines:
    """``A`` chillers; every field has shape (A,).

    Conductances ``ua_*`` and heat capacity rates ``stream_*`` are in kW/K. ``rise_kj`` is the isentropic rise
    at the rated point; a compressor is at its best at ``best_head`` of it. ``*_c`` and ``*_k`` are °C and K,
    pressures bar absolute.
    """

    capacity_kw: Float64
    ua_evaporator: Float64
    ua_condenser: Float64
    stream_evaporator: Float64
    stream_condenser: Float64
    efficiency: Float64
    motor_efficiency: Float64
    full_load_kw: Float64
    rise_kj: Float64
    subcooler_ntu: Float64
    setpoint_c: Float64
    oil_bar: Float64
    sump_c: Float64
    bearing_k: Float64
    winding_k: Float64
    sink_k: Float64
    surge_head: Float64
    high_condensing_c: Float64
    override_c: Float64
    low_evaporating_c: Float64
    low_evaporator_strikes: Float64
    full_load_a: Float64
    has_drive: Float64
    refrigerant: Float64
    part_loss: Float64
    lift_loss: Float64
    best_head: Float64
    hot_phase: Float64
    coldest_condenser_c: Float64

    @property
    def draws_air(self) -> npt.NDArray[np.bool_]:
        """Whether the evaporator is below the pressure of the air, shape (A,)."""
        return np.asarray(self.refrigerant == NAMES.index("R1233zd(E)"), np.bool_)

    def take(self, columns: Int64) -> Machines:
        """Return the machines at ``columns``."""
        return Machines(*(getattr(self, f.name)[columns] for f in fields(self)))


def rated(model: Model) -> Machines:
    """Return one machine of ``model`` exactly as designed, every field of shape (1,)."""
    return _build((model,), lambda _sigma: np.ones(1), _Site(np.zeros(1), np.full(1, _COLDEST_CONDENSER_C)))


def draw_models(rng: np.random.Generator, count: int) -> tuple[Model, ...]:
    """Draw the models of ``count`` plants, each by its share."""
    return tuple(MODELS[i] for i in rng.choice(len(MODELS), count, p=[m.share for m in MODELS]))


def draw_machines(
    rng: np.random.Generator, models: tuple[Model, ...], plant_of: Int64, coldest_condenser_c: Float64
) -> Machines:
    """Draw a machine of each model (A,), with the spread of manufacture and site.

    ``plant_of`` (A,) is the plant of each machine, ``coldest_condenser_c`` (P,) that of its condenser water.
    """
    count = len(models)
    site = _Site(rng.normal(0.0, 0.6, len(coldest_condenser_c))[plant_of], coldest_condenser_c[plant_of])
    return _build(models, lambda sigma: np.exp(rng.normal(0.0, sigma, count)), site)


class _Site(NamedTuple):
    """What the plant sets, shapes (A,): chilled water above the rated, and the coldest condenser water."""

    setpoint_k: Float64
    coldest_condenser_c: Float64


def _build(models: tuple[Model, ...], factor: Callable[[float], Float64], site: _Site) -> Machines:
    capacity = np.array([m.capacity_kw for m in models]) * factor(0.03)
    cop, driven = np.array([m.cop for m in models]), np.array([m.has_drive for m in models])
    full_load_kw = capacity / cop * _FULL_LOAD_MARGIN
    return Machines(
        capacity_kw=capacity,
        **_exchangers(capacity, np.array([m.size for m in models]), factor),
        efficiency=_EFFICIENCY_PER_COP * cop * factor(0.02),
        motor_efficiency=0.945 * np.where(driven, _DRIVE_EFFICIENCY, 1.0) * factor(0.005),
        full_load_kw=full_load_kw,
        rise_kj=np.array([_rated_rise_kj(m) for m in models]),
        subcooler_ntu=0.85 * factor(0.08),
        setpoint_c=np.clip(np.round((RATED_LEAVING_C + site.setpoint_k) * 2.0) / 2.0 + 0.2, 5.7, 8.7),
        **_compressors(factor),
        full_load_a=full_load_kw * 1e3 / (np.sqrt(3.0) * SUPPLY_V * _RATED_POWER_FACTOR),
        refrigerant=np.array([float(NAMES.index(m.refrigerant)) for m in models]),
        # The winding that runs hottest: any of the three, as good as drawn.
        hot_phase=np.floor(capacity) % 3,
        coldest_condenser_c=site.coldest_condenser_c,
        **_drives(driven),
        **_setpoints(models),
    )


def _exchangers(
    capacity_kw: Float64, size: Float64, factor: Callable[[float], Float64]
) -> dict[str, Float64]:
    """Draw the heat exchangers of machines of some capacity, and the streams of water through them."""
    stream_e = capacity_kw / RATED_CHILLED_K
    stream_c = capacity_kw * _REJECTION / RATED_CONDENSER_K
    return {
        "ua_evaporator": _RATED_NTU_EVAPORATOR * size * stream_e * factor(0.05),
        "ua_condenser": _RATED_NTU_CONDENSER * size * stream_c * factor(0.05),
        "stream_evaporator": stream_e * factor(0.03),
        "stream_condenser": stream_c * factor(0.03),
    }


def _compressors(factor: Callable[[float], Float64]) -> dict[str, Float64]:
    """Draw what oil, bearings and windings show at the rated point, and the head at which it surges."""
    return {
        "oil_bar": 2.28 * factor(0.06),
        "sump_c": 53.0 * factor(0.035),
        "bearing_k": 6.0 * factor(0.2),
        "winding_k": 42.0 * factor(0.14),
        "sink_k": 17.0 * factor(0.1),
        "surge_head": 1.0 * factor(0.02),
    }


def _drives(driven: npt.NDArray[np.bool_]) -> dict[str, Float64]:
    """Return what a drive changes: it slows the compressor, and part load and low lift cost less.

    Vanes would throttle it.
    """
    return {
        "has_drive": driven.astype(np.float64),
        "part_loss": np.where(driven, 0.15, 0.30),
        "lift_loss": np.where(driven, 0.4, 0.7),
        "best_head": np.where(driven, 0.55, 0.75),
    }


def _setpoints(models: tuple[Model, ...]) -> dict[str, Float64]:
    def saturated(bars: Callable[[Model], float]) -> Float64:
        return np.array([_refrigerant(m).saturation_c(bars(m)) for m in models])

    return {
        "high_condensing_c": saturated(lambda m: m.high_condenser_bar),
        "override_c": saturated(lambda m: m.override_bar),
        "low_evaporating_c": saturated(lambda m: m.low_evaporator_bar),
        "low_evaporator_strikes": np.array([float(m.low_evaporator_strikes) for m in models]),
    }


def _rated_rise_kj(model: Model) -> float:
    """Return the isentropic rise between the rated evaporating (4.9 °C) and condensing (36.4 °C) states."""
    return float(_refrigerant(model).isentropic(np.array(4.9)).rise_kj(np.array(36.4)))


def _refrigerant(model: Model) -> Refrigerant:
    return refrigerant_of(np.array(float(NAMES.index(model.refrigerant))))
