"""A simulated fleet: slices of telemetry and events, a day or some hours of event time each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.errors import ConfigError
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.telemetry.samples import Event, Float32, Int32, Int64, Samples, TimeSlice
from simulators.dirt.dirt import corrupt
from simulators.fleet.group import SIZE, Group
from simulators.fleet.scenario import Scenario
from simulators.fleet.spool import Spool
from simulators.truth import FaultRecord, ShutdownRecord

_MOST_ROWS = 500_000


class Simulation:
    """A run of a scenario: iterate ``slices`` once, then ask what really happened.

    The same scenario and fleet give the same bytes. Machines are simulated in groups of 128, and a fleet of
    fewer is the first of them, byte for byte: the others run on unseen. A run holds one day of one group and
    one slice of all, however long it is and however large the fleet; the rest of a large day lies on disk.
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

    def slices(self) -> Iterator[TimeSlice]:
        """Yield one slice per day, free of dirt: rows by asset, by time within each, and events by time.

        A day of a large fleet comes in as many parts as keep each below half a million rows, or by the hour.
        """
        clock, parts = self.scenario.clock, self._parts()
        spool = Spool(clock.steps, len(self._fleet.keys))
        for day in range(self.scenario.days):
            events: list[Event] = []
            groups = self._groups_of(day, events)
            if parts == 1:
                values = np.concatenate(list(groups))
                yield self._slice(day, slice(0, clock.steps), values, sorted(events))
                continue
            spool.fill(groups)
            for part in np.split(np.arange(clock.steps), parts):
                steps = slice(int(part[0]), int(part[-1]) + 1)
                yield self._slice(day, steps, spool.read(steps.start, steps.stop), sorted(events))

    def _groups_of(self, day: int, events: list[Event]) -> Iterator[Float32]:
        """Yield the values of one group after another; add what was logged to ``events``."""
        for group in self._groups:
            values, log = group.day(day)
            events += log
            yield values

    def _parts(self) -> int:
        """Return into how many slices a day is cut, each of whole hours where the sampling allows."""
        steps = self.scenario.clock.steps
        fitting = [n for n in (1, 2, 3, 4, 6, 8, 12, 24) if steps % n == 0]
        rows = self.scenario.assets * steps
        return next((n for n in fitting if rows <= n * _MOST_ROWS), fitting[-1])

    def delivered(self) -> Iterator[TimeSlice]:
        """Yield the same with the scenario's dirt on it, as a broker would be sent it."""
        return corrupt(self.slices(), self.scenario.dirt, self._fleet, self.scenario.seed)

    @property
    def faults(self) -> tuple[FaultRecord, ...]:
        """The faults up to now but for sudden ones, for evaluation alone, by the time they began."""
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

    def _slice(self, day: int, steps: slice, values: Float32, events: Sequence[Event]) -> TimeSlice:
        """Return ``steps`` of a day: their values (A, T, S), and the events that lie in them."""
        clock, (assets, count, sensors) = self.scenario.clock, values.shape
        start_ms = clock.start_ms(day) + steps.start * clock.period_s * 1000
        end_ms = clock.start_ms(day) + steps.stop * clock.period_s * 1000
        asset: Int32 = np.repeat(np.arange(assets, dtype=np.int32), count)
        time_ms: Int64 = np.tile(clock.time_ms(day)[steps], assets)
        samples = Samples(self.assets, asset, time_ms, values.reshape(-1, sensors))
        return TimeSlice(
            start_ms, end_ms, samples, tuple(e for e in events if start_ms <= e.time_ms < end_ms)
        )


def _check(scenario: Scenario, fleet: Fleet, last: str) -> None:
    if scenario.period_s != fleet.sampling.period_s:
        expected = f"sampling.period_s of fleet {fleet.name}, {fleet.sampling.period_s}"
        raise ConfigError(scenario.name, "period_s", scenario.period_s, expected)
    if not fleet.knows(last):
        raise ConfigError(scenario.name, "assets", scenario.assets, f"names like {fleet.asset_pattern}")
