"""Events and inventory in files of their own: work orders, logs of controllers, lists of machines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory, of_columns
from models.fleet.recording import Column, EventFile, InventoryFile
from models.intake.numbers import NumberReader
from models.telemetry.samples import Event, Int64
from simulators.recordings.chunk import Chunk
from simulators.recordings.event_rules import begins_of_runs
from simulators.recordings.heading import Heading
from simulators.recordings.machine_names import Names, machines_of
from simulators.recordings.rejects import Rejects, shortened
from simulators.recordings.sources import beside
from simulators.recordings.table_clock import TableClock
from simulators.recordings.tables import as_text, read_table

_UNITS_MS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": DAY_MS}


def read_event_file(path: Path, table: EventFile, fleet: Fleet, rejects: Rejects) -> list[Event]:
    """Return the events of the files that a table of the fleet file means, beside the recording ``path``.

    Raises RecordingError if there is no such file, or with the place of what cannot be read.
    """
    log = _Log(table, fleet, rejects)
    for source in beside(path, table.file):
        for chunk in read_table(source, table, _heading(table), rejects):
            log.add(chunk)
    return log.events()


def read_inventory_file(path: Path, table: InventoryFile, fleet: Fleet, rejects: Rejects) -> Inventory:
    """Return what a file beside the recording says of the machines of the fleet; the last row counts."""
    needed = (table.asset, *table.attributes.values())
    found: dict[str, dict[str, str | None]] = {}
    for source in beside(path, table.file):
        for chunk in read_table(source, table, Heading(needed, needed.__contains__), rejects):
            columns = {
                key: as_text(chunk.columns[name]).to_pylist() for key, name in table.attributes.items()
            }
            for row, name in enumerate(as_text(chunk.columns[table.asset]).to_pylist()):
                if name and fleet.knows(name):
                    found[name] = {key: values[row] for key, values in columns.items()}
                else:
                    text = f"{chunk.place(row, table.asset)}: {shortened(name)}"
                    rejects.leave_out("machines of the inventory of another name", text)
    return of_columns(found)


def _heading(table: EventFile) -> Heading:
    of_time = (table.time, table.date, table.end, table.duration)
    named = (table.asset, *of_time, table.kind_column, table.code_column)
    needed = tuple(name for name in named if name)
    return Heading(needed, needed.__contains__)


class _Log:
    """Rows of event files, gathered: machine, start, end (-1 if not known), kind and code of each."""

    def __init__(self, table: EventFile, fleet: Fleet, rejects: Rejects) -> None:
        self._table, self._fleet, self._rejects, self._names = table, fleet, rejects, Names()
        self._clock = TableClock(table, table.time, table.date, 1)
        self._duration = NumberReader(table, Column(column=table.duration), "1")
        self._rows: list[tuple[int, int, int, str, str]] = []

    def add(self, chunk: Chunk) -> None:
        """Take some rows of a file."""
        times, chunk = self._clock.read(chunk, self._rejects)
        asset = machines_of(self._table, chunk, self._names, self._rejects)
        start_ms = self._clock.to_utc(times, asset.astype(np.int64))
        end_ms = self._ends(chunk, start_ms, asset.astype(np.int64))
        kinds, codes = self._kinds(chunk), self._texts(chunk, self._table.code_column, self._table.code)
        columns = (asset.tolist(), start_ms.tolist(), end_ms.tolist(), kinds, codes)
        self._rows += [row for row in zip(*columns, strict=True) if row[0] >= 0]

    def events(self) -> list[Event]:
        """Return the events of machines of the fleet, with one at the end where that is known."""
        known = [self._fleet.knows(name) for name in self._names.all]
        after_ms, out = self._table.after_s * 1000, []
        for asset, start_ms, end_ms, kind, code in self._runs() if self._table.runs else sorted(self._rows):
            name = self._names.all[asset]
            if not known[asset]:
                self._rejects.leave_out("events of unknown machines", f"{shortened(name)}")
            elif kind:
                out.append(Event(start_ms + after_ms, name, kind, code))
                if end_ms >= start_ms and self._table.then:
                    out.append(Event(end_ms, name, self._table.then))
        return out

    def _runs(self) -> list[tuple[int, int, int, str, str]]:
        """Return a row for each run of one kind and code; it ends with the next run."""
        rows = sorted(self._rows, key=lambda row: row[:2])
        states = {state: i for i, state in enumerate(dict.fromkeys((row[3], row[4]) for row in rows))}
        asset = np.array([row[0] for row in rows], np.int32)
        first = begins_of_runs(asset, np.array([states[row[3], row[4]] for row in rows], np.int64)).tolist()
        out = []
        for at, then in zip(first, [*first[1:], None], strict=True):
            row, end_ms = rows[at], rows[at][2]
            if then is not None and rows[then][0] == row[0]:
                end_ms = rows[then][1]
            out.append((row[0], row[1], end_ms, row[3], row[4]))
        return out

    def _ends(self, chunk: Chunk, start_ms: Int64, series: Int64) -> Int64:
        table, found = self._table, np.full(len(chunk), -1, np.int64)
        if table.duration:
            took = self._duration.read(as_text(chunk.columns[table.duration])).values
            took_ms = np.nan_to_num(took * _UNITS_MS[table.duration_unit], nan=-1.0).astype(np.int64)
            return np.where(took_ms < 0, found, start_ms + took_ms)
        if table.end:
            ends = pc.fill_null(as_text(chunk.columns[table.end]), "")
            there = np.flatnonzero(pc.not_equal(ends, "").to_numpy(zero_copy_only=False))
            times, kept = self._clock.read(chunk.take(there), self._rejects, table.end)
            there = there[np.isin(chunk.row[there], kept.row)]
            found[there] = self._clock.to_utc(times, series[there])
        return found

    def _kinds(self, chunk: Chunk) -> list[str]:
        table = self._table
        if not table.kind_column:
            return [table.kind] * len(chunk)
        words = self._texts(chunk, table.kind_column, "")
        strange = next((i for i, word in enumerate(words) if word not in table.kinds), None)
        if strange is not None:
            text = f"{chunk.place(strange, table.kind_column)}: {shortened(words[strange])} is in no kinds"
            count = sum(word not in table.kinds for word in words)
            self._rejects.leave_out("rows of event files of other kinds", text, count)
        return [table.kinds.get(word, "") for word in words]

    def _texts(self, chunk: Chunk, column: str, otherwise: str) -> list[str]:
        if not column:
            return [otherwise] * len(chunk)
        texts: list[str | None] = as_text(chunk.columns[column]).to_pylist()
        return [text or otherwise for text in texts]
