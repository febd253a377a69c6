"""A recording as a folder of Parquet: what was delivered, day by day, so that it can be delivered again.

``telemetry/date=…/`` holds the rows in the order of arrival, ``events/date=…/`` the log of the controllers,
``truth/`` what really happened, where a simulator knows it: nothing here reads that. ``recording.json`` is
written last; a folder without it was not finished.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import RecordingError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory
from models.telemetry.samples import Event, Int32, Int64, Samples, TimeSlice, join, value_type
from simulators.recordings.digest import Digest

MANIFEST, FORMAT = "recording.json", "chillcast.recording.v1"
_SLICE_ROWS = 250_000
_CHUNK_ROWS = 65_536


class RecordingManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``recording.json`` says; ``readings`` are rows × sensors, the range is half-open.

    ``inventory`` says what the machines are, where the recorder knew it.
    """

    format: str
    fleet: str
    schema: str
    sensors: tuple[str, ...]
    source: str
    start_ms: int
    end_ms: int
    assets: tuple[str, ...]
    rows: int
    readings: int
    events: int
    shutdowns: int
    sha256: str
    inventory: Inventory = NOTHING


class Archive:
    """A recording that was finished; ``slices`` may be asked for again and again."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        """Raise RecordingError if the folder is no whole recording, or one of another fleet.

        Of its files only the ends are read, which say how many rows they have.
        """
        self.folder, self.fleet = folder, fleet
        self.manifest = _manifest(folder, fleet)
        self._check_rows("telemetry", self.manifest.rows)
        self._check_rows("events", self.manifest.events)
        self._names = {name: i for i, name in enumerate(self.manifest.assets)}

    @property
    def span_ms(self) -> int:
        """How much is read at a time: a day, or as many hops of it as hold about 250,000 rows."""
        hop_ms = self.fleet.sampling.hop_s * 1000
        days = max((self.manifest.end_ms - self.manifest.start_ms) / DAY_MS, 1.0)
        hops = _SLICE_ROWS / max(self.manifest.rows / days, 1.0) * DAY_MS / hop_ms
        return DAY_MS if hops * hop_ms >= DAY_MS or hop_ms >= DAY_MS else max(int(hops), 1) * hop_ms

    def slices(self, from_ms: int | None = None, until_ms: int | None = None) -> Iterator[TimeSlice]:
        """Yield what arrived in [from, until), a span at a time; the whole unless these are given."""
        start_ms = max(self.manifest.start_ms, from_ms or 0)
        end_ms = min(self.manifest.end_ms, until_ms or self.manifest.end_ms)
        for day_ms in range(start_ms // DAY_MS * DAY_MS, end_ms, DAY_MS):
            yield from self._day(day_ms, max(day_ms, start_ms), min(day_ms + DAY_MS, end_ms))

    def events(self) -> Iterator[Event]:
        """Yield all events, day by day."""
        for day_ms in range(self.manifest.start_ms // DAY_MS * DAY_MS, self.manifest.end_ms, DAY_MS):
            yield from self._events(day_ms)

    def digest(self) -> str:
        """Return the fingerprint of what the files hold; see ``Digest``."""
        digest = Digest()
        for part in self.slices():
            digest.add(part)
        return digest.hexdigest()

    def _day(self, day_ms: int, from_ms: int, until_ms: int) -> Iterator[TimeSlice]:
        events, logs = self._events(day_ms), [_LogFile(f, self) for f in self._files("telemetry", day_ms)]
        for log in logs:
            log.until(from_ms)
        for start_ms in range(day_ms, day_ms + DAY_MS, self.span_ms):
            low, high = max(start_ms, from_ms), min(start_ms + self.span_ms, until_ms, day_ms + DAY_MS)
            if low < high:
                rows, came = _merged([log.until(high) for log in logs], self)
                whole = TimeSlice(day_ms, day_ms + DAY_MS, rows)
                now = tuple(e for e in events if low <= whole.placed(e.time_ms) < high)
                yield TimeSlice(low, high, rows, now, came)

    def _events(self, day_ms: int) -> list[Event]:
        found: list[list[Event]] = []
        for file in self._files("events", day_ms):
            with _reading(file):
                table = pq.ParquetFile(file).read()
            time_ms = table["time"].cast(pa.int64()).to_pylist()
            words = (table[name].to_pylist() for name in ("asset", "kind", "code"))
            found.append([Event(*row) for row in zip(time_ms, *words, strict=True)])
        return list(heapq.merge(*found, key=lambda e: e.time_ms))

    def _files(self, kind: str, day_ms: int) -> list[Path]:
        return sorted((self.folder / kind / f"date={date_of(day_ms)}").glob("*.parquet"))

    def _check_rows(self, kind: str, expected: int) -> None:
        """Refuse a copy in which a file is missing, or one too many."""
        there = 0
        for file in sorted((self.folder / kind).glob("date=*/*.parquet")):
            with _reading(file):
                there += pq.read_metadata(file).num_rows
        if there != expected:
            raise RecordingError(f"{self.folder / kind}: {there} rows: expected the {expected} of {MANIFEST}")

    def rows(self, batch: pa.RecordBatch) -> tuple[Samples, Int64]:
        """Return the rows of a batch, and when they arrived."""
        asset = batch["asset"]
        table = np.array([self._names[name] for name in asset.dictionary.to_pylist()], np.int32)
        codes: Int32 = table[asset.indices.to_numpy()]
        came, time_ms = (batch[name].cast(pa.int64()).to_numpy() for name in ("arrived", "time"))
        values = np.empty((len(batch), len(self.fleet.keys)), value_type(self.fleet.sensors))
        for i, key in enumerate(self.fleet.keys):
            values[:, i] = batch[key].to_numpy(zero_copy_only=False)
        return Samples(self.manifest.assets, codes, time_ms, values), came


class _LogFile:
    """The rows of one file, taken from its beginning to its end."""

    def __init__(self, file: Path, archive: Archive) -> None:
        self._archive, self._file = archive, file
        with _reading(file):
            self._batches = pq.ParquetFile(file).iter_batches(_CHUNK_ROWS)
        self._held: tuple[Samples, Int64] | None = None

    def until(self, time_ms: int) -> list[tuple[Samples, Int64]]:
        """Return the next rows, up to those that arrived at ``time_ms`` or later."""
        out = []
        while (held := self._next()) is not None:
            rows, came = held
            cut = int(np.searchsorted(came, time_ms))
            out.append((rows[:cut], came[:cut]))
            self._held = (rows[cut:], came[cut:]) if cut < len(came) else None
            if self._held is not None:
                break
        return out

    def _next(self) -> tuple[Samples, Int64] | None:
        if self._held is not None:
            return self._held
        with _reading(self._file):
            batch = next(self._batches, None)
        return None if batch is None else self._archive.rows(batch)


def _merged(logs: list[list[tuple[Samples, Int64]]], archive: Archive) -> tuple[Samples, Int64]:
    """Return the rows of several logs in the order of arrival; of those of one time the first log's first."""
    parts = [part for log in logs for part in log]
    if not parts:
        none = np.empty((0, len(archive.fleet.keys)), value_type(archive.fleet.sensors))
        empty = np.empty(0, np.int64)
        return Samples(archive.manifest.assets, empty.astype(np.int32), empty, none), empty
    if len(parts) == 1:
        return parts[0]
    rows, came = join([rows for rows, _ in parts]), np.concatenate([came for _, came in parts])
    if len([log for log in logs if log]) == 1:
        return rows, came
    order = np.argsort(came, kind="stable")
    return rows.take(order), came[order]


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn what Arrow says of a file into an error that names it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(f"{file}: not a whole Parquet file: {str(error).splitlines()[0]}") from error


def _manifest(folder: Path, fleet: Fleet) -> RecordingManifest:
    path = folder / MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes(), type=RecordingManifest)
    except OSError as error:
        raise RecordingError(f"{path}: not there: {folder} is no recording, or not a finished one") from error
    except msgspec.DecodeError as error:
        raise RecordingError(f"{path}: {error}") from error
    if found.format != FORMAT:
        raise RecordingError(f"{path}: format {found.format!r}: expected {FORMAT!r}")
    if found.schema != fleet.schema:
        expected = f"that of fleet {fleet.name}, {fleet.schema}: other sensors, units or order"
        raise RecordingError(f"{path}: schema {found.schema!r} (fleet {found.fleet}): expected {expected}")
    return found


def date_of(time_ms: int) -> str:
    """Return the date of a moment, UTC.

    >>> date_of(1_735_689_600_000)
    '2025-01-01'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
