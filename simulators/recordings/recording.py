"""Recordings of real fleets: wide CSV or Parquet tables, read through the mapping in the fleet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from models.errors import ConfigError, RecordingError
from models.fleet.fleet import Fleet
from models.fleet.inventory import NOTHING, Inventory, of_columns
from models.fleet.recording import Column, EventRule, Recording
from models.telemetry.labels import DAY_MS, Bools
from models.telemetry.samples import Event, Float32, Int32, Int64, Samples, TimeSlice
from streams.wire.validation import LATEST_MS


@dataclass(frozen=True, slots=True)
class RecordingQuality:
    """What a recording holds, and what of it is missing or implausible: counts of values per sensor."""

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
        span_ms = max(DAY_MS, self.fleet.sampling.hop_s * 1000)
        time_ms = self.samples.time_ms
        first = int(time_ms[0]) // span_ms * span_ms
        last = max(int(time_ms[-1]), self.events[-1].time_ms if self.events else 0)
        events = list(self.events)
        for start_ms in range(first, last + 1, span_ms):
            end_ms = start_ms + span_ms
            low, high = np.searchsorted(time_ms, [start_ms, end_ms])
            now = tuple(e for e in events if start_ms <= e.time_ms < end_ms)
            yield TimeSlice(start_ms, end_ms, self.samples.take(np.arange(low, high)), now)


def read_recording(path: Path, fleet: Fleet) -> Recorded:
    """Read a recording of a fleet whose file has a [recording] table.

    Raises RecordingError with file, row (from 1, the heading not counted) and column of what is wrong.
    """
    mapping = fleet.recording
    if mapping is None:
        raise ConfigError(fleet.name, "recording", None, "a table that says how the columns are to be read")
    table = _table(path, _columns_of(mapping))
    if not table.num_rows:
        raise RecordingError(f"{path}: no row")
    time_ms, repeated = _times(path, table[mapping.time], mapping)
    _check_times(path, time_ms, mapping)
    _refuse_nulls(path, table[mapping.asset], mapping.asset, f"a name like {fleet.asset_pattern}")
    assets, asset = _assets(table[mapping.asset])
    values, missing, implausible = _values(path, table, fleet, mapping)
    known = np.array([fleet.knows(name) for name in assets])[asset]
    named = np.array(assets, dtype=object)[asset]
    events = _events(table, mapping, named, time_ms, known)
    order = np.flatnonzero(known)[np.lexsort((asset[known], time_ms[known]))]
    if not len(order):
        raise RecordingError(f"{path}: column {mapping.asset}: no name like {fleet.asset_pattern}")
    samples = Samples(assets, asset[order], time_ms[order], values[order])
    quality = RecordingQuality(
        rows=table.num_rows,
        assets=len(np.unique(samples.asset)),
        from_ms=int(samples.time_ms[0]),
        until_ms=int(samples.time_ms[-1]),
        unknown_assets=len(assets) - len(np.unique(asset[known])),
        repeated_hours=repeated,
        duplicates=repeats(samples),
        missing_samples=missing_samples(samples, fleet.sampling.period_s * 1000),
        missing=missing,
        implausible=implausible,
    )
    inventory = _inventory(table, mapping, assets, asset, order)
    return Recorded(fleet, samples, tuple(sorted(events)), quality, inventory)


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


def _columns_of(mapping: Recording) -> list[str]:
    """Return the columns that a mapping names, each once."""
    named = [mapping.asset, mapping.time, *(c.column for c in mapping.columns.values())]
    return list(dict.fromkeys([*named, *mapping.inventory.values(), *(r.column for r in mapping.events)]))


def _table(path: Path, wanted: Sequence[str]) -> pa.Table:
    if not path.is_file():
        raise RecordingError(f"{path}: no such file")
    try:
        if path.suffix == ".parquet":
            there = pq.read_schema(path).names
            _check_columns(path, there, wanted)
            return pq.read_table(path, columns=list(wanted))
        table = pa.csv.read_csv(path)
    except (pa.ArrowException, OSError, EOFError) as error:
        text = str(error).splitlines()[0]
        raise RecordingError(f"{path}: not a whole CSV or Parquet table: {text}") from error
    _check_columns(path, table.column_names, wanted)
    return table.select(list(wanted))


def _check_columns(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise RecordingError(f"{path}: no column {missing[0]!r}: there are {', '.join(there)}")


def _times(path: Path, column: pa.ChunkedArray, mapping: Recording) -> tuple[Int64, int]:
    """Return UTC milliseconds, and how many local times exist twice (the earlier of both is taken)."""
    if pa.types.is_temporal(column.type):
        kind = column.type
        _refuse_nulls(path, column, mapping.time, "a date or time")
        if pa.types.is_date(kind) or kind.tz is None:
            naive = column.cast(pa.timestamp("ms"))
            return _to_utc(_numpy(naive.cast(pa.int64())), mapping.timezone)
        return _numpy(column.cast(pa.timestamp("ms", "UTC")).cast(pa.int64())), 0
    texts = column.cast(pa.string()).to_pylist()
    distinct = {text: _parse(path, row, text, mapping) for row, text in _first_rows(texts).items()}
    time_ms = np.array([distinct[text][0] for text in texts], np.int64)
    local = np.array([not distinct[text][1] for text in texts])
    time_ms[local], repeated = _to_utc(time_ms[local], mapping.timezone)
    return time_ms, repeated


def _refuse_nulls(path: Path, column: pa.ChunkedArray, name: str, expected: str) -> None:
    if column.null_count:
        row = int(pc.index(column.is_null(), True).as_py()) + 1
        raise RecordingError(f"{path}: row {row}, column {name}: nothing: expected {expected}")


def _check_times(path: Path, time_ms: Int64, mapping: Recording) -> None:
    """Refuse what the wire would: most often another unit, or a date typed wrongly."""
    wrong = np.flatnonzero((time_ms <= 0) | (time_ms >= LATEST_MS))
    if len(wrong):
        where = f"row {wrong[0] + 1}, column {mapping.time}"
        raise RecordingError(
            f"{path}: {where}: {int(time_ms[wrong[0]])} ms: expected a time from 1970 to 2200"
        )


def _first_rows(texts: list[str | None]) -> dict[int, str | None]:
    """Return each distinct text with the first row, from 1, in which it stands."""
    seen: dict[str | None, int] = {}
    for row, text in enumerate(texts, 1):
        seen.setdefault(text, row)
    return {row: text for text, row in seen.items()}


def _parse(path: Path, row: int, text: str | None, mapping: Recording) -> tuple[int, bool]:
    """Return milliseconds, UTC where the text has an offset and local otherwise, and whether it has."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError as error:
        expected = "expected a date or time in ISO 8601"
        raise RecordingError(f"{path}: row {row}, column {mapping.time}: {text!r}: {expected}") from error
    zoned = moment.tzinfo is not None
    aware = moment if zoned else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000), zoned


def _to_utc(local_ms: Int64, zone: str) -> tuple[Int64, int]:
    """Turn local times into UTC: of a time that exists twice the earlier, of one that never was the next."""
    if zone == "UTC":
        return local_ms, 0
    distinct, inverse = np.unique(local_ms, return_inverse=True)
    info, repeated = ZoneInfo(zone), np.zeros(len(distinct), bool)
    out = np.empty(len(distinct), np.int64)
    for i, value in enumerate(distinct.tolist()):
        local = datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=info)
        later = local.replace(fold=1)
        repeated[i] = later.utcoffset() != local.utcoffset() and _exists(local)
        out[i] = round(local.timestamp() * 1000)
    return out[inverse], int(repeated[inverse].sum())


def _exists(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _assets(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Int32]:
    encoded = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    return tuple(encoded.dictionary.to_pylist()), _numpy(encoded.indices).astype(np.int32)


def _values(
    path: Path, table: pa.Table, fleet: Fleet, mapping: Recording
) -> tuple[Float32, dict[str, int], dict[str, int]]:
    """Return (n, S) values, and per sensor how many are missing, and how many outside its range.

    Values outside the range are passed on as they are: the kernel refuses, and counts, them again.
    """
    values = np.full((table.num_rows, len(fleet.sensors)), np.nan, np.float32)
    missing, implausible = {}, {}
    for i, sensor in enumerate(fleet.sensors):
        if sensor.key in mapping.columns:
            rule = mapping.columns[sensor.key]
            values[:, i] = _converted(path, table[rule.column], rule)
        with np.errstate(invalid="ignore"):
            wrong = (values[:, i] < sensor.low) | (values[:, i] > sensor.high)
        missing[sensor.key] = int(np.isnan(values[:, i]).sum())
        implausible[sensor.key] = int(wrong.sum())
    return values, missing, implausible


def _converted(path: Path, column: pa.ChunkedArray, rule: Column) -> npt.NDArray[np.float64]:
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid as error:
        row, text = _first_bad(column)
        expected = "expected a number"
        raise RecordingError(f"{path}: row {row}, column {rule.column}: {text!r}: {expected}") from error
    raw = pc.fill_null(numbers, float("nan")).to_numpy()
    null = np.isin(raw, rule.nulls)
    return np.where(null, np.nan, raw * rule.scale + rule.offset)


def _first_bad(column: pa.ChunkedArray) -> tuple[int, str]:
    for row, text in enumerate(column.cast(pa.string()).to_pylist(), 1):
        try:
            float(text if text is not None else "nan")
        except ValueError:
            return row, text
    return 0, ""


def _events(
    table: pa.Table, mapping: Recording, named: npt.NDArray[Any], time_ms: Int64, known: Bools
) -> list[Event]:
    found = []
    for rule in mapping.events:
        for row in np.flatnonzero(_matches(table[rule.column], rule) & known).tolist():
            moment = int(time_ms[row]) + rule.after_s * 1000
            found.append(Event(moment, str(named[row]), rule.kind, rule.code))
    return found


def _inventory(
    table: pa.Table, mapping: Recording, assets: tuple[str, ...], asset: Int32, order: Int64
) -> Inventory:
    """Return what the last row of each machine says that it is."""
    last = dict(zip(asset[order].tolist(), order.tolist(), strict=True))
    rows = pa.array(last.values(), pa.int64())
    columns = {
        key: table[name].take(rows).cast(pa.string()).to_pylist() for key, name in mapping.inventory.items()
    }
    return of_columns(
        {assets[code]: {key: values[i] for key, values in columns.items()} for i, code in enumerate(last)}
    )


def _matches(column: pa.ChunkedArray, rule: EventRule) -> Bools:
    """Return the rows of which the rule speaks; a whole number is also found where it stands as 1.0."""
    if isinstance(rule.equals, int) and pa.types.is_floating(column.type):
        found = pc.equal(column, float(rule.equals))
    else:
        found = pc.equal(column.cast(pa.string()), str(rule.equals))
    out: Bools = pc.fill_null(found, False).to_numpy().astype(bool)
    return out


def _numpy(array: Any) -> Any:
    return array.to_numpy() if isinstance(array, pa.ChunkedArray) else array.to_numpy(zero_copy_only=False)
