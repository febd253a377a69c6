"""A group: 128 chillers in whole plants that share arrays, with their faults, controllers and crew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Float32, Float64
from simulators.chiller.alerts import Nuisances
from simulators.chiller.channels import Channel
from simulators.chiller.controller import Controller, Logged, Orders, Trip
from simulators.chiller.counters import Counters
from simulators.chiller.faults import GRADUAL, Change, Faults, Flags, Int8, Severity, Strikes, rates_of
from simulators.chiller.instrument_faults import InstrumentFaults
from simulators.chiller.machines import draw_machines, draw_models
from simulators.chiller.operation import OVERRIDES, Duty, Operation, operate, standstill
from simulators.chiller.sequencing import Sequencer
from simulators.clock import Clock
from simulators.fleet.scenario import Scenario
from simulators.instruments.points import Reading
from simulators.instruments.sensors import Sensors
from simulators.site.climate import Weather
from simulators.site.load import BUILDINGS, Buildings
from simulators.site.plants import draw_plants
from simulators.truth import FaultRecord, ShutdownRecord, Truth

SIZE = 128
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


@dataclass(frozen=True, slots=True)
class _DayPlan:
    """One day as it was planned, changed in place when a machine is lost; ``load_kw`` (T, P) is fixed."""

    load_kw: Float64
    free: Flags
    duty: Duty


class Group:
    """Simulates 128 chillers a day at a time, and shows the first ``shown`` of them.

    Each group draws from streams of its own, and all its machines live whether they are shown or not: so the
    fleets of one seed begin alike, whatever their size.
    """

    def __init__(
        self, scenario: Scenario, fleet: Fleet, number: int, names: Sequence[str], shown: int
    ) -> None:
        regional = np.random.default_rng([scenario.seed, 0])
        # A stream for each part: a fault changes nothing but its plant, and only from its beginning.
        streams = np.random.default_rng([scenario.seed, number + 1]).spawn(12)
        site, build, air, use, wear, strikes, repair, crew, age, noise, broken, alerts = streams
        self._names, self._shown, self._truth = tuple(names), shown, Truth()
        self._number, self._scenario, self._clock = number, scenario, scenario.clock
        self._plants = plants = draw_plants(site, SIZE, scenario.climates)
        self._models = draw_models(build, len(plants.size))
        models = tuple(self._models[p] for p in plants.plant_of)
        self._machines = machines = draw_machines(build, models, plants.plant_of, plants.coldest_condenser_c)
        self._weather = Weather(scenario.climates, plants.climate, regional, air)
        capacity_kw: Float64 = np.bincount(plants.plant_of, machines.capacity_kw).astype(np.float64)
        self._buildings = Buildings(use, plants.building, capacity_kw, plants.size)
        self._sequencer = Sequencer(plants, machines.capacity_kw, self._clock)
        self._policy = policy = scenario.maintenance
        self._faults = Faults(wear, rates_of(scenario.faults, machines.draws_air), policy.found_share)
        self._strikes = Strikes(strikes, scenario.faults, SIZE)
        self._controller = Controller(machines, self._clock, repair, policy)
        self._counters = Counters(age, machines.capacity_kw)
        self._instrument(fleet, noise, broken, alerts)
        self._service_day = crew.integers(policy.service_from_day, policy.service_until_day, SIZE)
        self._limited_ago, self._ran = np.full(SIZE, self._clock.steps), np.full(SIZE, 1.0)

    def _instrument(
        self,
        fleet: Fleet,
        noise: np.random.Generator,
        broken: np.random.Generator,
        alerts: np.random.Generator,
    ) -> None:
        """Mount what measures, what breaks of it, and what warns of nothing."""
        faults = self._scenario.faults
        self._sensors = Sensors(fleet, noise, SIZE, self._scenario.noise)
        self._instruments = InstrumentFaults(broken, faults, self._sensors.scale, self._names)
        self._nuisances = Nuisances(alerts, self._scenario.nuisance_warnings, SIZE)

    @property
    def shutdowns(self) -> list[ShutdownRecord]:
        """The safety shutdowns up to now of the machines that are shown."""
        return [s for s in self._truth.shutdowns if s.asset in self._names[: self._shown]]

    @property
    def faults(self) -> list[FaultRecord]:
        """The faults up to now of the machines that are shown."""
        return [f for f in self._truth.faults if f.asset in self._names[: self._shown]]

    @property
    def inventory(self) -> dict[str, dict[str, str]]:
        """What the machines that are shown are, by name, and where they stand."""
        plants, climates = self._plants, self._scenario.climates
        return {
            self._names[a]: self._models[p].nameplate
            | {
                "plant": f"{self._number + 1}-{p + 1}",
                "building": BUILDINGS[plants.building[p]].name,
                "climate": climates[plants.climate[p]].name,
            }
            for a, p in enumerate(plants.plant_of[: self._shown].tolist())
        }

    def day(self, day: int) -> tuple[Float32, list[Event]]:
        """Return the values (A, T, S) and the events of the next day."""
        plan, log = self._planned(day)
        duty = plan.duty
        operation = operate(self._machines, duty)
        rest = standstill(self._machines, duty.air)
        orders = Orders(operation.goal, rest, duty.demand.wanted, self._strikes.day(self._clock))

        def respond(trip: Trip) -> None:
            self._mend_after(trip, day, duty.severity)
            self._take_over(trip, day, plan, operation)

        done = self._controller.day(day, orders, respond)
        self._ran = done.running.mean(axis=0)
        counts = self._counters.day(self._clock, done.running, done.channels[:, Channel.POWER])
        nuisance = self._nuisances.day(self._clock, day)
        reading = Reading(self._machines, done, operation.limited, nuisance, counts, duty.air)
        values = self._sensors.publish(reading, self._shown)
        self._instruments.day(self._clock, day, values, self._truth)
        log += [*done.log, *self._overrides(day, operation.limited * done.running)]
        return values, [self._event(line) for line in log if line.column < self._shown]

    def _planned(self, day: int) -> tuple[_DayPlan, list[Logged]]:
        plants = self._plants
        air = self._weather.day(self._clock, day)
        load_kw = self._buildings.day(self._clock, day, air.dry_bulb_c)
        severity, changes = self._faults.advance(self._clock, day, self._ran)
        free = ~self._controller.locked_out(day)
        self._note(day, severity, changes)
        log = self._crew(day, free, severity, changes)
        demand = self._sequencer.day(day, load_kw, free)
        return _DayPlan(load_kw, free, Duty(air.take(plants.plant_of), demand, severity)), log

    def _take_over(self, trip: Trip, day: int, plan: _DayPlan, operation: Operation) -> None:
        """Plan the rest of the day anew for the plant of a machine that has shut down."""
        after = slice(trip.step + 1, None)
        plan.free[trip.step + 1 : trip.back_step, trip.column] = False
        demand = self._sequencer.day(day, plan.load_kw, plan.free)
        plant = np.flatnonzero(self._plants.plant_of == self._plants.plant_of[trip.column])
        plan.duty.demand.load[after, plant] = demand.load[after, plant]
        plan.duty.demand.wanted[after, plant] = demand.wanted[after, plant]
        again = operate(self._machines.take(plant), plan.duty.take(plant))
        operation.goal[after, :, plant] = again.goal[after]
        operation.limited[after, plant] = again.limited[after]

    def _note(self, day: int, severity: Severity, changes: list[Change]) -> None:
        """Keep for the truth which faults began, and how far each under way will have come by the evening."""
        for change in changes:
            if not change.reason:
                fault = self._names[change.column], GRADUAL[change.kind].key
                self._truth.begin(*fault, self._clock.start_ms(day))
                self._truth.grow(*fault, float(severity.faults[change.kind, 0, change.column]))
        reached = self._faults.severities
        for kind, column in np.argwhere(self._faults.active).tolist():
            self._truth.grow(self._names[column], GRADUAL[kind].key, float(reached[kind, column]))

    def _crew(self, day: int, free: Flags, severity: Severity, changes: list[Change]) -> list[Logged]:
        """Stop machines that are due for work while the crew is there, and end the faults it mends."""
        job = _Job(self._clock, day, self._policy.crew_from_h, severity)
        work: dict[int, str] = {}
        for change in changes:
            if change.reason:
                self._end(job, change.column, [change.kind], change.reason)
                work[change.column] = "corrective"
        for column in np.flatnonzero(self._service_day == self._clock.day_of_year(day)).tolist():
            self._end(job, column, self._faults.active_on(column), "service")
            self._clean(job, column)
            work[column] = "annual-service"
        hours = self._clock.hours
        stopped = (hours >= self._policy.crew_from_h) & (hours < self._policy.crew_until_h)
        for column in work:
            free[stopped, column] = False
        return [Logged(job.time_ms, column, "maintenance", code) for column, code in work.items()]

    def _mend_after(self, trip: Trip, day: int, severity: Severity) -> None:
        """Find what caused a shutdown, note it, and mend everything that may have had a part in it."""
        asset = self._names[trip.column]
        suspects = () if trip.is_sudden else _SUSPECTS[trip.code]
        size = {key: float(severity.developed(key)[trip.step, trip.column]) for key in suspects}
        worst = max(size, key=lambda key: size[key], default="")
        cause = worst if worst and size[worst] >= _IMPLICATED else ""
        self._truth.shutdowns.append(ShutdownRecord(asset, trip.time_ms, trip.code, cause, trip.is_sudden))
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
            self._truth.end(self._names[column], GRADUAL[kind].key, job.time_ms, reason)

    def _clean(self, job: _Job, column: int) -> None:
        self._faults.clean(column)
        job.severity.scale[job.after, column] = 0.0

    def _overrides(self, day: int, limited: Int8) -> list[Logged]:
        """Log an override that begins after six hours without one."""
        steps = np.arange(self._clock.steps)[:, None]
        seen = np.where(limited > 0, steps, -1 - self._limited_ago)
        last = np.maximum.accumulate(np.vstack([-1 - self._limited_ago, seen]), axis=0)
        quiet = _QUIET_H * 3600 // self._clock.period_s
        begun = (limited > 0) & (steps - 1 - last[:-1] >= quiet)
        self._limited_ago = self._clock.steps - 1 - last[-1]
        times = self._clock.time_ms(day).tolist()
        return [
            Logged(times[step], column, "override", OVERRIDES[limited[step, column] - 1])
            for step, column in np.argwhere(begun).tolist()
        ]

    def _event(self, line: Logged) -> Event:
        return Event(line.time_ms, self._names[line.column], line.kind, line.code)
