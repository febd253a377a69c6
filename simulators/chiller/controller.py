"""The chiller's controller: it starts and stops the machine, and trips when a quantity crosses a limit.

It sees the machine, never the fault. A safety shutdown locks the machine out until it is repaired; a cycling
shutdown lets it start again by itself after half an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from models.features.compiling import compiled
from models.telemetry.samples import Float64, Int64
from simulators.chiller.channels import Channel, lags
from simulators.chiller.faults import SUDDEN, Flags, Int8
from simulators.chiller.machines import Machines, gauge
from simulators.chiller.maintenance import Maintenance
from simulators.clock import Clock

_RECYCLE_S = 1800
_STRIKE_WINDOW_S = 5400
_HOUR_S = 3600
LOW_EVAPORATOR = "low-evaporator-pressure"


def celsius(fahrenheit: float) -> float:
    """Return °C.

    >>> round(celsius(220.0), 1)
    104.4
    """
    return (fahrenheit - 32.0) / 1.8


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on one channel; ``value`` is a number or names a field of ``Machines``."""

    code: str
    channel: Channel
    value: float | str
    is_high: bool = True


# Published: condenser and evaporator pressure (see machines.MODELS), discharge and winding 220 °F, bearing
# 185 °F (Carrier 19XL), oil differential pressure 15 psid, motor load 110 %. Judgement: oil 180 °F, heat
# sink, surges, and the share of flow at which a flow switch opens.
LIMITS = (
    Limit("flow-switch", Channel.CONDENSER_FLOW, 0.5, is_high=False),
    Limit("chilled-flow-switch", Channel.CHILLED_FLOW, 0.5, is_high=False),
    Limit("high-condenser-pressure", Channel.CONDENSING, "high_condensing_c"),
    Limit(LOW_EVAPORATOR, Channel.EVAPORATING, "low_evaporating_c", is_high=False),
    Limit("low-oil-pressure", Channel.OIL_PRESSURE, gauge(15.0) - gauge(0.0), is_high=False),
    Limit("high-bearing-temperature", Channel.BEARING, celsius(185.0)),
    Limit("high-winding-temperature", Channel.WINDING, celsius(220.0)),
    Limit("high-heat-sink-temperature", Channel.HEAT_SINK, 72.0),
    Limit("high-discharge-temperature", Channel.DISCHARGE, celsius(220.0)),
    Limit("high-oil-temperature", Channel.SUMP, celsius(180.0)),
    Limit("high-motor-current", Channel.MOTOR_LOAD, 110.0),
    Limit("surge", Channel.SURGE, 20.0),
)
SAFETY_CODES = tuple(dict.fromkeys([x.code for x in LIMITS] + [s.code for s in SUDDEN]))
CYCLING_CODES = (LOW_EVAPORATOR,)


@dataclass(frozen=True, slots=True)
class Trip:
    """A safety shutdown of machine ``column`` at ``step`` of the day.

    ``is_sudden`` when a part simply failed; ``back_step`` is when the machine is free to start again, which
    may lie beyond the day.
    """

    time_ms: int
    step: int
    column: int
    code: str
    is_sudden: bool = False
    back_step: int = 0


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of the controller's log: ``kind`` is an Event kind."""

    time_ms: int
    column: int
    kind: str
    code: str


@dataclass(frozen=True, slots=True)
class OperatedDay:
    """What the machines did: channels (T, K, A), which ran (T, A), and the controller's log.

    ``safety`` and ``cycling`` (T, A) are one more than the index in ``SAFETY_CODES`` and ``CYCLING_CODES`` of
    what keeps a machine from starting: set from the shutdown to the reset, 0 at any other time.
    """

    channels: Float64
    running: Flags
    safety: Int8
    cycling: Int8
    log: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """One day for the controllers.

    ``goal`` and ``rest`` (T, K, A) are where running and stopped machines tend to, ``wanted`` (T, A) is when
    the plant calls for them, ``failures`` (T, A) is as from ``Strikes.day``.
    """

    goal: Float64
    rest: Float64
    wanted: Flags
    failures: Int8


Respond = Callable[[Trip], None]


class Controller:
    """The controllers of ``A`` machines, and the state of the machines between two steps."""

    def __init__(
        self,
        machines: Machines,
        clock: Clock,
        rng: np.random.Generator,
        policy: Maintenance = Maintenance(),  # noqa: B008  (frozen)
    ) -> None:
        self._machines, self._clock, self._rng, self._policy = machines, clock, rng, policy
        self._ramp, self._relax = lags(clock.period_s)
        self._watched = np.array([x.channel for x in LIMITS], np.int64)
        self._sign = np.array([1.0 if x.is_high else -1.0 for x in LIMITS])
        self._limit = self._sign[:, None] * _limits(machines)
        assets = len(machines.capacity_kw)
        self._until = np.zeros(assets, np.int64)
        self._held_by = np.zeros((2, assets), np.int8)
        self._strikes: dict[int, list[int]] = {}
        self._restarts: list[Logged] = []
        self._state = np.empty((0, assets))

    def locked_out(self, day: int) -> Flags:
        """Return (T, A) which machines a safety shutdown of an earlier day keeps from starting."""
        step = day * self._clock.steps + np.arange(self._clock.steps)[:, None]
        return np.asarray((step < self._until) & (self._held_by[0] > 0), np.bool_)

    def day(self, day: int, orders: Orders, respond: Respond) -> OperatedDay:
        """Run the machines for one day; days are asked for in order.

        ``respond`` is told of every safety shutdown as it happens; it changes ``orders`` in place, from the
        step after it on: for the machine, once it is repaired, and for those that take over its load.
        """
        if not len(self._state):
            self._state = np.where(orders.wanted[0], orders.goal[0], orders.rest[0])
        channels, running = np.empty_like(orders.goal), np.empty_like(orders.wanted)
        held = np.zeros((2, *running.shape), np.int8)
        hit = np.zeros(running.shape[1], np.int8)
        log: list[Logged] = []
        step = -1
        while (step := self._advance(step + 1, day, orders, (channels, running, held, hit))) >= 0:
            for column in np.flatnonzero(hit).tolist():
                trip = self._trip(day, step, column, int(hit[column]))
                self._stop(trip, orders.rest[step])
                log.append(self._lock_out(trip, day, respond))
                channels[step, :, column], running[step, column] = self._state[:, column], False
                held[:, step, column] = self._held_by[:, column]
        return OperatedDay(channels, running, held[0], held[1], (*log, *self._restarted(day)))

    def _advance(self, first: int, day: int, orders: Orders, out: tuple[Float64, Flags, Int8, Int8]) -> int:
        """Move the machines from step ``first`` on; return the step that brought shutdowns, -1 for none."""
        given = orders.goal, orders.rest, orders.wanted, orders.failures
        machines = self._state, self._until - day * self._clock.steps, self._held_by, self._ramp, self._relax
        return _run(first, given, machines, (self._watched, self._sign, self._limit), out)

    def _trip(self, day: int, step: int, column: int, hit: int) -> Trip:
        """Return the shutdown: it happened at some moment since the last step, though not on another day."""
        is_sudden = hit > len(LIMITS)
        code = SUDDEN[hit - len(LIMITS) - 1].code if is_sudden else LIMITS[hit - 1].code
        ago_ms = int(self._rng.uniform(0.0, self._clock.period_s) * 1000) if step else 0
        return Trip(int(self._clock.time_ms(day)[step]) - ago_ms, step, column, code, is_sudden)

    def _stop(self, trip: Trip, rest: Float64) -> None:
        state = self._state[:, trip.column]
        state += self._relax * (rest[:, trip.column] - state)

    def _lock_out(self, trip: Trip, day: int, respond: Respond) -> Logged:
        now = day * self._clock.steps + trip.step
        if trip.code == LOW_EVAPORATOR and not self._struck_out(trip.column, now):
            self._until[trip.column] = now + ceil(_RECYCLE_S / self._clock.period_s)
            self._held_by[:, trip.column] = 0, 1 + CYCLING_CODES.index(trip.code)
            return Logged(trip.time_ms, trip.column, "cycling", trip.code)
        policy = self._policy
        hours = policy.repair_median_h * float(np.exp(self._rng.normal(0.0, policy.repair_spread)))
        down = max(ceil(hours * _HOUR_S / self._clock.period_s), 1)
        self._until[trip.column] = now + down
        self._held_by[:, trip.column] = 1 + SAFETY_CODES.index(trip.code), 0
        back_ms = trip.time_ms + int(hours * _HOUR_S * 1000)
        self._restarts.append(Logged(back_ms, trip.column, "restart", trip.code))
        respond(replace(trip, back_step=trip.step + down))
        return Logged(trip.time_ms, trip.column, "shutdown", trip.code)

    def _struck_out(self, column: int, now: int) -> bool:
        """Count a cycling shutdown; return whether it is one too many within 90 minutes."""
        recent = now - _STRIKE_WINDOW_S // self._clock.period_s
        strikes = [s for s in self._strikes.get(column, []) if s >= recent] + [now]
        out = len(strikes) >= int(self._machines.low_evaporator_strikes[column])
        self._strikes[column] = [] if out else strikes
        return out

    def _restarted(self, day: int) -> list[Logged]:
        end_ms = self._clock.start_ms(day + 1)
        due = [r for r in self._restarts if r.time_ms < end_ms]
        self._restarts = [r for r in self._restarts if r.time_ms >= end_ms]
        return due


@compiled
def _run(
    first: int,
    orders: tuple[Float64, Float64, Flags, Int8],
    machines: tuple[Float64, Int64, Int8, Float64, Float64],
    limits: tuple[Int64, Float64, Float64],
    out: tuple[Float64, Flags, Int8, Int8],
) -> int:
    """Move every machine towards its goal or to rest, step by step, until a step brings a shutdown.

    Return that step, or -1 after the last. ``until`` counts steps of this day; ``hit`` (A,) is one more than
    the limit crossed, or than the number of limits plus the sudden failure.
    """
    goal, rest, wanted, failures = orders
    state, until, held_by, ramp, relax = machines
    channels, running, held, hit = out
    hit[:] = 0
    for step in range(first, len(goal)):
        for a in range(state.shape[1]):
            free = until[a] <= step
            running[step, a] = wanted[step, a] and free
            if not free:
                held[:, step, a] = held_by[:, a]
        _move(running[step], goal[step], rest[step], ramp, relax, state)
        channels[step] = state
        if _crossed(running[step], state, failures[step], limits, hit):
            return step
    return -1


@compiled
def _move(
    running: Flags, goal: Float64, rest: Float64, ramp: Float64, relax: Float64, state: Float64
) -> None:
    """Move the state (K, A) one step on its way to the goal or to rest."""
    for k in range(state.shape[0]):
        for a in range(state.shape[1]):
            if running[a]:
                state[k, a] += ramp[k] * (goal[k, a] - state[k, a])
            else:
                state[k, a] += relax[k] * (rest[k, a] - state[k, a])


@compiled
def _crossed(
    running: Flags, state: Float64, failures: Int8, limits: tuple[Int64, Float64, Float64], hit: Int8
) -> bool:
    """Note in ``hit`` what stops each machine, a failure before a limit; return whether anything does."""
    watched, sign, limit = limits
    stopped = False
    for i in range(len(watched) - 1, -1, -1):
        for a in range(len(running)):
            if running[a] and sign[i] * state[watched[i], a] > limit[i, a]:
                hit[a], stopped = i + 1, True
    for a in range(len(running)):
        if running[a] and failures[a] > 0:
            hit[a], stopped = len(watched) + failures[a], True
    return stopped


def _limits(machines: Machines) -> Float64:
    """Return the limits, shape (limits, A)."""
    assets = len(machines.capacity_kw)
    values = [getattr(machines, x.value) if isinstance(x.value, str) else x.value for x in LIMITS]
    return np.array([np.broadcast_to(v, assets) for v in values])
