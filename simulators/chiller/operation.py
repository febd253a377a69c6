"""Where machines tend to: while they run, limited by their overrides, and while they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64, Int64
from simulators.chiller.channels import Channel
from simulators.chiller.faults import Int8, Severity
from simulators.chiller.machines import Machines
from simulators.chiller.physics import Steady, Wear, steady
from simulators.chiller.sequencing import Demand
from simulators.site.climate import Air

OVERRIDES = ("high-condenser-pressure", "high-motor-current")
_TOWER_APPROACH_K = 3.0
_TOWER_LOAD_K = 1.6
_FULL_CURRENT = 1.0
_LEAST_CAPACITY = 0.87
_WARMING_K = 7.0
_HOT_GAS_LOAD = 0.18
_PURGE_MIN = 4.0
_PURGE_PER_AIR = 400.0

Rows = dict[Channel, Float64]


@dataclass(frozen=True, slots=True)
class Duty:
    """What one day asks of the machines: outdoor air, demand and the faults they carry; arrays (T, A)."""

    air: Air
    demand: Demand
    severity: Severity

    def take(self, columns: Int64) -> Duty:
        """Return the duty of the machines at ``columns``."""
        demand = Demand(self.demand.load[:, columns], self.demand.wanted[:, columns])
        return Duty(self.air.take(columns), demand, self.severity.take(columns))


@dataclass(frozen=True, slots=True)
class Operation:
    """Where running machines tend to: ``goal`` (T, K, A), and ``limited`` (T, A): 0, or 1 + an override."""

    goal: Float64
    limited: Int8


def operate(machines: Machines, duty: Duty) -> Operation:
    """Return where the machines tend to while they run, their overrides included.

    An override closes the guide vanes, to no less than 87 % of the demand, while condensing temperature or
    motor current is beyond its override point (York YK: the condenser override begins below the trip).
    """
    demand = duty.demand.load
    wear = duty.severity.wear()
    tower_k = 20.0 * np.minimum(duty.severity.developed("tower"), 1.0)
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
    entering_c = wet_bulb_c + _TOWER_APPROACH_K + _TOWER_LOAD_K * load
    entering_c = np.maximum(entering_c, machines.coldest_condenser_c)
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
    wear = duty.severity.wear()
    rows = _circuits(state, wear) | _charge(state, wear) | _oil(machines, duty, state, wear)
    rows |= _motor(machines, duty, state) | _compressor(machines, duty, state)
    return _stack(rows, state.load.shape)


def _circuits(state: Steady, wear: Wear) -> Rows:
    """Return both water circuits and the refrigerant's."""
    return {
        Channel.EVAPORATING: state.evaporating_c,
        Channel.CONDENSING: state.condensing_c,
        Channel.CHILLED_LEAVING: state.chilled_leaving_c,
        Channel.CHILLED_ENTERING: state.chilled_entering_c,
        Channel.CONDENSER_ENTERING: state.condenser_entering_c,
        Channel.CONDENSER_LEAVING: state.condenser_leaving_c,
        Channel.SUBCOOLING: state.subcooling_k,
        Channel.DISCHARGE: state.discharge_c,
        Channel.CONDENSER_FLOW: 1.0 - wear.condenser_flow_lost,
        Channel.CHILLED_FLOW: 1.0 - wear.evaporator_flow_lost,
    }


def _charge(state: Steady, wear: Wear) -> Rows:
    """Return levels, and what the purge unit has to remove."""
    lost = wear.charge_lost
    return {
        Channel.EVAPORATOR_LEVEL: 60.0 * (1.0 - 0.8 * lost),
        Channel.CONDENSER_LEVEL: 45.0 * np.maximum(1.0 - 1.6 * lost + wear.overcharge, 0.05),
        Channel.LEVEL_VALVE: np.clip(20.0 + 55.0 * state.load * (1.0 - 0.6 * lost), 0.0, 100.0),
        Channel.PURGE: _PURGE_MIN + _PURGE_PER_AIR * wear.air,
    }


def _oil(machines: Machines, duty: Duty, state: Steady, wear: Wear) -> Rows:
    """Return oil and bearings: warm oil is thin, and a worn bearing warms it."""
    of, motor = duty.severity.developed, state.motor_load
    sump = machines.sump_c + 5.0 * (motor - 0.7) + 0.15 * (_room_c(duty.air) - 20.0)
    sump = sump + 8.0 * wear.excess_oil + 3.0 * of("bearing")
    pumped = (1.0 - 0.55 * of("oil_filter")) * (1.0 - 0.5 * wear.excess_oil)
    return {
        Channel.SUMP: sump,
        Channel.BEARING: sump + machines.bearing_k * (0.4 + 0.6 * motor) + 25.0 * of("bearing"),
        Channel.OIL_PRESSURE: machines.oil_bar * pumped * (1.0 - 0.006 * (sump - 53.0)),
        Channel.THRUST: 0.10 + 0.05 * motor + 0.30 * of("bearing"),
    }


def _motor(machines: Machines, duty: Duty, state: Steady) -> Rows:
    """Return motor and drive: a winding's heat goes with the square of the current, a drive's with it."""
    of, motor, room = duty.severity.developed, state.motor_load, _room_c(duty.air)
    sound = machines.winding_k * motor**2
    excess = 2.8 * of("winding") * sound
    return {
        Channel.WINDING: room + 6.0 + sound + excess,
        Channel.WINDING_SPREAD: 2.0 + 0.45 * excess,
        Channel.HEAT_SINK: room + 6.0 + machines.sink_k * motor * (1.0 + 2.7 * of("heat_sink")),
        Channel.MOTOR_LOAD: 100.0 * motor,
        Channel.POWER: state.power_kw,
    }


def _compressor(machines: Machines, duty: Duty, state: Steady) -> Rows:
    """Return vanes, speed, and the surges that come when the head lies beyond the surge line."""
    load, head = state.load, state.head
    speed = np.clip(0.3 + 0.45 * np.sqrt(np.maximum(head, 0.0)) + 0.25 * load, 0.5, 1.0)
    line = machines.surge_head * (1.0 - 0.22 * duty.severity.developed("surge_line"))
    margin = head - line * (0.95 + 0.55 * load)
    return {
        Channel.VANE: np.clip(80.0 * load**1.2 * (0.6 + 0.4 * head), 5.0, 100.0),
        Channel.HEAD: 100.0 * head,
        Channel.SPEED: 100.0 * np.where(machines.has_drive, speed, 1.0),
        Channel.SURGE: np.clip(margin / 0.006, 0.0, 60.0),
        Channel.HOT_GAS: np.clip(300.0 * (_HOT_GAS_LOAD - load), 0.0, 100.0),
    }


def _room_c(air: Air) -> Float64:
    return 21.0 + 0.2 * (air.dry_bulb_c - 15.0)


def _stack(rows: Rows, shape: tuple[int, ...]) -> Float64:
    out = np.zeros((shape[0], len(Channel), shape[1]))
    for channel, values in rows.items():
        out[:, channel] = values
    return out
