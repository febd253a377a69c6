"""Recordings of real fleets: tables of text or Parquet, read through the mapping in the fleet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.errors import ConfigError, RecordingError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory, of_columns
from models.fleet.recording import Recording
from models.intake.readings import Rows, held, joined, merged
from models.telemetry.samples import Event, Samples, TimeSlice, hold_ms, utc, value_type
from simulators.recordings.event_files import read_event_file, read_inventory_file
from simulators.recordings.event_rules import RuleLog
from simulators.recordings.layout import RecordingLayout, SensorRows
from simulators.recordings.rejects import Rejects
from simulators.recordings.sources import sources_at
from simulators.recordings.tables import as_text, read_table

_COMPACT_ROWS = 1_000_000
_FAR_D = 5 * 365
_MOST = 0.9


@dataclass(frozen=True, slots=True)
class RecordingQuality:
    """What a recording holds, and what of it is missing or implausible: counts of values per sensor.

    In ``duplicates`` rows a sensor is read again at the same time; ``merged_readings`` gave way to a later
    one of the same sensor in a sampling period. ``left_out`` counts what could not be used, by reason; the
    ``remarks`` name the first of each.
    """

    rows: int
    assets: int
    from_ms: int
    until_ms: int
    unknown_assets: int
    repeated_hours: int
    duplicates: int
    missing_samples: int
    missing: dict[str, int] = field(default_factory=dict)
    implausible: dict[str, int] = field(default_factory=dict)
    merged_readings: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """A recording in memory, in order of time."""

    fleet: Fleet
    samples: Samples
    events: tuple[Event, ...]
    quality: RecordingQuality
    inventory: Inventory = NOTHING

    def slices(self) -> Iterator[TimeSlice]:
        """Yield one slice per day, or per hop where that is longer."""
        return sliced(self.fleet, self.samples, self.events)


def sliced(fleet: Fleet, samples: Samples, events: Sequence[Event]) -> Iterator[TimeSlice]:
    """Yield samples and events, which are in order of time, in slices of a day, or of a longer hop."""
    span_ms = max(DAY_MS, fleet.sampling.hop_s * 1000)
    ends = [int(samples.time_ms[i]) for i in (0, -1) if len(samples)] + [e.time_ms for e in events]
    if not ends:
        return
    for start_ms in range(min(ends) // span_ms * span_ms, max(ends) + 1, span_ms):
        end_ms = start_ms + span_ms
        low, high = np.searchsorted(samples.time_ms, [start_ms, end_ms])
        now = tuple(e for e in events if start_ms <= e.time_ms < end_ms)
        yield TimeSlice(start_ms, end_ms, samples.take(np.arange(low, high)), now)


def read_recording(path: Path, fleet: Fleet) -> Recorded:
    """Read a recording of a fleet whose file has a [recording] table: a file, a folder, a glob or an archive.

    Of several readings of one sensor in a sampling period the last stays. Raises RecordingError with file,
    row (from 1, the heading not counted), column and value of what is wrong.
    """
    mapping = fleet.recording
    if mapping is None:
        raise ConfigError(fleet.name, "recording", None, "a table that says how the columns are to be read")
    return _RecordingReader(path, fleet, mapping).recorded()


class _RecordingReader:
    """One recording while it is read: rows gathered so far, merged where they are of one time."""

    def __init__(self, path: Path, fleet: Fleet, mapping: Recording) -> None:
        self.path, self.fleet, self.mapping, self.rejects = path, fleet, mapping, Rejects()
        self.layout = RecordingLayout(fleet, mapping, self.rejects)
        self.rules = [RuleLog(rule, f"recording.events[{i}]") for i, rule in enumerate(mapping.events)]
        self.rows = self.twice = 0
        self._parts: list[Rows] = []
        self._pending = self._compacted = 0
        self._machines: dict[str, tuple[int, dict[str, str | None]]] = {}

    def recorded(self) -> Recorded:
        """Read all of it."""
        self._read_files()
        rows, replaced = self._merged()
        samples = self._samples(rows)
        events = self._events(int(samples.time_ms[0]), int(samples.time_ms[-1]))
        quality = self._quality(samples, self._held(rows), replaced)
        return Recorded(self.fleet, samples, events, quality, self._inventory())

    def _read_files(self) -> None:
        others = [table.file for table in self.mapping.event_files]
        others += [self.mapping.inventory_file.file] if self.mapping.inventory_file else []
        for source in sources_at(self.path).chosen(self.mapping.files, others):
            for chunk in read_table(source, self.mapping, self.layout.heading, self.rejects):
                self.rows += len(chunk)
                for block in self.layout.blocks(chunk):
                    self._take(block)
        if not self.rows:
            raise RecordingError(f"{self.path}: no row")
        self.layout.check_seen(str(self.path))

    def _take(self, block: SensorRows) -> None:
        for rule in self.rules:
            rule.add(block)
        if self.mapping.inventory:
            self._note_machines(block)
        said = ~np.isnan(block.rows.values).all(axis=1)
        rows = block.rows.take(np.flatnonzero(said)) if self.mapping.value else block.rows
        self._parts.append(Rows(rows.asset, rows.time_ms, rows.values.astype(value_type(self.fleet.sensors))))
        self._pending += len(rows)
        if self._pending > max(_COMPACT_ROWS, 2 * self._compacted):
            self._compact()

    def _compact(self) -> None:
        found = merged(joined(self._parts))
        self.twice += found.twice
        self._parts, self._compacted, self._pending = [found.rows], len(found.rows), 0

    def _merged(self) -> tuple[Rows, int]:
        """Return one row for each machine and sampling period, and how many readings gave way."""
        period_ms = self.fleet.sampling.period_ms
        if not self._parts or not self._pending + self._compacted:
            raise RecordingError(f"{self.path}: no row that can be used{self._why()}")
        self._compact()
        rows = self._known(self._parts.pop())
        found = merged(self._of_one_age(rows), period_ms)
        return found.rows, found.replaced

    def _held(self, rows: Rows) -> Samples:
        """Return the rows as they stand while points hold, in which nothing is missing that is held."""
        shown = held(rows, hold_ms(self.fleet.sensors), self.fleet.sampling.period_ms)
        return Samples(tuple(self.layout.names.all), shown.asset, shown.time_ms, shown.values)

    def _known(self, rows: Rows) -> Rows:
        names = self.layout.names.all
        known = np.array([self.fleet.knows(name) for name in names], bool)[rows.asset]
        if not known.any():
            where = f"column {self.mapping.asset}: " if self.mapping.asset else ""
            there = ", ".join(map(repr, names[:5]))
            expected = f"no name like {self.fleet.asset_pattern}: there are {there}"
            raise RecordingError(f"{self.path}: {where}{expected}")
        return rows if known.all() else rows.take(np.flatnonzero(known))

    def _of_one_age(self, rows: Rows) -> Rows:
        """Leave out rows years apart from all others, as a year typed wrongly makes them.

        Raises RecordingError if it is not plain which are meant, and the fleet file does not say.
        """
        if self.mapping.earliest or self.mapping.latest:
            return rows
        days, count = np.unique(rows.time_ms // DAY_MS, return_counts=True)
        age = np.append(0, np.cumsum(np.diff(days) > _FAR_D))
        sizes = np.bincount(age, weights=count)
        main = int(sizes.argmax())
        if len(sizes) == 1:
            return rows
        own = days[age == main]
        day = rows.time_ms // DAY_MS
        inside = (day >= own[0]) & (day <= own[-1])
        odd = int(np.flatnonzero(~inside)[0])
        text = f"{self.layout.names.all[rows.asset[odd]]} at {utc(int(rows.time_ms[odd]))}"
        hint = "recording.earliest and latest say which days are meant"
        if sizes[main] < _MOST * sizes.sum():
            raise RecordingError(f"{self.path}: years lie between rows: {text}: {hint}")
        self.rejects.leave_out("rows years apart from all others", f"{text}; {hint}", int((~inside).sum()))
        return rows.take(np.flatnonzero(inside))

    def _samples(self, rows: Rows) -> Samples:
        order = np.lexsort((rows.asset, rows.time_ms))
        names, codes = self.layout.names.all, rows.asset[order]
        return Samples(tuple(names), codes, rows.time_ms[order], rows.values[order])

    def _events(self, from_ms: int, until_ms: int) -> tuple[Event, ...]:
        """Return all events of the fleet's machines, but those years apart from the samples."""
        names = self.layout.names.all
        found = [
            event for rule in self.rules for event in rule.events(names) if self.fleet.knows(event.asset)
        ]
        for table in self.mapping.event_files:
            own = read_event_file(self.path, table, self.fleet, self.rejects)
            if not own:
                self.rejects.leave_out("event files without an event", table.file)
            found += own
        near = [e for e in found if from_ms - _FAR_D * DAY_MS <= e.time_ms <= until_ms + _FAR_D * DAY_MS]
        for event in found:
            if not from_ms - _FAR_D * DAY_MS <= event.time_ms <= until_ms + _FAR_D * DAY_MS:
                self.rejects.leave_out(
                    "events years apart from all rows", f"{event.asset} at {utc(event.time_ms)}"
                )
        return tuple(sorted(set(near)))

    def _quality(self, samples: Samples, shown: Samples, replaced: int) -> RecordingQuality:
        low = np.array([s.low for s in self.fleet.sensors], np.float32)
        high = np.array([s.high for s in self.fleet.sensors], np.float32)
        with np.errstate(invalid="ignore"):
            wrong = ((samples.values < low) | (samples.values > high)).sum(axis=0)
        absent = np.isnan(shown.values).sum(axis=0)
        keys, machines = self.fleet.keys, len(np.unique(samples.asset))
        said = [remark for rule in self.rules if (remark := rule.remark())]
        return RecordingQuality(
            rows=self.rows,
            assets=machines,
            from_ms=int(samples.time_ms[0]),
            until_ms=int(samples.time_ms[-1]),
            unknown_assets=sum(not self.fleet.knows(name) for name in self.layout.names.all),
            repeated_hours=self.layout.clock.repeated,
            duplicates=self.twice,
            missing_samples=missing_samples(shown, self.fleet.sampling.period_ms),
            missing=dict(zip(keys, absent.tolist(), strict=True)),
            implausible=dict(zip(keys, wrong.tolist(), strict=True)),
            merged_readings=replaced,
            left_out=dict(self.rejects.counts),
            remarks=(*said, *self.rejects.remarks()),
        )

    def _note_machines(self, block: SensorRows) -> None:
        """Remember what the last row of each machine says that it is."""
        rows, names = block.rows, self.layout.names.all
        last = dict(zip(rows.asset.tolist(), range(len(rows)), strict=True))
        if not (np.diff(rows.time_ms) >= 0).all():
            order = np.argsort(rows.time_ms, kind="stable")
            last = dict(zip(rows.asset[order].tolist(), order.tolist(), strict=True))
        there = {key: name for key, name in self.mapping.inventory.items() if name in block.chunk.columns}
        columns = {key: as_text(block.chunk.columns[name]) for key, name in there.items()}
        for asset, row in last.items():
            known, time_ms = self._machines.get(names[asset]), int(rows.time_ms[row])
            if known is None or time_ms >= known[0]:
                self._machines[names[asset]] = time_ms, {k: c[row].as_py() for k, c in columns.items()}

    def _inventory(self) -> Inventory:
        found = {name: known for name, (_, known) in self._machines.items() if self.fleet.knows(name)}
        table = self.mapping.inventory_file
        if table is None:
            return of_columns(found) if found else NOTHING
        return of_columns(found).merged(read_inventory_file(self.path, table, self.fleet, self.rejects))

    def _why(self) -> str:
        return "".join(f"; {remark}" for remark in self.rejects.remarks())


def repeats(samples: Samples) -> int:
    """Return how many rows have the asset and the time of another."""
    order = np.lexsort((samples.asset, samples.time_ms))
    same = (np.diff(samples.time_ms[order]) == 0) & (np.diff(samples.asset[order]) == 0)
    return int(same.sum())


def missing_samples(samples: Samples, period_ms: int) -> int:
    """Return how many sampling periods between an asset's first and last sample have none."""
    asset, period = samples.asset.astype(np.int64), samples.time_ms // period_ms
    distinct = np.unique(np.stack([asset, period]), axis=1)
    first = np.append(True, np.diff(distinct[0]) != 0)
    last = np.append(np.diff(distinct[0]) != 0, True)
    spans = distinct[1, last] - distinct[1, first] + 1
    return int(spans.sum() - distinct.shape[1])
