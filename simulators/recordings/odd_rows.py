"""Rows that have another number of fields than the heading: mended, counted or refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from models.fleet.recording import TextTable
from simulators.recordings.chunk import Chunk, Int64
from simulators.recordings.heading import PAD, delimiter_of
from simulators.recordings.rejects import Rejects, shortened
from simulators.recordings.sources import Source

_MOST_ODD = 1_000_000


class OddRows:
    """Rows that have another number of fields than the heading: longer ones may end in empty fields."""

    def __init__(self, source: Source, names: list[str], form: TextTable, rejects: Rejects) -> None:
        self.source, self._names, self._form, self._rejects = source, names, form, rejects
        self._needed = sum(name != PAD for name in names)
        self._numbers: set[int] = set()
        self._mended: dict[int, list[str]] = {}
        self._wrong: dict[int, str] = {}

    def take(self, row: pyarrow.csv.InvalidRow) -> str:
        """Keep a row if it can be mended, and tell Arrow to pass over it."""
        cells = next(csv.reader([row.text], delimiter=delimiter_of(self._form)), [])
        cells, width = [cell.strip() for cell in cells], len(self._names)
        self._numbers.add(row.number)
        if not any(cells):
            self._rejects.leave_out("blank rows", f"{self.source.shown}: row {row.number}")
        elif len(cells) >= self._needed and not any(cells[width:]):
            self._mended[row.number] = (cells + [""] * (width - len(cells)))[:width]
        else:
            expected = f"expected {self._needed} as in the heading; on_bad = 'skip' leaves such rows out"
            said = f"{len(cells)} fields, {shortened(row.text)}: {expected}"
            self._wrong[row.number] = f"{self.source.shown}: row {row.number}: {said}"
            if self._form.on_bad == "refuse":
                return "error"
        return "skip" if len(self._mended) + len(self._wrong) < _MOST_ODD else "error"

    def numbers(self, first: int, count: int) -> Int64:
        """Return the numbers of the next ``count`` rows that are not odd, from ``first`` on."""
        self._numbers = {number for number in self._numbers if number >= first}
        span = np.arange(first, first + count + len(self._numbers), dtype=np.int64)
        return span[~np.isin(span, list(self._numbers))][:count]

    def complain(self) -> None:
        """Count, or refuse, the rows that could not be mended."""
        for said in self._wrong.values():
            self._rejects.reject(self._form.on_bad, "rows of another length", said)
        self._wrong = {}

    def joined(self, chunk: Chunk, labels: list[str]) -> Chunk:
        """Return a chunk with the rows that were mended."""
        self.complain()
        mended, self._mended = self._mended, {}
        if not mended:
            return chunk
        row = np.concatenate([chunk.row, np.array(list(mended), np.int64)])
        columns = {
            label: pa.concat_arrays(
                [chunk.columns[label], pa.array([cells[i] for cells in mended.values()], pa.string())]
            )
            for i, label in enumerate(labels)
        }
        return Chunk(chunk.source, row, columns).take(np.argsort(row, kind="stable"))

    def without_longer(self, chunk: Chunk, labels: list[str]) -> Chunk:
        """Leave out the rows, or refuse the first, that say something beyond the heading."""
        beyond = [chunk.columns[label] for label in labels[self._needed :]]
        wrong = np.zeros(len(chunk), bool)
        for column in beyond:
            wrong |= pc.not_equal(column, "").to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(wrong)
        if not len(rows):
            return chunk
        said = ", ".join(column[int(rows[0])].as_py() for column in beyond)
        place = f"{self.source.shown}: row {chunk.row[rows[0]]}: {shortened(said)} beyond the heading"
        text = f"{place}: expected {self._needed} fields; on_bad = 'skip' leaves such rows out"
        self._rejects.reject(self._form.on_bad, "rows of another length", text, len(rows))
        return chunk.take(np.flatnonzero(~wrong))

    def left(self, labels: list[str]) -> Iterator[Chunk]:
        """Yield what was mended after the last chunk."""
        empty = {label: pa.array([], pa.string()) for label in labels}
        chunk = self.joined(Chunk(self.source, np.empty(0, np.int64), empty), labels)
        if len(chunk):
            yield chunk
