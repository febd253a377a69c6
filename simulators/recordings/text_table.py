"""A table in a text file, read in parts: its heading is found, its encoding undone, odd rows are counted."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.rejects import Rejects, shortened
from simulators.recordings.sources import Source

Int64 = npt.NDArray[np.int64]
_BLOCK = 4 << 20
_LOOKED_AT = 1 << 18  # characters in which the heading has to stand
_HEAD_LINES = 200
_LOOKED_AT_ROWS = 20
_MOST_ODD = 1_000_000
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BLANKS = re.compile(r"[ \t]+")
_PAD = "\x00"  # no column of a file is named so


@dataclass(frozen=True)
class Chunk:
    """Some rows of one file: ``row`` (n,) from 1 under the heading, and its columns by name."""

    source: Source
    row: Int64
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Int64) -> Chunk:
        """Return the given rows."""
        at = pa.array(rows)
        return Chunk(self.source, self.row[rows], {n: c.take(at) for n, c in self.columns.items()})

    def with_column(self, name: str, column: pa.Array) -> Chunk:
        """Return the same with another column."""
        return Chunk(self.source, self.row, {**self.columns, name: column})

    def place(self, row: int, column: str) -> str:
        """Name a place for an error."""
        return f"{self.source.shown}: row {self.row[row]}, column {column}"


@dataclass(frozen=True)
class Heading:
    """What a heading has to have: all that is ``needed``, and any of ``others``."""

    needed: tuple[str, ...]
    others: Callable[[str], bool]

    def fits(self, names: Sequence[str]) -> bool:
        """Return whether names are those of the heading."""
        return all(name in names for name in self.needed) and any(map(self.others, names))

    def known(self, names: Sequence[str]) -> int:
        """Return how many of the names are meant."""
        return sum(name in self.needed or self.others(name) for name in names)


def read_text(source: Source, form: TextTable, heading: Heading, rejects: Rejects) -> Iterator[Chunk]:
    """Yield the rows of a text file as trimmed texts, from the first line that fits the heading on.

    Raises RecordingError if no line is such a heading, if the bytes are of another encoding, or if no table.
    """
    with source.open() as file:
        text = _Text(source, file, form)
        names = text.heading(heading)
        if names is None:
            return
        yield from _batches(source, text, names, form, rejects)


def first_lines(source: Source, form: TextTable, most: int) -> list[str]:
    """Return the first lines of a text file, for people to look at."""
    with source.open() as file:
        return _Text(source, file, form).peek().splitlines()[:most]


class _Text(io.RawIOBase):
    """A file as UTF-8, from after its heading on."""

    def __init__(self, source: Source, file: BinaryIO, form: TextTable) -> None:
        self._source, self._form = source, form
        start = file.read(4)
        self.encoding = next((name for bom, name in _BOMS if start.startswith(bom)), form.encoding)
        self._file, self._rest = file, start
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._text, self._partial, self._at_end, self._read, self._out = "", "", False, 0, b""

    def readable(self) -> bool:
        return True

    def peek(self) -> str:
        """Return the beginning of the text, without taking it."""
        while len(self._text) < _LOOKED_AT and not self._at_end:
            self._more()
        return self._text[:_LOOKED_AT]

    def heading(self, wanted: Heading) -> list[str] | None:
        """Take the heading and what stands before it; return its names, None if the file is empty."""
        beginning, form = self.peek(), self._form
        if not beginning.strip():
            return None
        if form.headings:
            names = list(form.headings)
            self._take_lines(form.units_rows)
            return names
        lines = beginning.splitlines(keepends=True)[:_HEAD_LINES]
        rows = list(self._rows_of(lines))
        for i, (number, cells) in enumerate(rows):
            if wanted.fits(cells):
                self._take_lines(number + form.units_rows)
                longest = max(len(row) for _, row in rows[i : i + _LOOKED_AT_ROWS])
                return cells + [_PAD] * (longest - len(cells))
        raise RecordingError(no_heading(self._source, [cells for _, cells in rows], wanted, self._form))

    def _rows_of(self, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of lines up to a row, and its trimmed cells; a leading # is left out."""
        plain = (re.sub(r"^\s*#+[ \t]*", "", line) for line in lines)
        reader = csv.reader(plain, delimiter=delimiter_of(self._form))
        try:
            for cells in reader:
                yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error:
            return

    def _take_lines(self, count: int) -> None:
        at = 0
        for _ in range(count):
            end = re.compile(r"\r\n|\n|\r").search(self._text, at)
            at = end.end() if end else len(self._text)
        self._text = self._text[at:]

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with UTF-8."""
        while not self._out:
            if not self._text and self._at_end:
                return 0
            if not self._text:
                self._more()
            text, self._text = self._text, ""
            self._out = text.encode("utf-8", "replace")
        size = min(len(buffer), len(self._out))
        buffer[:size], self._out = self._out[:size], self._out[size:]
        return size

    def _more(self) -> None:
        data = self._rest or self._file.read(1 << 20)
        self._rest = b""
        try:
            text = self._partial + self._decoder.decode(data, final=not data)
        except UnicodeError as error:
            byte = str(error)
            if isinstance(error, UnicodeDecodeError):
                byte = f"byte 0x{error.object[error.start]:02x} after {self._read + error.start} bytes"
            raise RecordingError(
                f"{self._source.shown}: not {self.encoding}: {byte}; "
                "encoding = 'cp1252' reads most files of Windows"
            ) from error
        self._read, self._at_end, self._partial = self._read + len(data), not data, ""
        if self._form.delimiter == "spaces":
            whole = len(text) if not data else text.rfind("\n") + 1
            text, self._partial = re.sub(r"(?m)^ | $", "", _BLANKS.sub(" ", text[:whole])), text[whole:]
        self._text += text


def no_heading(source: Source, rows: Sequence[Sequence[str]], wanted: Heading, form: TextTable) -> str:
    """Say what is wrong with a table that has no such heading, and which key would help."""
    best = max(rows, key=wanted.known, default=[])
    if wanted.known(best):
        there = ", ".join(name for name in best if name)
        absent = next((name for name in wanted.needed if name not in best), None)
        what = "none of the columns of sensors" if absent is None else f"no column {absent!r}"
        return f"{source.shown}: {what}: there are {there[:500]}"
    first = delimiter_of(form).join(next((row for row in rows if any(row)), []))
    count = {sign: first.count(sign) for sign in (",", ";", "\t", "|")}
    sign = max(count, key=lambda sign: count[sign])
    hint = f"; delimiter = {sign!r} would part it" if count[sign] and sign != form.delimiter else ""
    said = f"the first line is {shortened(first)}{hint}"
    return f"{source.shown}: no heading with the columns of the fleet file: {said}; headings gives names"


def delimiter_of(form: TextTable) -> str:
    """Return the character between fields."""
    return " " if form.delimiter == "spaces" else form.delimiter


def _batches(
    source: Source, text: _Text, names: list[str], form: TextTable, rejects: Rejects
) -> Iterator[Chunk]:
    width, odd = len(names), _OddRows(source, names, form, rejects)
    labels = [f"{_PAD}{i}" if name in ("", _PAD, *names[:i]) else name for i, name in enumerate(names)]
    reading = _reader(text, [f"c{i}" for i in range(width)], form, odd)
    if reading is None:
        yield from odd.left(labels)
        return
    number = 1
    while (batch := _next(odd, reading)) is not None:
        row = odd.numbers(number, batch.num_rows)
        columns = {label: pc.utf8_trim_whitespace(batch[i]) for i, label in enumerate(labels)}
        chunk = odd.joined(Chunk(source, row, columns), labels)
        number = int(row[-1]) + 1 if len(row) else number
        chunk = odd.without_longer(chunk, labels)
        yield _without_blank(chunk, labels, names, rejects)
    yield from odd.left(labels)


def _reader(
    text: _Text, names: list[str], form: TextTable, odd: _OddRows
) -> pyarrow.csv.CSVStreamingReader | None:
    try:
        return pyarrow.csv.open_csv(
            pa.PythonFile(text, mode="r"),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter_of(form), newlines_in_values=True, invalid_row_handler=odd.take
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return None
        odd.complain()
        raise RecordingError(
            f"{odd.source.shown}: not a whole table: {str(error).splitlines()[0]}"
        ) from error


def _next(odd: _OddRows, reading: pyarrow.csv.CSVStreamingReader) -> pa.RecordBatch | None:
    try:
        return reading.read_next_batch()
    except StopIteration:
        return None
    except pa.ArrowInvalid as error:
        odd.complain()
        said = str(error).splitlines()[0]
        hint = "; is a quotation mark not closed?" if "straddl" in said else ""
        raise RecordingError(f"{odd.source.shown}: not a whole table: {said}{hint}") from error


class _OddRows:
    """Rows that have another number of fields than the heading: longer ones may end in empty fields."""

    def __init__(self, source: Source, names: list[str], form: TextTable, rejects: Rejects) -> None:
        self.source, self._names, self._form, self._rejects = source, names, form, rejects
        self._needed = sum(name != _PAD for name in names)
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


def _without_blank(chunk: Chunk, labels: list[str], names: list[str], rejects: Rejects) -> Chunk:
    """Leave out rows that are empty, and headings that come again where files were put together."""
    blank, again = np.ones(len(chunk), bool), np.ones(len(chunk), bool)
    for label, name in zip(labels, names, strict=True):
        column = chunk.columns[label]
        blank &= pc.equal(column, "").to_numpy(zero_copy_only=False)
        again &= pc.equal(column, name).to_numpy(zero_copy_only=False)
        if not blank.any() and not again.any():
            return chunk
    for kind, rows in (("blank rows", blank), ("headings again", again & ~blank)):
        if rows.any():
            at = int(np.flatnonzero(rows)[0])
            rejects.leave_out(kind, f"{chunk.source.shown}: row {chunk.row[at]}", int(rows.sum()))
    return chunk.take(np.flatnonzero(~(blank | again)))
