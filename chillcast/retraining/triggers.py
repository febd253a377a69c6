"""What has a model trained again: each trigger says why, or nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from chillcast.retraining.retraining_config import Triggers
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import FLEET
from models.store.feature_store import FeatureStore
from models.telemetry.event_log import FINDING, OUTCOME
from streams.stores.selection import DETECTOR, TIME, Condition, Selection
from streams.stores.store import Reader

_MOST_SIGNALS = 50_000


class Fired(msgspec.Struct, frozen=True):
    """A trigger, and why it fired in words; ``segments`` are those that came to their instances."""

    trigger: str
    why: str
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """What is looked at: ``now_ms`` is how far the fleet is seen, ``since_ms`` up to when was last learnt.

    ``champion_ms`` is since when the champion scores: what was told of another's scores says nothing of it.
    ``seen`` are the names of the champion's features, ``segments`` those that need no model any more, since
    they have one or were tried.
    """

    fleet: Fleet
    reader: Reader
    store: FeatureStore
    now_ms: int
    since_ms: int
    champion_ms: int
    fingerprint: str
    seen: Sequence[str]
    segments: frozenset[str]
    by: Sequence[str]

    def fired(self, wanted: Triggers) -> list[Fired]:
        """Return every trigger that fires, in the order in which they are asked."""
        asked: tuple[Callable[[Triggers], Fired | None], ...] = (
            self._sensors,
            self._drift,
            self._outcomes,
            self._segments,
            self._schedule,
        )
        return [found for one in asked if (found := one(wanted)) is not None]

    def _sensors(self, wanted: Triggers) -> Fired | None:
        new = [k for k in self.fleet.keys if not any(name.startswith(f"{k}.") for name in self.seen)]
        if not (wanted.new_sensors and new):
            return None
        return Fired("new sensor", f"the champion has never seen {', '.join(new)}")

    def _drift(self, wanted: Triggers) -> Fired | None:
        """Fire if the fleet, or so many machines, have changed, and stay so, since so many days."""
        if wanted.drift_days is None:
            return None
        changed = _changed(self._signals(wanted.drift_detectors))
        when = {"the fleet": changed.pop("")} if "" in changed else {}
        if len(changed) >= wanted.drift_machines:
            when[f"{len(changed)} machines"] = sorted(changed.values())[wanted.drift_machines - 1]
        for what, since_ms in when.items():
            days = (self.now_ms - since_ms) / DAY_MS
            if days >= wanted.drift_days:
                return Fired("drift", f"{what} changed, and stayed so for {days:.0f} days")
        return None

    def _signals(self, detectors: Sequence[str]) -> list[tuple[int, str, float]]:
        since = Condition(TIME, ">", float(max(self.since_ms, self.champion_ms)))
        asked = since, Condition(DETECTOR, "of", tuple(detectors))
        found = self.reader.select(Selection("drift", TIME, asked, most=_MOST_SIGNALS, every=True))
        return [
            (row.time_ms, row.tags.get("asset", ""), row.number("value"))
            for row in found.rows
            if row.time_ms <= self.now_ms
        ]

    def _outcomes(self, wanted: Triggers) -> Fired | None:
        if wanted.outcomes is None:
            return None
        files = [f for f in self.store.event_files() if f.day_ms + DAY_MS > self.since_ms]
        events = {e for f in files for e in self.store.read_events(f)}
        kinds = Counter(e.kind for e in events if self.since_ms < e.time_ms <= self.now_ms)
        if kinds[OUTCOME] + kinds[FINDING] < wanted.outcomes:
            return None
        return Fired("feedback", f"{kinds[OUTCOME]} shutdowns and {kinds[FINDING]} findings have come")

    def _segments(self, wanted: Triggers) -> Fired | None:
        if wanted.segment_instances is None or not self.by:
            return None
        instances = self._instances()
        ripe = sorted(name for name, n in instances.items() if n >= wanted.segment_instances)
        new = tuple(name for name in ripe if name not in self.segments)
        if not new:
            return None
        said = ", ".join(f"{name} {instances[name]}" for name in new)
        return Fired("segment", f"segments without a model have windows enough: {said}", new)

    def _instances(self) -> Mapping[str, int]:
        """Return the windows on the training stride of each segment, called as a set calls its members."""
        files = self.store.inventory_files()
        if not files:
            return {}
        inventory, step = self.store.read_inventory(files[-1]), (self.fleet.training.stride_s or 1) * 1000
        machines = Counter[str]()
        for file in self.store.window_files(self.fingerprint):
            keys = self.store.read_windows(file, ())
            kept = (keys["end_ms"].to_numpy() % step == 0) & (keys["revision"].to_numpy() == 0)
            machines.update(np.array(keys["asset"].to_pylist(), object)[kept].tolist())
        found = Counter[str]()
        for by in self.by:
            segment_of = inventory.segments_by(by)
            for asset, n in machines.items():
                if (segment := segment_of(asset)) != FLEET:
                    found[segment] += n
        return found

    def _schedule(self, wanted: Triggers) -> Fired | None:
        days = (self.now_ms - self.since_ms) / DAY_MS
        if wanted.every_days is None or days < wanted.every_days:
            return None
        return Fired("schedule", f"what was last learnt from is {days:.0f} days old")


def _changed(signals: Sequence[tuple[int, str, float]]) -> dict[str, int]:
    """Return since when each machine's scores have changed, of those that did not change back.

    >>> _changed([(1, "a", -2.0), (1, "b", 1.0), (9, "b", -1.1)])
    {'a': 1}
    >>> _changed([(1, "a", 1.0), (2, "a", -1.0), (8, "a", 1.0)])
    {'a': 8}
    """
    since_ms: dict[str, int] = {}
    total, most = defaultdict[str, float](float), defaultdict[str, float](float)
    for time_ms, asset, value in sorted(signals):
        total[asset] += value
        most[asset] = max(most[asset], abs(value))
        since_ms.setdefault(asset, time_ms)
        if 2 * abs(total[asset]) < most[asset]:
            del since_ms[asset], most[asset]
    return since_ms
