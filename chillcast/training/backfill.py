"""A past lands in the feature store, through the kernel that serves the stream, by groups of machines."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chillcast.models.learning import expect
from chillcast.resources import Resources
from chillcast.shipped import find_file
from chillcast.terminal.reporter import Advance, Reporter
from chillcast.training.datasets import parse_date
from chillcast.training.truth import keep_truth
from models.errors import ConfigError, ModelError
from models.features.expectation import Expectation, Fold
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.learning.history import History
from models.learning.task_pool import HERE, TaskPool
from models.registry.manifest import champion, load_expectation
from models.store.feature_store import FeatureStore, Origin, stored_schema
from models.telemetry.samples import TimeSlice, utc
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.recordings.sources import exists
from simulators.replay.playable import Playable, by_time, open_recording
from simulators.truth import ShutdownRecord

_TOO_LATE = (
    "{} samples of {} are in no window: they arrived more than lateness_s = {} after newer ones of their "
    "machine, as on a stream; --by-time takes them by their times"
)


@dataclass(frozen=True, slots=True)
class HistorySource:
    """A recording or a scenario, and a name for it; ``by_time``: taken by its times, not as it arrived."""

    name: str
    path: Path
    fleet: Fleet
    by_time: bool = False

    @property
    def is_simulated(self) -> bool:
        """Whether it is a scenario."""
        return self.path.suffix == ".toml"

    def open(self) -> Simulation | Playable:
        """Return what its slices come from."""
        if self.is_simulated:
            return Simulation(load_scenario(self.path), self.fleet)
        return open_recording(self.path, self.fleet)

    def slices(self, source: Simulation | Playable) -> Iterable[TimeSlice]:
        """Return what an opened past sends, with a scenario's dirt on it."""
        arriving = source.delivered() if isinstance(source, Simulation) else source.slices()
        return by_time(self.fleet, arriving) if self.by_time else arriving


@dataclass(frozen=True)
class MachineGroup:
    """The machines of a past whose names hash to ``number`` of ``groups``, and how their windows are made."""

    past: HistorySource
    folder: Path
    expectation: Expectation | None
    folds: Sequence[Fold]
    number: int = 0
    groups: int = 1

    @property
    def name(self) -> str:
        """Names the files that come of it."""
        return self.past.name if self.groups == 1 else f"{self.past.name}.{self.number}of{self.groups}"

    def of(self, part: TimeSlice) -> TimeSlice:
        """Return what a slice has of these machines."""
        if self.groups == 1:
            return part
        own = np.array([self._has(name) for name in part.samples.assets], np.bool_)
        rows = own[part.samples.asset]
        return replace(
            part,
            samples=part.samples.narrowed(rows),
            events=tuple(event for event in part.events if self._has(event.asset)),
            arrival_ms=None if part.arrival_ms is None else part.arrival_ms[rows],
        )

    def _has(self, asset: str) -> bool:
        return zlib.crc32(asset.encode()) % self.groups == self.number


@dataclass(frozen=True, slots=True)
class Landed:
    """What a group of machines had; ``inventory``, and ``shutdowns`` if simulated, are of all machines."""

    samples: int
    too_late: int
    windows: int
    events: int
    assets: int
    inventory: Inventory
    shutdowns: Sequence[ShutdownRecord]


def past_of(name: str, fleet: Fleet, *, by_time: bool = False) -> HistorySource:
    """Return the past that a name means: a recording's path, or a scenario's, or that of a shipped one.

    Raises ConfigError if there is neither.
    """
    path = Path(name)
    if not exists(path):
        path = find_file(name, "scenario")
    if not exists(path):
        raise ConfigError("command line", "source", name, "a recording or a scenario that is there")
    return HistorySource(re.sub(r"[^A-Za-z0-9._]", "_", path.stem), path, fleet, by_time)


def backfill(
    resources: Resources,
    past: HistorySource,
    expect_until: str | None,
    reporter: Reporter,
    pool: TaskPool = HERE,
) -> dict[str, Any]:
    """Land a past in the feature store; as many groups of machines side by side as the pool is wide."""
    store = resources.feature_store
    expectation, folds = _expectation(resources, past, expect_until, reporter)
    schema = stored_schema(History(resources.fleet, (), expectation, folds).schema)
    store.describe(schema, expectation)
    with reporter.step(f"landing {past.path.name}") as advance:
        group = MachineGroup(past, store.folder, expectation, folds)
        found = [land(group, advance)] if pool == HERE else list(_side_by_side(group, pool, advance))
    if found[0].inventory.machines:
        store.keep_inventory(found[0].inventory)
    if past.is_simulated:
        keep_truth(store, past.name, found[0].shutdowns)
    too_late = sum(one.too_late for one in found)
    if too_late:
        reporter.alarm(_TOO_LATE.format(too_late, past.path, resources.fleet.sampling.lateness_s))
    return {
        "fleet": resources.fleet.name,
        "fingerprint": schema.fingerprint,
        "samples": sum(one.samples for one in found),
        "too_late": too_late,
        "windows": sum(one.windows for one in found),
        "events": sum(one.events for one in found),
        "assets": sum(one.assets for one in found),
    }


def land(group: MachineGroup, advance: Advance = lambda *_: None) -> Landed:
    """Land what a past has of a group of machines: a task of its own."""
    past, store = group.past, FeatureStore(group.folder)
    history = History(past.fleet, (), group.expectation, group.folds)
    schema, source, windows, events = stored_schema(history.schema), past.open(), 0, 0
    for number, part in enumerate(map(group.of, past.slices(source))):
        origin, found = Origin(group.name, number, number), list(history.see(part))
        if found:
            store.land(schema, found, origin)
        store.land_events(part.events, origin)
        windows, events = windows + sum(map(len, found)), events + len(part.events)
        advance(_share(source, part.end_ms), utc(part.end_ms))
    tally, assets = history.tally, len(history.assets)
    shutdowns = source.shutdowns if isinstance(source, Simulation) else ()
    return Landed(tally.samples, tally.too_late, windows, events, assets, source.inventory, shutdowns)


def _side_by_side(whole: MachineGroup, pool: TaskPool, advance: Advance) -> Iterator[Landed]:
    groups = [replace(whole, number=n, groups=pool.width) for n in range(pool.width)]
    with pool.opened() as executor:
        tasks = [executor.submit(land, group) for group in groups]
        for done, task in enumerate(as_completed(tasks), 1):
            yield task.result()
            advance(done / len(tasks), f"{done} of {len(tasks)} groups of machines")


def _share(source: Simulation | Playable, end_ms: int) -> float:
    first_ms, last_ms = source.scenario.range_ms if isinstance(source, Simulation) else source.range_ms
    return (end_ms - first_ms) / (last_ms - first_ms)


def _expectation(
    resources: Resources, past: HistorySource, expect_until: str | None, reporter: Reporter
) -> tuple[Expectation | None, Sequence[Fold]]:
    """Learn what is normal from the past's beginning, else take what the champion expects."""
    if not past.fleet.expectation:
        return None, ()
    if expect_until is None:
        try:
            return load_expectation(champion(resources.promotions.folder)[1]), ()
        except ModelError as error:
            expected = f"a date up to which what is normal is learnt ({error})"
            raise ConfigError("command line", "--expect-until", None, expected) from error
    until_ms = parse_date(expect_until, "--expect-until")
    found = expect(past.fleet, past.slices(past.open()), until_ms, reporter)
    return found.parts if found else (None, ())
