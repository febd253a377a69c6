"""The points a chiller publishes: what each instrument reads, its noise and its resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.errors import ConfigError
from models.fleet import Fleet
from models.frames import Float32, Float64
from simulators.channels import Channel
from simulators.climate import Air
from simulators.faults import Int8
from simulators.load import Flags
from simulators.machines import WATER_KJ, Machines
from simulators.refrigerant import r134a

_KEPT_PER_DAY = np.float32(0.92)


@dataclass(frozen=True, slots=True)
class Reading:
    """One day of true values: channels (T, K, A), the rest (T, A)."""

    machines: Machines
    channels: Float64
    running: Flags
    limited: Int8
    starts: Float64
    air: Air

    def of(self, channel: Channel) -> Float64:
        """Return one channel, shape (T, A)."""
        return np.asarray(self.channels[:, channel], np.float64)


@dataclass(frozen=True, slots=True)
class Point:
    """A published point: ``sigma`` is noise in its own unit, ``relative`` a share of its value.

    ``wander`` is what comes and goes over weeks without meaning harm (valves, oil, air, the instrument), as a
    multiple of the noise. Values are rounded to ``resolution``, as controllers do.
    """

    key: str
    read: Callable[[Reading], Float64]
    sigma: float = 0.0
    relative: float = 0.0
    resolution: float = 0.1
    wander: float = 0.0


def _channel(channel: Channel) -> Callable[[Reading], Float64]:
    return lambda r: r.of(channel)


def _difference(high: Channel, low: Channel) -> Callable[[Reading], Float64]:
    return lambda r: r.of(high) - r.of(low)


def _pressure(channel: Channel) -> Callable[[Reading], Float64]:
    return lambda r: r134a().pressure_bar(r.of(channel))


def _setpoint(r: Reading) -> Float64:
    return np.broadcast_to(r.machines.setpoint_c, r.running.shape)


def _chilled_flow(r: Reading) -> Float64:
    return np.where(r.running, r.machines.stream_evaporator / WATER_KJ, 0.0)


def _condenser_flow(r: Reading) -> Float64:
    return r.machines.stream_condenser / WATER_KJ * r.of(Channel.CONDENSER_FLOW)


def _suction(r: Reading) -> Float64:
    return r.of(Channel.EVAPORATING) + 0.8


# Noise is judgement: temperatures 0.05–0.3 K, pressures 0.01 bar, flow and electrical quantities 1 %.
POINTS = (
    Point("chw_leaving_temp", _channel(Channel.CHILLED_LEAVING), 0.05),
    Point("chw_entering_temp", _channel(Channel.CHILLED_ENTERING), 0.05),
    Point("chw_setpoint", _setpoint),
    Point("chw_flow", _chilled_flow, relative=0.01, wander=3.0),
    Point("cw_entering_temp", _channel(Channel.CONDENSER_ENTERING), 0.05, wander=4.0),
    Point("cw_leaving_temp", _channel(Channel.CONDENSER_LEAVING), 0.05),
    Point("cw_flow", _condenser_flow, relative=0.012, wander=4.0),
    Point("evap_pressure", _pressure(Channel.EVAPORATING), 0.01, resolution=0.01, wander=2.0),
    Point("evap_sat_temp", _channel(Channel.EVAPORATING), 0.1),
    Point("evap_approach", _difference(Channel.CHILLED_LEAVING, Channel.EVAPORATING), 0.12, wander=3.0),
    Point("cond_pressure", _pressure(Channel.CONDENSING), 0.02, resolution=0.01, wander=2.0),
    Point("cond_sat_temp", _channel(Channel.CONDENSING), 0.1),
    Point("cond_approach", _difference(Channel.CONDENSING, Channel.CONDENSER_LEAVING), 0.15, wander=3.0),
    Point("subcooling", _channel(Channel.SUBCOOLING), 0.2, wander=2.0),
    Point("discharge_temp", _channel(Channel.DISCHARGE), 0.2, wander=3.0),
    Point("discharge_superheat", _difference(Channel.DISCHARGE, Channel.CONDENSING), 0.25, wander=2.0),
    Point("suction_temp", _suction, 0.2),
    Point("guide_vane", _channel(Channel.VANE), 0.5),
    Point("surge_count", _channel(Channel.SURGE), 0.2, resolution=1.0),
    Point("oil_sump_temp", _channel(Channel.SUMP), 0.3, wander=4.0),
    Point("oil_diff_pressure", _channel(Channel.OIL_PRESSURE), relative=0.02, resolution=0.01, wander=4.0),
    Point("bearing_temp", _channel(Channel.BEARING), 0.4, wander=5.0),
    Point("winding_temp", _channel(Channel.WINDING), 0.8, wander=3.0),
    Point("motor_load", _channel(Channel.MOTOR_LOAD), relative=0.01),
    Point("power_kw", _channel(Channel.POWER), relative=0.01),
    Point("heatsink_temp", _channel(Channel.HEAT_SINK), 0.5, wander=4.0),
    Point("run_state", lambda r: r.running.astype(np.float64), resolution=1.0),
    Point("capacity_limit", lambda r: ((r.limited > 0) & r.running).astype(np.float64), resolution=1.0),
    Point("starts_24h", lambda r: r.starts, resolution=1.0),
    Point("wet_bulb", lambda r: r.air.wet_bulb_c, 0.2),
    Point("dry_bulb", lambda r: r.air.dry_bulb_c, 0.2),
)


class Sensors:
    """The instruments of ``assets`` machines for the sensors that a fleet file lists, in its order.

    Each instrument has an error of its own that stays (as large as its noise) and one that wanders;
    transmitters saturate at the ends of the fleet file's plausible range. Raises ConfigError for a sensor
    that no point produces.
    """

    def __init__(self, fleet: Fleet, rng: np.random.Generator, assets: int) -> None:
        known = {p.key: p for p in POINTS}
        for i, key in enumerate(fleet.keys):
            if key not in known:
                raise ConfigError(fleet.name, f"sensors[{i}].key", key, f"one of {', '.join(known)}")
        self._rng = rng
        self._points = tuple(known[key] for key in fleet.keys)
        self._low = np.array([s.low for s in fleet.sensors], np.float32)
        self._high = np.array([s.high for s in fleet.sensors], np.float32)
        self._error = rng.standard_normal((len(fleet.keys), assets), dtype=np.float32)
        self._slow = rng.standard_normal((len(fleet.keys), assets), dtype=np.float32)
        self._wander = np.array([p.wander for p in self._points], np.float32)[:, None]

    def publish(self, reading: Reading) -> Float32:
        """Return the values (A, T, S) as instruments show them."""
        steps, assets = reading.running.shape
        out = self._rng.standard_normal((len(self._points), steps, assets), dtype=np.float32)
        before, after = self._drift()
        share = (np.arange(steps, dtype=np.float32) / np.float32(steps))[:, None]
        for i, point in enumerate(self._points):
            out[i] += before[i] + share * (after[i] - before[i])
            self._measure(point, point.read(reading).astype(np.float32), i, out[i])
        return np.asarray(out.transpose(2, 1, 0), np.float32, order="C")

    def _drift(self) -> tuple[Float32, Float32]:
        """Let the errors wander for a day; return them (S, A) at its start and end, in units of noise."""
        before = self._slow
        fresh = self._rng.standard_normal(before.shape, dtype=np.float32)
        self._slow = _KEPT_PER_DAY * before + np.sqrt(1 - _KEPT_PER_DAY**2) * fresh
        return self._error + self._wander * before, self._error + self._wander * self._slow

    def _measure(self, point: Point, true: Float32, i: int, out: Float32) -> None:
        """Turn errors in ``out``, in units of noise, into the reading of ``true``."""
        out *= np.float32(point.sigma) + np.float32(point.relative) * np.abs(true)
        out += true
        np.rint(out * np.float32(1.0 / point.resolution), out=out)
        out *= np.float32(point.resolution)
        out += np.float32(0.0)  # no negative zeros
        np.clip(out, self._low[i], self._high[i], out=out)


class StartCounter:
    """Counts the starts of every machine in the 24 hours up to each step."""

    def __init__(self, assets: int) -> None:
        self._was_running = np.zeros(assets, bool)
        self._yesterday: Float64 | None = None

    def day(self, running: Flags) -> Float64:
        """Return the counts (T, A) of one day; days are given in order."""
        before = np.vstack([self._was_running, running[:-1]])
        starts = (running & ~before).astype(np.float64)
        yesterday = np.zeros_like(starts) if self._yesterday is None else self._yesterday
        self._was_running, self._yesterday = running[-1], starts
        left = yesterday.sum(axis=0) - np.cumsum(yesterday, axis=0)
        return np.asarray(np.cumsum(starts, axis=0) + left, np.float64)
