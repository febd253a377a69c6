"""A recording that can be played: a table through its mapping, or a folder; as it is, or with dirt."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.errors import RecordingError
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory
from models.telemetry.samples import Event, Samples, TimeSlice, join, limits, utc
from simulators.dirt.dirt import CLEAN, Dirt, corrupt
from simulators.recordings.archive import MANIFEST, Archive
from simulators.recordings.recording import RecordingQuality, missing_samples, read_recording, repeats, sliced
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
        """What is in it; of a part, of a folder and of a corrupted recording it is counted in one pass."""
        self_contained = (self.span, self.dirt) == (EVER, CLEAN)
        return self.read if self.read is not None and self_contained else _counted(self)


def open_recording(
    path: Path, fleet: Fleet, span: Span = EVER, dirt: Dirt = CLEAN, seed: int = 1
) -> Playable:
    """Open a folder that ``simulate`` or ``record`` wrote, or read a table through the fleet's mapping.

    Raises RecordingError if it is not there, or nothing of it lies within the span.
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


def by_time(fleet: Fleet, slices: Iterable[TimeSlice]) -> Iterator[TimeSlice]:
    """Yield what slices hold in order of its own time, whenever it arrived; all of it is kept in memory."""
    parts = list(slices)
    if not parts:
        return
    samples = join([part.samples for part in parts])
    events = sorted(event for part in parts for event in part.events)
    yield from sliced(fleet, samples.take(np.argsort(samples.time_ms, kind="stable")), events)


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
    counts = _Counts(source.fleet)
    for part in source.slices():
        if len(part.samples):
            counts.add(part.samples)
    if not counts.rows:
        raise RecordingError("no row arrives in the part that is used")
    return counts.quality(source.read)


class _Counts:
    """Counts over the samples that arrive."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.limits = fleet, limits(fleet.sensors)
        self.rows = self.gaps = self.twice = 0
        self.missing, self.wrong = (np.zeros(len(fleet.keys), np.int64) for _ in range(2))
        self.first_ms, self.last_ms = _LAST_MS, 0
        self.assets: set[str] = set()

    def add(self, samples: Samples) -> None:
        """Count samples, of which there is one at least."""
        low, high = self.limits
        self.rows, self.twice = self.rows + len(samples), self.twice + repeats(samples)
        self.gaps += missing_samples(samples, self.fleet.sampling.period_ms)
        self.missing += np.isnan(samples.values).sum(axis=0)
        with np.errstate(invalid="ignore"):
            self.wrong += ((samples.values < low) | (samples.values > high)).sum(axis=0)
        self.first_ms = min(self.first_ms, int(samples.time_ms.min()))
        self.last_ms = max(self.last_ms, int(samples.time_ms.max()))
        self.assets.update(samples.assets[i] for i in np.unique(samples.asset).tolist())

    def quality(self, read: RecordingQuality | None) -> RecordingQuality:
        """Return the counts, with those of ``read`` that only the reading of the whole file can give."""
        return RecordingQuality(
            rows=self.rows,
            assets=len(self.assets),
            from_ms=self.first_ms,
            until_ms=self.last_ms,
            unknown_assets=read.unknown_assets if read else 0,
            repeated_hours=read.repeated_hours if read else 0,
            duplicates=self.twice,
            missing_samples=self.gaps,
            missing=dict(zip(self.fleet.keys, self.missing.tolist(), strict=True)),
            implausible=dict(zip(self.fleet.keys, self.wrong.tolist(), strict=True)),
        )
