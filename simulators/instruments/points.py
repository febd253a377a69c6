"""The catalogue: every point that a chiller publishes, what it reads, its noise and its resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64
from simulators.chiller.alerts import warned
from simulators.chiller.channels import Channel
from simulators.chiller.controller import OperatedDay
from simulators.chiller.counters import CounterReadings
from simulators.chiller.faults import Flags, Int8
from simulators.chiller.machines import SUPPLY_V, WATER_KJ, Machines
from simulators.chiller.refrigerant import refrigerant_of
from simulators.site.climate import Air

_RECTIFIED = 1.35
_FEED_COOLER_K = 6.0
_FLOW_PROVEN = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """One day of true values: what the machines did, counters and the outdoor air.

    ``limited`` and ``nuisance`` (T, A) are overrides and alerts without a reason, as from ``operate`` and
    ``Nuisances.day``.
    """

    machines: Machines
    done: OperatedDay
    limited: Int8
    nuisance: Int8
    counts: CounterReadings
    air: Air

    @property
    def running(self) -> Flags:
        """Which machines ran, shape (T, A)."""
        return self.done.running

    def quantity(self, channel: Channel) -> Float64:
        """Return one channel, shape (T, A)."""
        return np.asarray(self.done.channels[:, channel], np.float64)


Read = Callable[[Reading], Float64]


@dataclass(frozen=True, slots=True)
class PublishedPoint:
    """A published point: ``sigma`` is noise in its own unit, ``relative`` a share of its value.

    ``wander`` is what comes and goes over weeks without meaning harm (valves, oil, air, the instrument), as a
    multiple of the noise. Values are rounded to ``resolution``, as controllers do.
    """

    key: str
    read: Read
    sigma: float = 0.0
    relative: float = 0.0
    resolution: float = 0.1
    wander: float = 0.0


def _state(key: str, read: Callable[[Reading], Flags | Int8 | Float64]) -> PublishedPoint:
    """Return a point that the controller knows exactly: a state, a code or a count."""
    return PublishedPoint(key, lambda r: np.asarray(read(r), np.float64), resolution=1.0)


def _channel(channel: Channel) -> Read:
    return lambda r: r.quantity(channel)


def _difference(high: Channel, low: Channel) -> Read:
    return lambda r: r.quantity(high) - r.quantity(low)


def _pressure(channel: Channel) -> Read:
    return lambda r: refrigerant_of(r.machines.refrigerant).pressure_bar(r.quantity(channel))


def _of_machine(values: Callable[[Machines], Float64]) -> Read:
    return lambda r: np.broadcast_to(values(r.machines), r.running.shape)


def _chilled_flow(r: Reading) -> Float64:
    return r.machines.stream_evaporator / WATER_KJ * r.quantity(Channel.CHILLED_FLOW)


def _condenser_flow(r: Reading) -> Float64:
    return r.machines.stream_condenser / WATER_KJ * r.quantity(Channel.CONDENSER_FLOW)


def _suction(r: Reading) -> Float64:
    return r.quantity(Channel.EVAPORATING) + 0.8


def _oil_pump(r: Reading) -> Float64:
    """Return the pressure after the oil pump: the sump stands at evaporator pressure."""
    return _pressure(Channel.EVAPORATING)(r) + r.quantity(Channel.OIL_PRESSURE)


def _thrust_oil(r: Reading) -> Float64:
    return 0.6 * r.quantity(Channel.BEARING) + 0.4 * r.quantity(Channel.SUMP)


def _winding(phase: int) -> Read:
    """Return the temperature of one winding: the hottest leads the others by the spread."""

    def read(r: Reading) -> Float64:
        cooler = r.machines.hot_phase != phase
        return np.asarray(
            r.quantity(Channel.WINDING) - cooler * r.quantity(Channel.WINDING_SPREAD), np.float64
        )

    return read


def _current(r: Reading) -> Float64:
    return r.machines.full_load_a * r.quantity(Channel.MOTOR_LOAD) / 100.0


def _supply(r: Reading) -> Float64:
    return SUPPLY_V * (1.0 - 0.015 * r.quantity(Channel.MOTOR_LOAD) / 100.0)


def _power_factor(r: Reading) -> Float64:
    motor = r.quantity(Channel.MOTOR_LOAD) / 100.0
    return np.where(r.machines.has_drive, 0.96, 0.90 - 0.30 * (1.0 - np.minimum(motor, 1.0)) ** 2) * r.running


def _proven(channel: Channel) -> Callable[[Reading], Flags]:
    return lambda r: r.quantity(channel) > _FLOW_PROVEN


def _mode(r: Reading) -> Float64:
    mode = np.where(r.running, 1.0 + (r.limited > 0), 0.0)
    return np.where(r.done.safety > 0, 4.0, np.where(r.done.cycling > 0, 3.0, mode))


# Noise is judgement: temperatures 0.05–0.3 K, pressures 0.01 bar, flow and electrical quantities 1 %.
POINTS = (
    PublishedPoint("chw_leaving_temp", _channel(Channel.CHILLED_LEAVING), 0.05),
    PublishedPoint("chw_entering_temp", _channel(Channel.CHILLED_ENTERING), 0.05),
    PublishedPoint("chw_setpoint", _of_machine(lambda m: m.setpoint_c)),
    PublishedPoint("chw_delta_temp", _difference(Channel.CHILLED_ENTERING, Channel.CHILLED_LEAVING), 0.07),
    PublishedPoint("chw_flow", _chilled_flow, relative=0.01, wander=3.0),
    _state("chw_flow_switch", _proven(Channel.CHILLED_FLOW)),
    _state("chw_pump", lambda r: r.running),
    PublishedPoint("cw_entering_temp", _channel(Channel.CONDENSER_ENTERING), 0.05, wander=4.0),
    PublishedPoint("cw_leaving_temp", _channel(Channel.CONDENSER_LEAVING), 0.05),
    PublishedPoint("cw_delta_temp", _difference(Channel.CONDENSER_LEAVING, Channel.CONDENSER_ENTERING), 0.07),
    PublishedPoint("cw_flow", _condenser_flow, relative=0.012, wander=4.0),
    _state("cw_flow_switch", _proven(Channel.CONDENSER_FLOW)),
    _state("cw_pump", lambda r: r.running),
    PublishedPoint("evap_pressure", _pressure(Channel.EVAPORATING), 0.01, resolution=0.01, wander=2.0),
    PublishedPoint("evap_sat_temp", _channel(Channel.EVAPORATING), 0.1),
    PublishedPoint(
        "evap_approach", _difference(Channel.CHILLED_LEAVING, Channel.EVAPORATING), 0.12, wander=3.0
    ),
    PublishedPoint("evap_level", _channel(Channel.EVAPORATOR_LEVEL), 2.0, wander=3.0),
    PublishedPoint("cond_pressure", _pressure(Channel.CONDENSING), 0.02, resolution=0.01, wander=2.0),
    PublishedPoint("cond_sat_temp", _channel(Channel.CONDENSING), 0.1),
    PublishedPoint(
        "cond_approach", _difference(Channel.CONDENSING, Channel.CONDENSER_LEAVING), 0.15, wander=3.0
    ),
    PublishedPoint("drop_leg_temp", _difference(Channel.CONDENSING, Channel.SUBCOOLING), 0.2),
    PublishedPoint("subcooling", _channel(Channel.SUBCOOLING), 0.2, wander=2.0),
    PublishedPoint("cond_level", _channel(Channel.CONDENSER_LEVEL), 2.0, wander=3.0),
    PublishedPoint("level_valve", _channel(Channel.LEVEL_VALVE), 1.0, wander=2.0),
    PublishedPoint("discharge_temp", _channel(Channel.DISCHARGE), 0.2, wander=3.0),
    PublishedPoint(
        "discharge_superheat", _difference(Channel.DISCHARGE, Channel.CONDENSING), 0.25, wander=2.0
    ),
    PublishedPoint("suction_temp", _suction, 0.2),
    PublishedPoint("guide_vane", _channel(Channel.VANE), 0.5),
    PublishedPoint("compressor_speed", _channel(Channel.SPEED), 0.1),
    PublishedPoint("compressor_head", _channel(Channel.HEAD), 0.5),
    PublishedPoint("surge_count", _channel(Channel.SURGE), 0.2, resolution=1.0),
    PublishedPoint("hot_gas_valve", _channel(Channel.HOT_GAS), 0.2),
    PublishedPoint("thrust_position", _channel(Channel.THRUST), 0.01, resolution=0.01, wander=4.0),
    PublishedPoint("oil_sump_temp", _channel(Channel.SUMP), 0.3, wander=4.0),
    PublishedPoint(
        "oil_feed_temp", lambda r: r.quantity(Channel.SUMP) - _FEED_COOLER_K * r.running, 0.3, wander=4.0
    ),
    PublishedPoint("oil_pump_pressure", _oil_pump, relative=0.01, resolution=0.01),
    PublishedPoint(
        "oil_diff_pressure", _channel(Channel.OIL_PRESSURE), relative=0.02, resolution=0.01, wander=4.0
    ),
    PublishedPoint("oil_pump_speed", lambda r: np.where(r.running, 100.0, 0.0), relative=0.005),
    _state("oil_heater", lambda r: ~r.running),
    PublishedPoint("bearing_temp", _channel(Channel.BEARING), 0.4, wander=5.0),
    PublishedPoint("thrust_oil_temp", _thrust_oil, 0.3, wander=5.0),
    PublishedPoint("motor_load", _channel(Channel.MOTOR_LOAD), relative=0.01),
    PublishedPoint("current_a", _current, relative=0.01),
    PublishedPoint("current_b", _current, relative=0.01),
    PublishedPoint("current_c", _current, relative=0.01),
    PublishedPoint("voltage_ab", _supply, relative=0.005, wander=2.0),
    PublishedPoint("voltage_bc", _supply, relative=0.005, wander=2.0),
    PublishedPoint("voltage_ca", _supply, relative=0.005, wander=2.0),
    PublishedPoint("power_kw", _channel(Channel.POWER), relative=0.01),
    _state("energy_kwh", lambda r: r.counts.energy_kwh),
    PublishedPoint("power_factor", _power_factor, relative=0.01, resolution=0.01),
    PublishedPoint("winding_temp_a", _winding(0), 0.8, wander=3.0),
    PublishedPoint("winding_temp_b", _winding(1), 0.8, wander=3.0),
    PublishedPoint("winding_temp_c", _winding(2), 0.8, wander=3.0),
    PublishedPoint(
        "dc_bus_voltage", lambda r: _RECTIFIED * _supply(r) * r.machines.has_drive, relative=0.005
    ),
    PublishedPoint("heatsink_temp", _channel(Channel.HEAT_SINK), 0.5, wander=4.0),
    _state("run_state", lambda r: r.running),
    _state("control_mode", _mode),
    _state("safety_code", lambda r: r.done.safety),
    _state("cycling_code", lambda r: r.done.cycling),
    _state("warning_code", lambda r: warned(r.done.channels, r.running, r.nuisance)),
    _state("capacity_limit", lambda r: (r.limited > 0) & r.running),
    PublishedPoint("current_limit", _of_machine(lambda m: np.full(m.capacity_kw.shape, 100.0))),
    _state("recycle_timer", lambda r: r.counts.recycle_min),
    _state("run_hours", lambda r: r.counts.run_hours),
    _state("starts", lambda r: r.counts.starts),
    _state("starts_12h", lambda r: r.counts.starts_12h),
    PublishedPoint("purge_minutes", _channel(Channel.PURGE), relative=0.15, resolution=1.0, wander=2.0),
    PublishedPoint("wet_bulb", lambda r: r.air.wet_bulb_c, 0.2),
    PublishedPoint("dry_bulb", lambda r: r.air.dry_bulb_c, 0.2),
)
