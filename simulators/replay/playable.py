"""A recording that can be played: a table through its mapping, or a folder; as it is, or with dirt."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.errors import RecordingError
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory
from models.telemetry.samples import Event, TimeSlice, limits, utc
from simulators.dirt.dirt import CLEAN, Dirt, corrupt
from simulators.recordings.archive import MANIFEST, Archive
from simulators.recordings.recording import RecordingQuality, missing_samples, read_recording, repeats
from simulators.recordings.sources import exists
from simulators.replay.player import Open, since

_LAST_MS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a recording that is used: what arrives in [from_ms, until_ms)."""

    from_ms: int = 0
    until_ms: int = _LAST_MS

    def holds(self, time_ms: int) -> bool:
        """Return whether a moment lies within."""
        return self.from_ms <= time_ms < self.until_ms


EVER = Span()


@dataclass(frozen=True)
class Playable:
    """A recording; every call of ``slices`` gives the same."""

    fleet: Fleet
    events: tuple[Event, ...]
    clean: Open
    range_ms: tuple[int, int]
    dirt: Dirt = CLEAN
    seed: int = 1
    span: Span = EVER
    read: RecordingQuality | None = None
    inventory: Inventory = NOTHING

    def slices(self, from_ms: int | None = None) -> Iterator[TimeSlice]:
        """Yield what arrives from a moment on, or from the beginning."""
        start_ms = max(self.span.from_ms, from_ms or 0)
        parts = since(self.clean(start_ms), start_ms, self.span.until_ms)
        return corrupt(parts, self.dirt, self.fleet, self.seed)

    @functools.cached_property
    def quality(self) -> RecordingQuality:
        """What is in it; of a part, of a folder and of a soiled recording it is counted in one pass."""
        self_contained = (self.span, self.dirt) == (EVER, CLEAN)
        return self.read if self.read is not None and self_contained else _counted(self)


def open_recording(
    path: Path, fleet: Fleet, span: Span = EVER, dirt: Dirt = CLEAN, seed: int = 1
) -> Playable:
    """Open a folder that ``simulate`` or ``record`` wrote, or read a table through the fleet's mapping.

    Raises RecordingError where it is not there, or nothing of it lies within the span.
    """
    if not exists(path):
        raise RecordingError(f"{path}: no such file or folder")
    whole = path.is_dir() and ((path / MANIFEST).exists() or fleet.recording is None)
    opened = _folder(path, fleet) if whole else _table(path, fleet)
    first, last = opened.range_ms
    if first >= last:
        raise RecordingError(f"{path}: nothing was recorded in it")
    if span.from_ms >= last or span.until_ms <= first or span.from_ms >= span.until_ms:
        there = f"{utc(first)} to {utc(last)} (UTC)"
        raise RecordingError(f"{path}: nothing between --from and --until: it holds {there}")
    events = tuple(e for e in opened.events if span.holds(e.time_ms))
    return replace(opened, events=events, span=span, dirt=dirt, seed=seed)


def _folder(path: Path, fleet: Fleet) -> Playable:
    archive = Archive(path, fleet)
    held = archive.manifest
    span_ms = held.start_ms, held.end_ms
    return Playable(fleet, tuple(archive.events()), archive.slices, span_ms, inventory=held.inventory)


def _table(path: Path, fleet: Fleet) -> Playable:
    table = read_recording(path, fleet)
    found = table.quality
    return Playable(
        fleet,
        table.events,
        lambda _: table.slices(),
        (found.from_ms, found.until_ms + 1),
        read=found,
        inventory=table.inventory,
    )


def _counted(source: Playable) -> RecordingQuality:
    """Count rows, assets and what is missing in one pass; of duplicates those within one slice."""
    fleet, period_ms = source.fleet, source.fleet.sampling.period_ms
    low, high = limits(fleet.sensors)
    rows = gaps = twice = 0
    missing, wrong = (np.zeros(len(fleet.keys), np.int64) for _ in range(2))
    first, last, assets = _LAST_MS, 0, set[str]()
    for part in source.slices():
        samples = part.samples
        if not len(samples):
            continue
        rows, twice = rows + len(samples), twice + repeats(samples)
        gaps += missing_samples(samples, period_ms)
        missing += np.isnan(samples.values).sum(axis=0)
        with np.errstate(invalid="ignore"):
            wrong += ((samples.values < low) | (samples.values > high)).sum(axis=0)
        first, last = min(first, int(samples.time_ms.min())), max(last, int(samples.time_ms.max()))
        assets.update(samples.assets[i] for i in np.unique(samples.asset).tolist())
    if not rows:
        raise RecordingError("no row arrives in the part that is used")
    return RecordingQuality(
        rows=rows,
        assets=len(assets),
        from_ms=first,
        until_ms=last,
        unknown_assets=source.read.unknown_assets if source.read else 0,
        repeated_hours=source.read.repeated_hours if source.read else 0,
        duplicates=twice,
        missing_samples=gaps,
        missing=dict(zip(fleet.keys, missing.tolist(), strict=True)),
        implausible=dict(zip(fleet.keys, wrong.tolist(), strict=True)),
    )
