"""What a chiller's instruments see inside: the quantities that follow the steady state with a lag."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np

from models.frames import Float64, Int64
from simulators.climate import Air
from simulators.faults import Int8, Severity
from simulators.load import Demand
from simulators.machines import Machines
from simulators.physics import Steady, Wear, steady

_TOWER_APPROACH_K = 3.0
_TOWER_LOAD_K = 1.6
_COLDEST_CONDENSER_C = 18.3
_FULL_CURRENT = 1.0
_LEAST_CAPACITY = 0.88
_WARMING_K = 7.0
_MINUTE_S = 60.0
_HOT_GAS_LOAD = 0.18
_PURGE_MIN = 4.0
_PURGE_PER_AIR = 400.0


class Channel(IntEnum):
    """Rows of every state array (K, A)."""

    EVAPORATING = 0
    CONDENSING = auto()
    CHILLED_LEAVING = auto()
    CHILLED_ENTERING = auto()
    CONDENSER_ENTERING = auto()
    CONDENSER_LEAVING = auto()
    SUBCOOLING = auto()
    DISCHARGE = auto()
    SUMP = auto()
    BEARING = auto()
    WINDING = auto()
    HEAT_SINK = auto()
    OIL_PRESSURE = auto()
    CONDENSER_FLOW = auto()
    VANE = auto()
    MOTOR_LOAD = auto()
    POWER = auto()
    SURGE = auto()
    CHILLED_FLOW = auto()
    HEAD = auto()
    SPEED = auto()
    HOT_GAS = auto()
    EVAPORATOR_LEVEL = auto()
    CONDENSER_LEVEL = auto()
    LEVEL_VALVE = auto()
    THRUST = auto()
    WINDING_SPREAD = auto()
    PURGE = auto()


# Time constants in minutes, running and stopped: judgement (pressures 1–2, water 5–10, oil and windings 20–30
# while running; a stopped machine equalises in 40 minutes and cools over hours).
_LAG_MIN: dict[Channel, tuple[float, float]] = {
    Channel.EVAPORATING: (1.5, 40.0),
    Channel.CONDENSING: (1.5, 40.0),
    Channel.CHILLED_LEAVING: (7.0, 40.0),
    Channel.CHILLED_ENTERING: (7.0, 40.0),
    Channel.CONDENSER_ENTERING: (10.0, 40.0),
    Channel.CONDENSER_LEAVING: (7.0, 40.0),
    Channel.SUBCOOLING: (5.0, 10.0),
    Channel.DISCHARGE: (3.0, 60.0),
    Channel.SUMP: (25.0, 240.0),
    Channel.BEARING: (25.0, 90.0),
    Channel.WINDING: (25.0, 60.0),
    Channel.HEAT_SINK: (20.0, 30.0),
    Channel.OIL_PRESSURE: (0.5, 0.5),
    Channel.CONDENSER_FLOW: (0.5, 0.5),
    Channel.VANE: (1.0, 1.0),
    Channel.MOTOR_LOAD: (0.5, 0.5),
    Channel.POWER: (0.5, 0.5),
    Channel.SURGE: (30.0, 10.0),
    Channel.CHILLED_FLOW: (0.5, 0.5),
    Channel.HEAD: (1.5, 10.0),
    Channel.SPEED: (1.0, 1.0),
    Channel.HOT_GAS: (2.0, 2.0),
    Channel.EVAPORATOR_LEVEL: (10.0, 40.0),
    Channel.CONDENSER_LEVEL: (10.0, 40.0),
    Channel.LEVEL_VALVE: (2.0, 2.0),
    Channel.THRUST: (1.0, 5.0),
    Channel.WINDING_SPREAD: (25.0, 60.0),
    Channel.PURGE: (720.0, 720.0),
}


@dataclass(frozen=True, slots=True)
class Duty:
    """What one day asks of the machines: outdoor air, demand and the faults they carry; arrays (T, A)."""

    air: Air
    demand: Demand
    severity: Severity

    def take(self, columns: Int64) -> Duty:
        """Return the duty of the machines at ``columns``."""
        air = Air(self.air.wet_bulb_c[:, columns], self.air.dry_bulb_c[:, columns])
        demand = Demand(self.demand.load[:, columns], self.demand.wanted[:, columns])
        return Duty(air, demand, self.severity.take(columns))


@dataclass(frozen=True, slots=True)
class Operation:
    """Where running machines tend to: ``goal`` (T, K, A), and ``limited`` (T, A): 0, or 1 + an override."""

    goal: Float64
    limited: Int8


OVERRIDES = ("high-condenser-pressure", "high-motor-current")


def lags(period_s: int) -> tuple[Float64, Float64]:
    """Return the share (K,) of the way to the goal covered in one period, running and stopped."""
    minutes = np.array([_LAG_MIN[c] for c in Channel])
    share = -np.expm1(-period_s / _MINUTE_S / minutes)
    return np.ascontiguousarray(share[:, 0]), np.ascontiguousarray(share[:, 1])


def operate(machines: Machines, duty: Duty) -> Operation:
    """Return where the machines tend to while they run, their overrides included.

    An override closes the guide vanes, to no less than 88 % of the demand, while condensing temperature or
    motor current is beyond its override point (York YK: the condenser override begins below the trip).
    """
    demand = duty.demand.load
    wear = duty.severity.wear()
    tower_k = 17.0 * np.minimum(duty.severity.of("tower"), 1.0)
    state = _balance(machines, demand, demand, duty.air.wet_bulb_c + tower_k, wear)
    limited = _overrides(machines, state) * duty.demand.wanted
    rows = np.nonzero(limited)
    if len(rows[0]):
        place = machines.take(rows[1]), demand[rows], (duty.air.wet_bulb_c + tower_k)[rows], wear.take(rows)
        state.put(rows, _relieved(*place))
    return Operation(_running(machines, duty, state), limited.astype(np.int8))


def standstill(machines: Machines, air: Air) -> Float64:
    """Return where stopped machines tend to, shape (T, K, A): room and loop temperatures, pressures equal."""
    room = _room_c(air)
    loop = 15.0 + 0.15 * (room - 20.0)
    tower = np.clip(0.5 * air.wet_bulb_c + 0.5 * room, 8.0, None)
    equal = 0.7 * loop + 0.3 * tower
    rows = {
        Channel.EVAPORATING: equal,
        Channel.CONDENSING: equal + 0.1,
        Channel.CHILLED_LEAVING: equal + 0.1 * (loop - equal),
        Channel.CHILLED_ENTERING: loop + 0.4,
        Channel.CONDENSER_ENTERING: tower,
        Channel.CONDENSER_LEAVING: equal + 0.1 * (tower - equal),
        Channel.DISCHARGE: room + 8.0,
        Channel.SUMP: machines.sump_c + 3.0,
        Channel.BEARING: 0.5 * (machines.sump_c + room),
        Channel.WINDING: room + 4.0,
        Channel.HEAT_SINK: room,
        Channel.EVAPORATOR_LEVEL: np.full_like(room, 62.0),
        Channel.CONDENSER_LEVEL: np.full_like(room, 20.0),
    }
    return _stack(rows, room.shape)


def _overrides(machines: Machines, state: Steady) -> Int8:
    pressure, current = state.condensing_c > machines.override_c, state.motor_load > _FULL_CURRENT
    return np.where(pressure, 1, np.where(current, 2, 0)).astype(np.int8)


def _balance(machines: Machines, demand: Float64, load: Float64, wet_bulb_c: Float64, wear: Wear) -> Steady:
    """Return the steady state at ``load``; chilled water warms by what is lacking to the ``demand``."""
    entering_c = np.maximum(wet_bulb_c + _TOWER_APPROACH_K + _TOWER_LOAD_K * load, _COLDEST_CONDENSER_C)
    leaving_c = machines.setpoint_c + _WARMING_K * np.maximum(demand - load, 0.0)
    return steady(machines, load, leaving_c, entering_c, wear)


def _relieved(machines: Machines, demand: Float64, wet_bulb_c: Float64, wear: Wear) -> Steady:
    """Return the state at the load that brings pressure and current to their overrides, or at the least."""
    full = _balance(machines, demand, demand, wet_bulb_c, wear)
    least = _balance(machines, demand, _LEAST_CAPACITY * demand, wet_bulb_c, wear)
    share = np.minimum(
        _crossing(full.condensing_c, least.condensing_c, machines.override_c),
        _crossing(full.motor_load, least.motor_load, np.full_like(demand, _FULL_CURRENT)),
    )
    load = demand * (_LEAST_CAPACITY + (1.0 - _LEAST_CAPACITY) * share)
    return _balance(machines, demand, load, wet_bulb_c, wear)


def _crossing(full: Float64, least: Float64, limit: Float64) -> Float64:
    """Return how far from least (0) to full (1) capacity the straight line between them meets the limit."""
    return np.clip((limit - least) / np.maximum(full - least, 1e-9), 0.0, 1.0)


def _running(machines: Machines, duty: Duty, state: Steady) -> Float64:
    load, motor = state.load, state.motor_load
    wear, of = duty.severity.wear(), duty.severity.of
    room = _room_c(duty.air)
    sump = machines.sump_c + 5.0 * (motor - 0.7) + 0.15 * (room - 20.0)
    sump = sump + 8.0 * wear.excess_oil + 3.0 * of("bearing")
    thin_oil = 1.0 - 0.006 * (sump - 53.0)
    pumped = (1.0 - 0.55 * of("oil_filter")) * (1.0 - 0.5 * wear.excess_oil)
    winding = room + 6.0 + machines.winding_k * motor**2 * (1.0 + 2.8 * of("winding"))
    speed = np.clip(0.3 + 0.45 * np.sqrt(np.maximum(state.head, 0.0)) + 0.25 * load, 0.5, 1.0)
    line = machines.surge_head * (1.0 - 0.22 * of("surge_line"))
    margin = state.head - line * (0.95 + 0.55 * load)
    rows = {
        Channel.EVAPORATING: state.evaporating_c,
        Channel.CONDENSING: state.condensing_c,
        Channel.CHILLED_LEAVING: state.chilled_leaving_c,
        Channel.CHILLED_ENTERING: state.chilled_entering_c,
        Channel.CONDENSER_ENTERING: state.condenser_entering_c,
        Channel.CONDENSER_LEAVING: state.condenser_leaving_c,
        Channel.SUBCOOLING: state.subcooling_k,
        Channel.DISCHARGE: state.discharge_c,
        Channel.SUMP: sump,
        Channel.BEARING: sump + machines.bearing_k * (0.4 + 0.6 * motor) + 25.0 * of("bearing"),
        Channel.WINDING: winding,
        Channel.HEAT_SINK: room + 6.0 + machines.sink_k * motor * (1.0 + 2.7 * of("heat_sink")),
        Channel.OIL_PRESSURE: machines.oil_bar * pumped * thin_oil,
        Channel.CONDENSER_FLOW: 1.0 - wear.condenser_flow_lost,
        Channel.VANE: np.clip(80.0 * load**1.2 * (0.6 + 0.4 * state.head), 5.0, 100.0),
        Channel.MOTOR_LOAD: 100.0 * motor,
        Channel.POWER: state.power_kw,
        Channel.SURGE: np.clip(margin / 0.006, 0.0, 60.0),
        Channel.CHILLED_FLOW: 1.0 - wear.evaporator_flow_lost,
        Channel.HEAD: 100.0 * state.head,
        Channel.SPEED: 100.0 * np.where(machines.has_drive, speed, 1.0),
        Channel.HOT_GAS: np.clip(300.0 * (_HOT_GAS_LOAD - load), 0.0, 100.0),
        Channel.EVAPORATOR_LEVEL: 60.0 * (1.0 - 0.8 * wear.charge_lost),
        Channel.CONDENSER_LEVEL: 45.0 * np.maximum(1.0 - 1.6 * wear.charge_lost + wear.overcharge, 0.05),
        Channel.LEVEL_VALVE: np.clip(20.0 + 55.0 * load * (1.0 - 0.6 * wear.charge_lost), 0.0, 100.0),
        Channel.THRUST: 0.10 + 0.05 * motor + 0.30 * of("bearing"),
        Channel.WINDING_SPREAD: 2.0 + 0.45 * (winding - room - 6.0 - machines.winding_k * motor**2),
        Channel.PURGE: _PURGE_MIN + _PURGE_PER_AIR * wear.air,
    }
    return _stack(rows, load.shape)


def _room_c(air: Air) -> Float64:
    return 21.0 + 0.2 * (air.dry_bulb_c - 15.0)


def _stack(rows: dict[Channel, Float64], shape: tuple[int, ...]) -> Float64:
    out = np.zeros((shape[0], len(Channel), shape[1]))
    for channel, values in rows.items():
        out[:, channel] = values
    return out
