"""The feature store from the command line: what is in it, what a dataset holds, and how two differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from chillcast.models.learning import expect
from chillcast.resources import Resources
from chillcast.shipped import find_file
from chillcast.terminal.reporter import Reporter
from chillcast.training.truth import keep_truth
from models.errors import ConfigError, ModelError
from models.event_time import DAY_MS
from models.features.expectation import Expectation, Fold
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory, read_inventory
from models.learning.history import History
from models.registry.manifest import champion, load_expectation
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of, select, verify
from models.store.feature_store import FeatureStore, Origin, StoredSchema, stored_schema
from models.telemetry.event_log import EventLog
from models.telemetry.samples import TimeSlice, utc
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.recordings.sources import exists
from simulators.replay.playable import Playable, by_time, open_recording

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

    def open(self) -> Simulation | Playable:
        """Return what its slices come from."""
        if self.path.suffix == ".toml":
            return Simulation(load_scenario(self.path), self.fleet)
        return open_recording(self.path, self.fleet)

    def slices(self, source: Simulation | Playable) -> Iterable[TimeSlice]:
        """Return what an opened past sends, with a scenario's dirt on it."""
        arriving = source.delivered() if isinstance(source, Simulation) else source.slices()
        return by_time(self.fleet, arriving) if self.by_time else arriving


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


def parse_date(text: str, option: str) -> int:
    """Return UTC milliseconds of a date or time, which is UTC where it has no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("command line", option, text, "a date, as 2013-04-24") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def backfill(
    resources: Resources, past: HistorySource, expect_until: str | None, reporter: Reporter
) -> dict[str, Any]:
    """Land a past in the feature store, through the kernel that serves the stream."""
    fleet, store = resources.fleet, resources.feature_store
    history = History(fleet, (), *_expectation(resources, past, expect_until, reporter))
    schema = stored_schema(history.schema)
    store.describe(schema, history.expectation)
    source, windows, events = past.open(), 0, 0
    with reporter.step(f"landing {past.path.name}") as advance:
        for number, part in enumerate(past.slices(source)):
            windows += _land(store, schema, history, part, Origin(past.name, number, number))
            events += len(part.events)
            advance(_share(source, part.end_ms), utc(part.end_ms))
    if source.inventory.machines:
        store.keep_inventory(source.inventory)
    if isinstance(source, Simulation):
        keep_truth(store, past.name, source.shutdowns)
    too_late = history.tally.too_late
    if too_late:
        reporter.alarm(_TOO_LATE.format(too_late, past.path, fleet.sampling.lateness_s))
    return {
        "fleet": fleet.name,
        "fingerprint": schema.fingerprint,
        "samples": history.tally.samples,
        "too_late": too_late,
        "windows": windows,
        "events": events,
        "assets": len(history.assets),
    }


def _share(source: Simulation | Playable, end_ms: int) -> float:
    first_ms, last_ms = source.scenario.range_ms if isinstance(source, Simulation) else source.range_ms
    return (end_ms - first_ms) / (last_ms - first_ms)


def _land(
    store: FeatureStore, schema: StoredSchema, history: History, part: TimeSlice, origin: Origin
) -> int:
    """Land a slice and the windows that it closes; return how many these are."""
    found = list(history.see(part))
    if found:
        store.land(schema, found, origin)
    store.land_events(part.events, origin)
    return sum(map(len, found))


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


def contents(store: FeatureStore) -> dict[str, Any]:
    """Return what a store holds: per fingerprint its days and files, and the datasets that were used."""
    schemas = []
    for fingerprint in store.fingerprints():
        files = store.window_files(fingerprint)
        days = [f.day_ms for f in files]
        schemas.append(
            {
                "fingerprint": fingerprint,
                "features": len(store.schema(fingerprint).feature_names),
                "from": utc(min(days)) if days else None,
                "until": utc(max(days) + DAY_MS) if days else None,
                "files": len(files),
                "bytes": sum((store.folder / f.path).stat().st_size for f in files),
            }
        )
    return {"windows": schemas, "datasets": [_named(d) for d in Catalogue(store).all()]}


def _named(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.digest,
        "fingerprint": dataset.fingerprint,
        "from": utc(dataset.from_ms),
        "until": utc(dataset.until_ms),
        "files": len(dataset.windows) + len(dataset.events),
    }


def define(store: FeatureStore, fleet: Fleet, span: tuple[str, str], fingerprint: str | None) -> Dataset:
    """Name what the store holds of a time range, and keep the name."""
    dataset = select(
        store, fleet.name, parse_date(span[0], "--from"), parse_date(span[1], "--until"), fingerprint
    )
    Catalogue(store).keep(dataset)
    return dataset


def describe(store: FeatureStore, fleet: Fleet, dataset: Dataset) -> dict[str, Any]:
    """Return what a dataset holds, having checked every file: windows, machines, outcomes, gaps."""
    verify(store, dataset)
    inventory = inventory_of(store, dataset)
    history = StoredHistory(store, dataset, fleet)
    windows, missing, values = 0, 0, 0
    days: list[int] = []
    for part in history.until(dataset.until_ms):
        history.keys(part)
        windows += len(part)
        chosen = part.values[:, history.wanted]
        missing, values = missing + int(np.isnan(chosen).sum()), values + chosen.size
        days.append(int(part.end_ms[0] - 1) // DAY_MS)
    happened = [e.code or e.kind for e in EventLog(history.events).outcomes]
    return {
        **_named(dataset),
        "assets": len(history.assets),
        "windows": windows,
        "missing_share": missing / values if values else None,
        "days_without_windows": (max(days) - min(days) + 1 - len(set(days))) if days else 0,
        "outcomes": len(happened),
        "inventory": {key: sizes_of(history.assets, inventory, key) for key in inventory.keys},
        "outcomes_by_code": {code: happened.count(code) for code in sorted(set(happened))},
    }


def sizes_of(assets: Iterable[str], inventory: Inventory, key: str) -> dict[str, int]:
    """Return how many of these machines each segment by ``key`` has; ``fleet`` if it is not known."""
    return dict(sorted(Counter(map(inventory.segments_by(key), assets)).items()))


def inventorise(store: FeatureStore, fleet: Fleet, path: Path) -> dict[str, Any]:
    """Take what a CSV file says of the machines into the store; return what is known now."""
    store.keep_inventory(read_inventory(path, fleet))
    known = store.read_inventory(store.inventory_files()[-1])
    values = {key: {m[key] for m in known.machines.values() if key in m} for key in known.keys}
    sizes = {key: len(found) for key, found in values.items()}
    return {"fleet": fleet.name, "machines": len(known.machines), "segments": sizes}


def prune(store: FeatureStore, before_ms: int, *, force: bool) -> dict[str, Any]:
    """Delete the windows and events of the days that end by ``before_ms``.

    Raises ConfigError, and deletes nothing, if a dataset stands on them, unless ``force`` is given: what
    was trained on such a dataset could not be trained again.
    """
    files = [f for name in store.fingerprints() for f in store.window_files(name)] + store.event_files()
    old = [f for f in files if f.day_ms + DAY_MS <= before_ms]
    gone = {f.path for f in old}
    hurt = [d.digest[:16] for d in Catalogue(store).all() if gone.intersection(d.windows + d.events)]
    if hurt and not force:
        expected = f"a date before datasets {', '.join(hurt)}, or --force: they could not be read again"
        raise ConfigError("command line", "--before", utc(before_ms), expected)
    return {"files": len(old), "bytes": store.drop(old), "datasets_lost": hurt}


def difference(store: FeatureStore, one: Dataset, other: Dataset) -> dict[str, Any]:
    """Return how two datasets differ: in their questions, their features and their files."""
    query = {
        name: [getattr(one, name), getattr(other, name)]
        for name in ("fleet", "fingerprint", "from_ms", "until_ms", "inventory")
        if getattr(one, name) != getattr(other, name)
    }
    first, second = (store.schema(d.fingerprint).feature_names for d in (one, other))
    return {
        "same": one.digest == other.digest,
        "query": query,
        "features_only_in_first": _only(first, second),
        "features_only_in_second": _only(second, first),
        "files_only_in_first": _only((*one.windows, *one.events), (*other.windows, *other.events)),
        "files_only_in_second": _only((*other.windows, *other.events), (*one.windows, *one.events)),
    }


def _only(these: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [name for name in these if name not in known]
