"""The feature store: windows as they were scored, and the events beside them, in partitioned Parquet.

Under a folder per fleet lie ``windows/fingerprint=…/day=…`` and ``events/day=…``; a window belongs to the day
in which it ends, midnight to the day before. ``inventory`` holds every state of the inventory, numbered, each
whole. A file's name says where its rows come from and what it holds:
source, first and last offset, both included, and the beginning of its SHA-256. Landing the same rows again
overwrites a file with itself; rows that come in two files, since a crash cut them otherwise, are equal bit
for bit, and a reader takes one of them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.expectation import Expectation, parse_expectation, to_json
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.inventory import NOTHING, Inventory
from models.fleet.inventory import to_json as inventory_json
from models.telemetry.samples import Event, Float32, Int32, Int64, utc

KEYS = ("asset", "end_ms", "revision")
_NAME = re.compile(r"(?P<source>.+)-(?P<first>\d{12})-(?P<last>\d{12})-(?P<sha>[0-9a-f]{16})\.parquet")
T = TypeVar("T", int, Int64)

_SCHEMA, _EXPECTATION = "schema.json", "expectation.json"
_EVENT_COLUMNS = ("time_ms", "asset", "kind", "code")


class StoredSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of windows with one fingerprint are."""

    fleet: str
    fingerprint: str
    feature_names: tuple[str, ...]


def stored_schema(schema: FeatureSchema) -> StoredSchema:
    """Return what is to be known of a feature schema."""
    return StoredSchema(fleet=schema.fleet.name, fingerprint=schema.fingerprint, feature_names=schema.names)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: the messages of ``source`` from offset ``first`` to ``last``, both included."""

    source: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the store: its path relative to the fleet's folder, and the day it belongs to."""

    path: str
    day_ms: int

    @classmethod
    def at(cls, path: str) -> StoredFile:
        """Return the file at a path relative to the fleet's folder."""
        return cls(path, _day_ms(Path(path).parent.name))

    @property
    def sha256(self) -> str:
        """The first 16 digits of the SHA-256 that the file had when it was written."""
        found = _NAME.fullmatch(Path(self.path).name)
        return found["sha"] if found else ""


class FeatureStore:
    """The windows and events of one fleet, under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def describe(self, schema: StoredSchema, expectation: Expectation | None) -> None:
        """Keep what windows of a schema mean, and the expectation that they were computed with."""
        folder = self._windows(schema.fingerprint)
        if expectation is not None:
            _write(folder / _EXPECTATION, to_json(expectation))
        _write(folder / _SCHEMA, msgspec.json.encode(schema, order="deterministic") + b"\n")

    def schema(self, fingerprint: str) -> StoredSchema:
        """Return what the windows of a fingerprint are; ModelError if none were landed."""
        path = self._windows(fingerprint) / _SCHEMA
        try:
            return msgspec.json.decode(path.read_bytes(), type=StoredSchema)
        except OSError as error:
            there = ", ".join(self.fingerprints()) or "none"
            raise ModelError(f"{path}: no windows of this fingerprint: there are {there}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: not a schema: {error}") from error

    def expectation(self, fingerprint: str) -> Expectation | None:
        """Return the expectation of the windows of a fingerprint, None if they need none."""
        path = self._windows(fingerprint) / _EXPECTATION
        return parse_expectation(path.read_bytes(), str(path)) if path.exists() else None

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of all windows, in order."""
        return sorted(p.name.partition("=")[2] for p in self.folder.glob("windows/fingerprint=*"))

    def land(self, schema: StoredSchema, windows: Sequence[Windows], origin: Origin) -> None:
        """Make windows durable: one file per day that they end in. Raises OSError if the disk refuses."""
        for day_ms, table in _by_day(schema.feature_names, windows):
            _land(self._windows(schema.fingerprint) / _day_folder(day_ms), table, origin, ["asset"])

    def land_events(self, events: Sequence[Event], origin: Origin) -> None:
        """Make events durable: one file per day. Raises OSError if the disk refuses."""
        days: dict[int, list[Event]] = {}
        for event in events:
            days.setdefault(_day_of(event.time_ms), []).append(event)
        for day_ms, of_day in days.items():
            columns = {name: [getattr(e, name) for e in of_day] for name in _EVENT_COLUMNS}
            _land(
                self.folder / "events" / _day_folder(day_ms), pa.table(columns), origin, list(_EVENT_COLUMNS)
            )

    def keep_inventory(self, inventory: Inventory) -> None:
        """Add to what is known of the machines; what was known before stays in a file of its own."""
        files = self.inventory_files()
        known = self.read_inventory(files[-1]) if files else NOTHING
        data = inventory_json(known.merged(inventory))
        sha = hashlib.sha256(data).hexdigest()[:16]
        if not files or not files[-1].endswith(f"-{sha}.json"):
            _write(self.folder / "inventory" / f"{len(files) + 1:06d}-{sha}.json", data)

    def inventory_files(self) -> list[str]:
        """Return the states of the inventory, oldest first; the last holds what is known now."""
        found = (self.folder / "inventory").glob("*-*.json")
        return [str(path.relative_to(self.folder)) for path in sorted(found)]

    def read_inventory(self, file: str) -> Inventory:
        """Read a state of the inventory; ModelError names a file that is gone or damaged."""
        path = self.folder / file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: no such file: it was part of the dataset") from error
        if not path.stem.endswith(f"-{hashlib.sha256(data).hexdigest()[:16]}"):
            raise ModelError(f"{path}: damaged: its content is not what was landed")
        return msgspec.json.decode(data, type=Inventory)

    def window_files(self, fingerprint: str) -> list[StoredFile]:
        """Return the files of a fingerprint's windows, in order of day and name."""
        return self._files(self._windows(fingerprint))

    def event_files(self) -> list[StoredFile]:
        """Return the files of events, in order of day and name."""
        return self._files(self.folder / "events")

    def drop(self, files: Iterable[StoredFile]) -> int:
        """Delete files, and the folders that this leaves empty; return how many bytes that frees."""
        freed = 0
        for path in (self.folder / file.path for file in files):
            freed += path.stat().st_size
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        return freed

    def read_windows(self, file: StoredFile, features: Sequence[str]) -> pa.Table:
        """Read the keys and the named features of one file; ModelError names a file that is damaged."""
        return self._read(file, [*KEYS, *features])

    def read_events(self, file: StoredFile) -> list[Event]:
        """Read one file of events; ModelError names a file that is damaged."""
        return [Event(**row) for row in self._read(file, list(_EVENT_COLUMNS)).to_pylist()]

    def _read(self, file: StoredFile, columns: list[str]) -> pa.Table:
        path = self.folder / file.path
        try:
            return pq.ParquetFile(path).read(columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise ModelError(f"{path}: {_damage(path, file, error)}") from error

    def _windows(self, fingerprint: str) -> Path:
        return self.folder / "windows" / f"fingerprint={fingerprint}"

    def _files(self, folder: Path) -> list[StoredFile]:
        found = [p for p in folder.glob("day=*/*.parquet") if _NAME.fullmatch(p.name)]
        return [StoredFile.at(str(p.relative_to(self.folder))) for p in sorted(found)]


def file_sha256(path: Path) -> str:
    """Return the first 16 digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _damage(path: Path, file: StoredFile, error: Exception) -> str:
    """Say what is wrong with a file that cannot be read."""
    if not path.exists():
        return "no such file: it was part of the dataset"
    if file_sha256(path) != file.sha256:
        return "damaged: its content is not what was landed; restore it, or move it away and backfill its day"
    return f"not a Parquet file with these columns: {str(error).splitlines()[0]}"


def _by_day(names: Sequence[str], windows: Sequence[Windows]) -> Iterator[tuple[int, pa.Table]]:
    """Yield a table per day; rows keep their order."""
    end_ms = np.concatenate([w.end_ms for w in windows])
    assets = np.concatenate([np.array(w.assets, object)[w.asset] for w in windows])
    revision = np.concatenate([w.revision for w in windows])
    values = np.concatenate([w.values for w in windows])
    day_ms = _day_of(end_ms)
    for day in np.unique(day_ms).tolist():
        rows = np.flatnonzero(day_ms == day)
        yield day, _table(names, assets[rows].tolist(), end_ms[rows], revision[rows], values[rows])


def _table(
    names: Sequence[str], assets: list[str], end_ms: Int64, revision: Int32, values: Float32
) -> pa.Table:
    columns = np.ascontiguousarray(values.T)
    arrays = [pa.array(assets, pa.string()), pa.array(end_ms), pa.array(revision), *map(pa.array, columns)]
    return pa.Table.from_arrays(arrays, names=[*KEYS, *names])


def _land(folder: Path, table: pa.Table, origin: Origin, texts: list[str]) -> None:
    """Write a file whose name follows from its rows; dictionaries for ``texts`` only, since they lose bits.

    (Of two NaN that differ in their bits, a dictionary keeps one.)
    """
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", compression_level=1, use_dictionary=texts)
    data = buffer.getvalue().to_pybytes()
    sha = hashlib.sha256(data).hexdigest()[:16]
    _write(folder / f"{origin.source}-{origin.first:012d}-{origin.last:012d}-{sha}.parquet", data)


def _write(path: Path, data: bytes) -> None:
    """Write a file that is durable, and whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # of a full disk, or Ctrl-C: what is there of the file takes up room
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _day_of(time_ms: T) -> T:
    """Return the start of the day that moments end: midnight belongs to the day before.

    >>> _day_of(DAY_MS), _day_of(DAY_MS + 1) == DAY_MS
    (0, True)
    """
    return (time_ms - 1) // DAY_MS * DAY_MS


def _day_folder(day_ms: int) -> str:
    return f"day={utc(day_ms)[:10]}"


def _day_ms(name: str) -> int:
    day = np.datetime64(name.partition("=")[2], "ms")
    return int(day.astype(np.int64))
