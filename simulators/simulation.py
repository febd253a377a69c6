"""A simulated fleet: one slice of telemetry and events per day of event time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.errors import ConfigError
from models.fleet import Fleet
from models.frames import Event, Float32, Frames, Int32, Int64, Slice
from models.inventory import Inventory
from simulators.dirt import soil
from simulators.plant import LARGEST, Plant
from simulators.scenario import Scenario
from simulators.truth import FaultRecord, ShutdownRecord


class Simulation:
    """A run of a scenario: iterate ``slices`` once, then ask what really happened.

    The same scenario and fleet give the same bytes. Machines are simulated in plants of up to 128, so a run
    holds one day of telemetry however long it is.
    """

    def __init__(self, scenario: Scenario, fleet: Fleet) -> None:
        """Raise ConfigError when the scenario and the fleet file do not fit together."""
        self.scenario, self._fleet = scenario, fleet
        self.assets = tuple(f"CH-{i:04d}" for i in range(1, scenario.assets + 1))
        _check(scenario, fleet, self.assets[-1])
        cuts = range(0, scenario.assets, LARGEST)
        self._plants = [Plant(scenario, fleet, n, self.assets[c : c + LARGEST]) for n, c in enumerate(cuts)]

    def slices(self) -> Iterator[Slice]:
        """Yield one slice per day, free of dirt: rows by asset, by time within each, and events by time."""
        for day in range(self.scenario.days):
            parts = [plant.day(day) for plant in self._plants]
            events = sorted(e for _, log in parts for e in log)
            frames = self._frames(day, np.concatenate([values for values, _ in parts]))
            clock = self.scenario.clock
            yield Slice(clock.start_ms(day), clock.start_ms(day + 1), frames, tuple[Event, ...](events))

    def delivered(self) -> Iterator[Slice]:
        """Yield the same with the scenario's dirt on it, as a broker would be sent it."""
        return soil(self.slices(), self.scenario.dirt, self._fleet, self.scenario.seed)

    @property
    def faults(self) -> tuple[FaultRecord, ...]:
        """The gradual faults up to now, for evaluation alone, by the time they began."""
        return tuple(
            sorted((f for p in self._plants for f in p.truth.faults), key=lambda f: (f.begin_ms, f.asset))
        )

    @property
    def shutdowns(self) -> tuple[ShutdownRecord, ...]:
        """The safety shutdowns up to now and their causes, for evaluation alone, by time."""
        found = (s for p in self._plants for s in p.truth.shutdowns)
        return tuple(sorted(found, key=lambda s: (s.time_ms, s.asset)))

    @property
    def inventory(self) -> Inventory:
        """What the machines are, as their nameplates say."""
        models = (model for plant in self._plants for model in plant.models)
        return Inventory({name: m.nameplate for name, m in zip(self.assets, models, strict=True)})

    def _frames(self, day: int, values: Float32) -> Frames:
        assets, steps, sensors = values.shape
        asset: Int32 = np.repeat(np.arange(assets, dtype=np.int32), steps)
        time_ms: Int64 = np.tile(self.scenario.clock.time_ms(day), assets)
        return Frames(self.assets, asset, time_ms, values.reshape(-1, sensors))


def simulate(scenario: Scenario, fleet: Fleet) -> Iterator[Slice]:
    """Return the telemetry and events of a scenario, one slice per day, with its dirt on them."""
    return Simulation(scenario, fleet).delivered()


def _check(scenario: Scenario, fleet: Fleet, last: str) -> None:
    if scenario.period_s != fleet.sampling.period_s:
        expected = f"sampling.period_s of fleet {fleet.name}, {fleet.sampling.period_s}"
        raise ConfigError(scenario.name, "period_s", scenario.period_s, expected)
    if not fleet.knows(last):
        raise ConfigError(scenario.name, "assets", scenario.assets, f"names like {fleet.asset_pattern}")
