"""A simulated fleet: one slice of telemetry and events per day of event time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.errors import ConfigError
from models.fleet import Fleet
from models.frames import Event, Float32, Frames, Int32, Int64, Slice
from models.inventory import Inventory
from simulators.dirt import soil
from simulators.group import SIZE, Group
from simulators.scenario import Scenario
from simulators.truth import FaultRecord, ShutdownRecord


class Simulation:
    """A run of a scenario: iterate ``slices`` once, then ask what really happened.

    The same scenario and fleet give the same bytes. Machines are simulated in groups of 128, and a fleet of
    fewer is the first of them, byte for byte: the others run on unseen. A run holds one day of telemetry
    however long it is.
    """

    def __init__(self, scenario: Scenario, fleet: Fleet) -> None:
        """Raise ConfigError when the scenario and the fleet file do not fit together."""
        self.scenario, self._fleet = scenario, fleet
        groups = -(-scenario.assets // SIZE)
        names = tuple(f"CH-{i:04d}" for i in range(1, groups * SIZE + 1))
        self.assets = names[: scenario.assets]
        _check(scenario, fleet, self.assets[-1])
        self._groups = [
            Group(scenario, fleet, n, names[n * SIZE : (n + 1) * SIZE], min(scenario.assets - n * SIZE, SIZE))
            for n in range(groups)
        ]

    def slices(self) -> Iterator[Slice]:
        """Yield one slice per day, free of dirt: rows by asset, by time within each, and events by time."""
        for day in range(self.scenario.days):
            parts = [group.day(day) for group in self._groups]
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
        return tuple(sorted((f for g in self._groups for f in g.faults), key=lambda f: (f.begin_ms, f.asset)))

    @property
    def shutdowns(self) -> tuple[ShutdownRecord, ...]:
        """The safety shutdowns up to now and their causes, for evaluation alone, by time."""
        found = (s for g in self._groups for s in g.shutdowns)
        return tuple(sorted(found, key=lambda s: (s.time_ms, s.asset)))

    @property
    def inventory(self) -> Inventory:
        """What the machines are: what their nameplates say, their plants, buildings and climates."""
        return Inventory({name: known for g in self._groups for name, known in g.inventory.items()})

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
