"""A simulated fleet as the mean readings of each day, its expectation, and what is done to its instruments.

The expectation is the real one, fitted on the days before those that are watched. The simulator's truth is
for judging alone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from models.event_time import DAY_MS
from models.features.channels import residual_points
from models.features.expectation import AppliedExpectation
from models.features.expectation_fit import fit_expectation
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.telemetry.event_log import OUTCOME
from models.telemetry.labels import Bools
from models.telemetry.samples import Event, Float64, Int64, Samples, TimeSlice
from simulators.fleet.scenario import Scenario
from simulators.fleet.simulation import Simulation
from simulators.instruments.points import POINTS
from simulators.truth import FaultRecord

HISTORY_D, WATCHED_D = 300, 300
_SITES, _LEAST_SHARE = 2, 1 / 6
NOISE = {point.key: (point.sigma, point.relative) for point in POINTS}
Table = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lived:
    """Daily means while running (D, A, S) of every sensor, NaN on a day of rest, and what happened."""

    daily: Table
    start_ms: int
    assets: tuple[str, ...]
    inventory: Inventory
    events: tuple[Event, ...]
    faults: tuple[FaultRecord, ...]

    def days_of(self, asset: str) -> Int64:
        """Return the days on which a machine was worked on, or shut down."""
        own = [e.time_ms for e in self.events if e.asset == asset and e.kind in ("maintenance", OUTCOME)]
        return (np.array(own, np.int64) - self.start_ms) // DAY_MS

    def segments_of(self, asset: str) -> tuple[str, ...]:
        """Return the segments that are watched."""
        known = self.inventory.machines[asset]
        return f"model:{known['model']}", f"site:{known['site']}"

    def members(self, segment: str) -> Bools:
        """Return (A,) which machines are of a segment."""
        return np.array([segment in self.segments_of(asset) for asset in self.assets])


def lived(fleet: Fleet, steady: Scenario, seed: int, assets: int) -> Lived:
    """Simulate a history and the days that are watched."""
    scenario = replace(steady, seed=seed, assets=assets, days=HISTORY_D + WATCHED_D, start=date(2023, 2, 1))
    simulation = Simulation(scenario, fleet)
    load, days, events = fleet.keys.index("motor_load"), [], list[Event]()
    for part in simulation.slices():
        values = part.samples.values.reshape(len(simulation.assets), -1, len(fleet.keys))
        runs = values[:, :, load] > fleet.running.above if fleet.running else np.isfinite(values[:, :, load])
        kept = np.where(runs[:, :, None], values, np.float32(np.nan))
        with np.errstate(all="ignore"):
            mean = np.nansum(kept, axis=1) / np.isfinite(kept).sum(axis=1)
        days.append(np.where(runs.mean(axis=1)[:, None] >= _LEAST_SHARE, mean, np.nan).astype(np.float32))
        events += part.events
    known = {name: _placed(about) for name, about in simulation.inventory.machines.items()}
    happened = tuple(events), tuple(simulation.faults)
    return Lived(np.stack(days), scenario.range_ms[0], simulation.assets, Inventory(known), *happened)


def _placed(about: dict[str, str]) -> dict[str, str]:
    group, _, plant = about["plant"].partition("-")
    return {"model": about["model"], "site": f"{(int(group) + int(plant)) % _SITES}"}


class Reference:
    """What each point of a fleet should read, learnt from its history."""

    def __init__(self, fleet: Fleet, machines: Lived) -> None:
        self.machines = machines
        history = self._samples(machines.daily[:HISTORY_D], machines.assets, 0)
        end_ms = machines.start_ms + HISTORY_D * DAY_MS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            fitted = fit_expectation(fleet, [TimeSlice(machines.start_ms, end_ms, history)])
        assert fitted is not None, "the fleet has expectations"
        self.expectation, self.points = fitted.expectation, residual_points(fleet)
        self.applied = AppliedExpectation(fleet, fitted.expectation)
        self._first = len(fleet.points)

    def residuals(self, daily: Table, assets: tuple[str, ...]) -> Table:
        """Return (D, A, R) what points read beside what they should, in deviations of a day's mean."""
        samples = self._samples(daily, assets, HISTORY_D)
        channels = self.applied.channels(assets, samples.asset, samples.time_ms, samples.values)
        shape = *daily.shape[:2], len(self.points)
        return channels[:, self._first : self._first + len(self.points)].reshape(shape)

    def _samples(self, daily: Table, assets: tuple[str, ...], first_day: int) -> Samples:
        days, count = daily.shape[:2]
        asset = np.tile(np.arange(count, dtype=np.int32), days)
        at = self.machines.start_ms + (first_day + np.repeat(np.arange(days, dtype=np.int64), count)) * DAY_MS
        return Samples(assets, asset, at, daily.reshape(days * count, -1))


def off(daily: Table, column: int, key: str, noises: Float64, begin: int) -> Table:
    """Return days (D, 1, S) of a machine, an instrument of which reads ``noises`` (D',) more from one on."""
    out = daily.copy()
    sigma, relative = NOISE[key]
    shown = out[begin : begin + len(noises), 0, column]
    shown += noises * (sigma + relative * np.abs(shown))
    return out
