"""How a fleet file says that tables are laid out: parts of columns become rows of machines and sensors."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import RecordingError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.recording import Recording
from models.intake.numbers import NumberReader
from models.intake.readings import Rows, spread
from models.intake.times import Int64, Times
from models.telemetry.samples import Float64, Int32, utc
from simulators.recordings.chunk import Chunk
from simulators.recordings.heading import Heading
from simulators.recordings.machine_names import Names, machines_of, name_in
from simulators.recordings.rejects import Rejects, shortened
from simulators.recordings.table_clock import TableClock
from simulators.recordings.tables import as_text

_POINT = "\x00point"


@dataclass(frozen=True)
class SensorRows:
    """Rows of sensors, and the columns that they were made of, for events and inventory.

    In a long layout ``points`` and ``point_values`` (n,) are what each row is of, and what it says.
    """

    chunk: Chunk
    rows: Rows
    points: pa.StringArray | None = None
    point_values: pa.Array | None = None


class RecordingLayout:
    """Turns parts of a recording's files into rows of sensors; counts what is left out, in ``rejects``.

    Several sensors may be read from one column, each in its own way.
    """

    def __init__(self, fleet: Fleet, mapping: Recording, rejects: Rejects) -> None:
        self.fleet, self.mapping, self.rejects, self.names = fleet, mapping, rejects, Names()
        self.clock = TableClock(mapping, mapping.time, mapping.date, fleet.sampling.period_ms)
        own = {sensor.key: (i, sensor) for i, sensor in enumerate(fleet.sensors)}
        self._readers = {
            own[key][0]: NumberReader(mapping, column, own[key][1].unit, own[key][1].states)
            for key, column in mapping.columns.items()
        }
        self._sensors: dict[str, int] = {}
        self._others: defaultdict[int, list[int]] = defaultdict(list)
        for sensor, reader in self._readers.items():
            first = self._sensors.setdefault(reader.column.column, sensor)
            if first != sensor:
                self._others[first].append(sensor)
        self._heading_pattern = re.compile(mapping.heading_pattern) if mapping.heading_pattern else None
        self.seen: Counter[str] = Counter()
        self.there: dict[str, None] = {}
        extra = [*mapping.inventory.values(), *(r.column for r in mapping.events)]
        self._extra = {*extra, *(r.code_column for r in mapping.events if r.code_column)}

    @property
    def heading(self) -> Heading:
        """What a file's heading has to have."""
        mapping = self.mapping
        needed = [mapping.time, mapping.date, mapping.asset, mapping.point, mapping.value]
        return Heading(tuple(name for name in needed if name), self._is_meant)

    def _is_meant(self, name: str) -> bool:
        if name in self._extra or self.mapping.value:
            return True
        if self._heading_pattern is not None:
            return self._heading_pattern.fullmatch(name) is not None
        return name in self._sensors

    def blocks(self, chunk: Chunk) -> Iterator[SensorRows]:
        """Yield the rows of a part, one block, or one for each machine that headings name."""
        times, chunk = self.clock.read(chunk, self.rejects)
        self.there |= dict.fromkeys(n for n in chunk.columns if not n.startswith("\x00"))
        if self._heading_pattern is not None:
            yield from self._by_heading(times, chunk)
            return
        asset = machines_of(self.mapping, chunk, self.names, self.rejects)
        if self.mapping.value:
            yield self._long(times, chunk, asset)
        else:
            yield self._row_block(times, chunk, asset, self._wide(chunk, {n: n for n in chunk.columns}))

    def _by_heading(self, times: Times, chunk: Chunk) -> Iterator[SensorRows]:
        """Yield a block for each machine of the headings; one if the pattern names points alone."""
        machines: dict[str, dict[str, str]] = {}
        shared = [name for name in chunk.columns if name in self._extra]
        for name in chunk.columns:
            found = self._heading_pattern.fullmatch(name) if self._heading_pattern else None
            if found and name not in self.heading.needed:
                groups = found.groupdict()
                point = groups.get("point") or next(iter(self._sensors))
                machines.setdefault(groups.get("asset") or "", {})[point] = name
        for machine, points in machines.items():
            if machine:
                asset = np.full(len(chunk), self.names.number(machine), np.int32)
            else:
                asset = machines_of(self.mapping, chunk, self.names, self.rejects)
            own = {point: chunk.columns[name] for point, name in points.items()}
            part = Chunk(chunk.source, chunk.row, {**{n: chunk.columns[n] for n in shared}, **own})
            yield self._row_block(times, part, asset, self._wide(part, points))

    def _wide(self, chunk: Chunk, shown: dict[str, str]) -> Float64:
        values = np.full((len(chunk), len(self.fleet.keys)), np.nan)
        for point, sensor in self._sensors.items():
            if point in chunk.columns:
                self.seen[point] += 1
                for one in (sensor, *self._others.get(sensor, ())):
                    values[:, one] = self._numbers(one, chunk, point, shown.get(point, point))
        return values

    def _long(self, times: Times, chunk: Chunk, asset: Int32) -> SensorRows:
        value, fixed = self.mapping.value, name_in(chunk.source, self.mapping.file_pattern, "point")
        points = pa.array([fixed] * len(chunk)) if fixed else as_text(chunk.columns[self.mapping.point])
        encoded = pc.fill_null(points, "").dictionary_encode()
        known = encoded.dictionary.to_pylist()
        code = encoded.indices.to_numpy(zero_copy_only=False)
        self.seen.update(known)
        sensor = np.array([self._sensors.get(point, -1) for point in known], np.int32)[code]
        self._say_strange(chunk, known, sensor)
        numbers = np.full(len(chunk), np.nan)
        for one in np.unique(sensor[sensor >= 0]).tolist():
            rows = np.flatnonzero(sensor == one)
            numbers[rows] = self._numbers(one, chunk.take(rows), value, value)
        series = asset.astype(np.int64) * len(self.fleet.keys) + sensor
        values = spread(sensor, numbers, len(self.fleet.keys)).astype(np.float64)
        for first, others in self._others.items():
            rows = np.flatnonzero(sensor == first)
            for one in others if len(rows) else ():
                values[rows, one] = self._numbers(one, chunk.take(rows), value, value)
        block = self._row_block(times, chunk.with_column(_POINT, points), asset, values, series)
        return replace(block, points=block.chunk.columns[_POINT], point_values=block.chunk.columns[value])

    def _say_strange(self, chunk: Chunk, points: list[str], sensor: Int32) -> None:
        strange = np.flatnonzero(sensor < 0)
        rules = {rule.column for rule in self.mapping.events}
        other = [point for i, point in enumerate(points) if point not in self._sensors and point not in rules]
        if len(strange) and other:
            text = f"{chunk.source.shown}: {shortened(other[0])} is in no recording.columns"
            self.rejects.leave_out("readings of other points", text, len(strange))

    def _numbers(self, sensor: int, chunk: Chunk, name: str, shown: str) -> Float64:
        reader, column = self._readers[sensor], chunk.columns[name]
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            return reader.scaled(_as_floats(column))
        if pa.types.is_temporal(kind):
            raise RecordingError(
                f"{chunk.place(0, shown)}: {column[0].as_py()}: expected a number, not a time"
            )
        found = reader.read(column)
        wrong = np.flatnonzero(found.bad)
        if len(wrong):
            text = str(column[int(wrong[0])].as_py())
            said = f"{chunk.place(int(wrong[0]), shown)}: {shortened(text)}: {reader.why_not(text)}"
            self.rejects.reject(
                self.mapping.on_bad,
                f"values of {self.fleet.keys[sensor]} that are no number",
                said,
                len(wrong),
            )
        return found.values

    def _row_block(
        self, times: Times, chunk: Chunk, asset: Int32, values: Float64, series: Int64 | None = None
    ) -> SensorRows:
        time_ms = self.clock.to_utc(times, asset.astype(np.int64) if series is None else series)
        keep = np.flatnonzero((asset >= 0) & self._meant(chunk, time_ms))
        rows = Rows(asset, time_ms, values)
        return (
            SensorRows(chunk, rows)
            if len(keep) == len(rows)
            else SensorRows(chunk.take(keep), rows.take(keep))
        )

    def _meant(self, chunk: Chunk, time_ms: Int64) -> npt.NDArray[np.bool_]:
        """Return which rows lie within the days that the fleet file says."""
        days, epoch = time_ms // DAY_MS, np.datetime64(0, "D")
        inside = np.ones(len(time_ms), bool)
        for day, good in ((self.mapping.earliest, days.__ge__), (self.mapping.latest, days.__le__)):
            if day is not None:
                inside &= good(int((np.datetime64(day) - epoch).astype(int)))
        out = np.flatnonzero(~inside)
        if len(out):
            text = f"{chunk.place(int(out[0]), self.mapping.time)}: {utc(int(time_ms[out[0]]))}"
            self.rejects.leave_out("rows before earliest or after latest", text, len(out))
        return inside

    def check_seen(self, shown: str) -> None:
        """Raise RecordingError if a column was in no file; say which points no row was of."""
        absent = [name for name in self._sensors if not self.seen[name]]
        if not absent:
            return
        if not self.mapping.value and self._heading_pattern is None:
            there = ", ".join(self.there)
            raise RecordingError(f"{shown}: no column {absent[0]!r}: there are {there[:500]}")
        if len(absent) == len(self._sensors):
            there = ", ".join(map(repr, [*self.seen][:20])) or ", ".join(self.there)
            raise RecordingError(f"{shown}: no point {absent[0]!r}: there are {there}")
        for name in absent:
            self.rejects.leave_out("points that no row is of", f"{name!r}")


def _as_floats(column: pa.Array) -> Float64:
    """Return a column of numbers, or of true and false, as numbers: NaN if there is none."""
    is_flag = pa.types.is_boolean(column.type)
    raw = column.cast(pa.int8()).cast(pa.float64()) if is_flag else column.cast(pa.float64(), safe=False)
    numbers: Float64 = pc.fill_null(raw, float("nan")).to_numpy(zero_copy_only=False)
    return numbers
