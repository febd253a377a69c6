"""Writing a recording: what is delivered, as it is delivered, into a folder of Parquet; see ``Archive``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory
from models.telemetry.samples import Event, Int64, Samples, TimeSlice, Values, value_type
from simulators.recordings.archive import FORMAT, MANIFEST, Archive, RecordingManifest, date_of

_TIME = pa.timestamp("ms", "UTC")
_HEAD = [("arrived", _TIME), ("time", _TIME), ("asset", pa.dictionary(pa.int32(), pa.string()))]
_EVENTS = pa.schema([("time", _TIME), ("asset", pa.string()), ("kind", pa.string()), ("code", pa.string())])
_GROUP_ROWS = 65_536
_TRANSPOSED_ROWS = 4096  # of 70 values: what fits into a cache


class Archiver:
    """Writes a recording, a slice at a time; use it in a ``with``, and ``finish`` it.

    ``log`` names the files of one of several ordered logs; the slices of each come in the order of time.
    """

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        """Raise ConfigError if there is something in the folder already."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError("command line", "--out", str(folder), "a new or empty folder")
        self.folder, self.fleet = folder, fleet
        self.schema = pa.schema(
            [*_HEAD, *((key, pa.from_numpy_dtype(value_type(fleet.sensors))) for key in fleet.keys)]
        )
        self.rows = self.events = self.shutdowns = 0
        self.start_ms: int | None = None
        self.end_ms = 0
        self._assets: set[str] = set()
        self._logs: dict[str, _DayFiles] = {}

    def __enter__(self) -> Archiver:
        return self

    def __exit__(self, *_: object) -> None:
        for day in self._logs.values():
            day.close()

    def write(self, part: TimeSlice, log: str = "part-0") -> None:
        """Add a slice of one log."""
        part = part.in_order()
        samples, came = part.samples, part.arrivals
        for start_ms in range(part.start_ms // DAY_MS * DAY_MS, part.end_ms, DAY_MS):
            low, high = np.searchsorted(came, [start_ms, start_ms + DAY_MS])
            events = [e for e in part.events if start_ms <= part.placed(e.time_ms) < start_ms + DAY_MS]
            self._day(log, start_ms).add(samples[low:high], came[low:high], events)
        self._count(part)

    def write_truth(self, name: str, records: Sequence[Any], kind: type) -> None:
        """Keep dataclasses of one kind in a folder of their own."""
        columns = {f: [getattr(r, f) for r in records] for f in get_type_hints(kind)}
        path = self.folder / "truth" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)

    def finish(self, source: str, sha256: str = "", inventory: Inventory = NOTHING) -> RecordingManifest:
        """Close the files, write the manifest and return it; without ``sha256`` they are read once more."""
        self.__exit__()
        manifest = RecordingManifest(
            format=FORMAT,
            fleet=self.fleet.name,
            schema=self.fleet.schema,
            sensors=self.fleet.keys,
            source=source,
            start_ms=self.start_ms or 0,
            end_ms=self.end_ms,
            assets=tuple(sorted(self._assets)),
            rows=self.rows,
            readings=self.rows * len(self.fleet.keys),
            events=self.events,
            shutdowns=self.shutdowns,
            sha256=sha256,
            inventory=inventory,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep(manifest)
        if not sha256:
            manifest = msgspec.structs.replace(manifest, sha256=Archive(self.folder, self.fleet).digest())
            self._keep(manifest)
        return manifest

    def _keep(self, manifest: RecordingManifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        (self.folder / MANIFEST).write_bytes(text + b"\n")

    def _day(self, log: str, start_ms: int) -> _DayFiles:
        """Return the open files of a day; those of the day before are closed."""
        day = self._logs.get(log)
        if day is None or day.start_ms != start_ms:
            if day is not None:
                day.close()
            day = self._logs[log] = _DayFiles(self.folder, self.schema, start_ms, log)
        return day

    def _count(self, part: TimeSlice) -> None:
        self.rows += len(part.samples)
        self.events += len(part.events)
        self.shutdowns += sum(e.kind == "shutdown" for e in part.events)
        self.start_ms = part.start_ms if self.start_ms is None else min(self.start_ms, part.start_ms)
        self.end_ms = max(self.end_ms, part.end_ms)
        self._assets.update(part.samples.assets, (e.asset for e in part.events))


class _DayFiles:
    """The files of one log and date."""

    def __init__(self, folder: Path, schema: pa.Schema, start_ms: int, log: str) -> None:
        self.start_ms, self.schema = start_ms, schema
        self._paths = [
            folder / kind / f"date={date_of(start_ms)}" / f"{log}.parquet" for kind in ("telemetry", "events")
        ]
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._events: list[Event] = []
        self._writer = pq.ParquetWriter(
            self._paths[0], schema, compression="zstd", compression_level=1, write_statistics=["arrived"]
        )
        self._open = True

    def add(self, samples: Samples, came: Int64, events: Iterable[Event]) -> None:
        self._events += events
        for start in range(0, len(samples), _GROUP_ROWS):
            rows = slice(start, start + _GROUP_ROWS)
            self._writer.write_batch(_to_arrow(samples[rows], came[rows], self.schema))

    def close(self) -> None:
        if self._open:
            self._open = False
            self._writer.close()
            pq.write_table(_event_table(self._events), self._paths[1])


def _event_table(events: Sequence[Event]) -> pa.Table:
    time = pa.array([e.time_ms for e in events], pa.int64()).cast(_TIME)
    words = [pa.array([getattr(e, name) for e in events], pa.string()) for name in _EVENTS.names[1:]]
    return pa.Table.from_arrays([time, *words], schema=_EVENTS)


def _to_arrow(samples: Samples, came: Int64, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as columns; missing values stay NaN, so that every bit comes back."""
    names = pa.array(samples.assets, pa.string())
    head = [
        pa.array(came, pa.int64()).cast(_TIME),
        pa.array(samples.time_ms, pa.int64()).cast(_TIME),
        pa.DictionaryArray.from_arrays(pa.array(samples.asset, pa.int32()), names),
    ]
    columns = _transposed(samples.values.astype(schema.types[-1].to_pandas_dtype(), copy=False))
    return pa.RecordBatch.from_arrays([*head, *(pa.array(column) for column in columns)], schema=schema)


def _transposed(values: Values) -> Values:
    """Return (S, n) of (n, S), a few rows at a time: twice as fast as at once."""
    out = np.empty(values.shape[::-1], values.dtype)
    for start in range(0, len(values), _TRANSPOSED_ROWS):
        rows = slice(start, start + _TRANSPOSED_ROWS)
        out[:, rows] = values[rows].T
    return out
