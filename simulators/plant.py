"""A plant: up to 128 chillers that share arrays, with their buildings, faults, controllers and crew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fleet import Fleet
from models.frames import Event, Float32, Float64
from simulators.channels import OVERRIDES, Channel, Duty, operate, standstill
from simulators.climate import Weather
from simulators.clock import Clock
from simulators.controller import Controller, Logged, Orders, Trip
from simulators.counters import Counters
from simulators.faults import GRADUAL, Change, Faults, Int8, Severity, Strikes
from simulators.instruments import InstrumentFaults
from simulators.load import Buildings, Flags
from simulators.machines import draw_machines, draw_models
from simulators.points import Reading
from simulators.scenario import Scenario
from simulators.sensors import Sensors
from simulators.truth import ShutdownRecord, Truth

LARGEST = 128
_IMPLICATED = 0.15
_QUIET_H = 6

# What a crew looks for after a shutdown, by the controller's code.
_SUSPECTS = {
    "high-condenser-pressure": ("fouling", "tower", "strainer", "air", "overcharge"),
    "surge": ("surge_line", "fouling", "tower", "strainer", "leak", "air", "overcharge"),
    "high-motor-current": ("fouling", "tower", "leak", "air", "overcharge"),
    "high-discharge-temperature": ("fouling", "tower", "leak", "air"),
    "low-evaporator-pressure": ("leak", "excess_oil", "evaporator_flow"),
    "low-oil-pressure": ("oil_filter", "excess_oil"),
    "high-oil-temperature": ("excess_oil", "bearing"),
    "high-bearing-temperature": ("bearing", "excess_oil"),
    "high-winding-temperature": ("winding",),
    "high-heat-sink-temperature": ("heat_sink",),
    "flow-switch": ("strainer",),
    "chilled-flow-switch": ("evaporator_flow",),
}


@dataclass(frozen=True, slots=True)
class _Job:
    """Work on a machine at ``hour`` of a day: severities after it change in place."""

    clock: Clock
    day: int
    hour: float
    severity: Severity

    @property
    def time_ms(self) -> int:
        return self.clock.start_ms(self.day) + int(self.hour * 3_600_000)

    @property
    def after(self) -> Flags:
        return self.clock.hours >= self.hour


class Plant:
    """Simulates the chillers named ``assets``, a day at a time; each plant draws from streams of its own."""

    def __init__(self, scenario: Scenario, fleet: Fleet, number: int, assets: tuple[str, ...]) -> None:
        regional = np.random.default_rng([scenario.seed, 0])
        # A stream for each part: a fault changes nothing but its machine, and only from its beginning.
        build, air, use, wear, strikes, repair, noise, crew, age, broken = np.random.default_rng(
            [scenario.seed, number + 1]
        ).spawn(10)
        count = len(assets)
        self.assets, self.truth = assets, Truth()
        self._clock = scenario.clock
        self.models = draw_models(build, count)
        self._machines = draw_machines(build, self.models)
        self._weather = Weather(scenario.climate, regional, air, count)
        self._buildings = Buildings(use, count)
        self._policy = policy = scenario.maintenance
        self._faults = Faults(wear, scenario.faults, count, policy.found_share)
        self._strikes = Strikes(strikes, scenario.faults, count)
        self._controller = Controller(self._machines, self._clock, repair, policy)
        self._sensors = Sensors(fleet, noise, count, scenario.noise)
        self._instruments = InstrumentFaults(broken, scenario.faults, self._sensors.scale, assets)
        self._counters = Counters(age, self._machines.capacity_kw)
        self._service_day = crew.integers(policy.service_from_day, policy.service_until_day, count)
        self._limited_ago = np.full(count, self._clock.steps)

    def day(self, day: int) -> tuple[Float32, list[Event]]:
        """Return the values (A, T, S) and the events of the next day."""
        duty, log = self._duty(day)
        operation = operate(self._machines, duty)
        rest = standstill(self._machines, duty.air)
        orders = Orders(operation.goal, rest, duty.demand.wanted, self._strikes.day(self._clock))

        def repair(trip: Trip) -> Float64:
            self._mend_after(trip, day, duty.severity)
            column = np.array([trip.column])
            mended = operate(self._machines.take(column), duty.take(column))
            operation.limited[trip.step :, trip.column] = mended.limited[trip.step :, 0]
            return np.asarray(mended.goal[:, :, 0], np.float64)

        done = self._controller.day(day, orders, repair)
        counts = self._counters.day(self._clock, done.running, done.channels[:, Channel.POWER])
        reading = Reading(self._machines, done, operation.limited, counts, duty.air)
        values = self._sensors.publish(reading)
        self._instruments.day(self._clock, day, values, self.truth)
        log += [*done.log, *self._overrides(day, operation.limited * done.running)]
        return values, [self._event(line) for line in log]

    def _duty(self, day: int) -> tuple[Duty, list[Logged]]:
        air = self._weather.day(self._clock, day)
        demand = self._buildings.day(self._clock, day, air.dry_bulb_c)
        severity, changes = self._faults.advance(self._clock, day)
        duty = Duty(air, demand, severity)
        return duty, self._crew(day, duty, changes)

    def _crew(self, day: int, duty: Duty, changes: list[Change]) -> list[Logged]:
        """Stop machines that are due for work while the crew is there, and end the faults it mends."""
        job = _Job(self._clock, day, self._policy.crew_from_h, duty.severity)
        work: dict[int, str] = {}
        for change in changes:
            if change.reason:
                self._end(job, change.column, [change.kind], change.reason)
                work[change.column] = "corrective"
            else:
                self.truth.begin(
                    self.assets[change.column], GRADUAL[change.kind].key, self._clock.start_ms(day)
                )
        for column in np.flatnonzero(self._service_day == self._clock.day_of_year(day)).tolist():
            self._end(job, column, self._faults.active_on(column), "service")
            self._clean(job, column)
            work[column] = "annual-service"
        hours = self._clock.hours
        stopped = (hours >= self._policy.crew_from_h) & (hours < self._policy.crew_until_h)
        for column in work:
            duty.demand.wanted[stopped, column] = False
        return [Logged(job.time_ms, column, "maintenance", code) for column, code in work.items()]

    def _mend_after(self, trip: Trip, day: int, severity: Severity) -> None:
        """Find what caused a shutdown, note it, and mend everything that may have had a part in it."""
        asset = self.assets[trip.column]
        suspects = () if trip.is_sudden else _SUSPECTS[trip.code]
        size = {key: float(severity.of(key)[trip.step, trip.column]) for key in suspects}
        worst = max(size, key=lambda key: size[key], default="")
        cause = worst if worst and size[worst] >= _IMPLICATED else ""
        self.truth.shutdowns.append(ShutdownRecord(asset, trip.time_ms, trip.code, cause, trip.is_sudden))
        active = self._faults.active_on(trip.column)
        kinds = [k for k in active if GRADUAL[k].key in suspects]
        job = _Job(self._clock, day, float(self._clock.hours[trip.step]), severity)
        self._end(job, trip.column, kinds, "repair")
        if "fouling" in suspects:
            self._clean(job, trip.column)

    def _end(self, job: _Job, column: int, kinds: list[int], reason: str) -> None:
        self._faults.mend(column, kinds, job.day)
        for kind in kinds:
            job.severity.faults[kind, job.after, column] = 0.0
            self.truth.end(self.assets[column], GRADUAL[kind].key, job.time_ms, reason)

    def _clean(self, job: _Job, column: int) -> None:
        self._faults.clean(column)
        job.severity.scale[job.after, column] = 0.0

    def _overrides(self, day: int, limited: Int8) -> list[Logged]:
        """Log an override that begins after six hours without one."""
        quiet = _QUIET_H * 3600 // self._clock.period_s
        times, log = self._clock.time_ms(day), []
        for step in range(self._clock.steps):
            begun = (limited[step] > 0) & (self._limited_ago >= quiet)
            log += [
                Logged(int(times[step]), c, "override", OVERRIDES[limited[step, c] - 1])
                for c in np.flatnonzero(begun).tolist()
            ]
            self._limited_ago = np.where(limited[step] > 0, 0, self._limited_ago + 1)
        return log

    def _event(self, line: Logged) -> Event:
        return Event(line.time_ms, self.assets[line.column], line.kind, line.code)
