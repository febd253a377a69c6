"""A look at a strange file: how its text is parted, its heading, and its first rows as texts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.sources import Source
from simulators.recordings.tables import as_text
from simulators.recordings.text_table import first_lines

TIME_WORD = re.compile(r"time|date|zeit|datum|stamp|fecha|hora|heure|clock|uhr|\bts\b|_ts$", re.IGNORECASE)
_LINES, _SIGNS = 2000, (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d[\d .,']*\d|\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
_COMMA, _POINT = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")


@dataclass(frozen=True)
class StrangeTable:
    """The first rows of a file: ``columns`` by name, as texts, and what was found of how they are written."""

    source: Source
    columns: dict[str, list[str]]
    units: dict[str, str]
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", "."] = ""
    encoding: str = "utf-8"
    units_rows: int = 0

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return max((len(texts) for texts in self.columns.values()), default=0)


def is_number(text: str) -> bool:
    """Return whether a text looks like a number in any country.

    >>> [is_number(t) for t in ("20,5", "-1e3", "1.200,5", "P1", "2024-03-01")]
    [True, True, True, False, False]
    """
    return _NUMBER.fullmatch(text) is not None


def look(source: Source) -> StrangeTable:
    """Look at the first rows of a file; RecordingError if there are none."""
    found = _parquet(source) if source.is_parquet else _text(source)
    if not found.rows:
        raise RecordingError(f"{source.shown}: no row under a heading")
    return found


def _parquet(source: Source) -> StrangeTable:
    with source.open() as file:
        try:
            table = pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=False)
            batch = next(table.iter_batches(_LINES), None)
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(f"{source.shown}: not a whole Parquet table: {error}") from error
    typed = {} if batch is None else dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = {name: [text or "" for text in as_text(column).to_pylist()] for name, column in typed.items()}
    return StrangeTable(source, columns, {})


def _text(source: Source) -> StrangeTable:
    encoding, lines = _decoded(source)
    try:
        delimiter = _delimiter(lines)
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise RecordingError(f"{source.shown}: no table of text: {error}") from error
    if not any(map(any, rows)):
        raise RecordingError(f"{source.shown}: no row")
    heading = _heading(rows)
    names = [name.lstrip("# ").strip() for name in rows[heading]]
    below = [row for row in rows[heading + 1 :] if any(row)]
    units_rows = next((i for i, row in enumerate(below[:4]) if any(map(_is_datum, row))), 0)
    units = dict(zip(names, below[0], strict=False)) if units_rows else {}
    data = below[units_rows:]
    columns = {
        name: [row[i] if i < len(row) else "" for row in data]
        for i, name in enumerate(names)
        if name and names.index(name) == i
    }
    decimal, thousands = _signs(data)
    return StrangeTable(source, columns, units, delimiter, decimal, thousands, encoding, units_rows)


def _decoded(source: Source) -> tuple[str, list[str]]:
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            return encoding, first_lines(source, TextTable(encoding=encoding), _LINES)
        except RecordingError:
            continue
    raise RecordingError(f"{source.shown}: no text in an encoding that is known")


def _delimiter(lines: list[str]) -> str:
    """Return the sign that parts most lines into the same number of fields, of several the most fields."""

    def worth(sign: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines[:200], delimiter=sign) if row)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        return (count, width) if width > 1 else (0, 0)

    return max(_SIGNS, key=worth)


def _heading(rows: list[list[str]]) -> int:
    """Return the number of the row of names: as wide as most; of several that with a time, or the first."""
    wide = Counter(len(row) for row in rows if row).most_common(1)
    width = wide[0][0] if wide else 0
    found: list[int] = []
    for i, row in enumerate(rows[:100]):
        named = sum(bool(cell) for cell in row)
        if any(map(_is_datum, row)) and found:
            break
        if named and named >= min(len(row), width) - 1 and len(row) >= width - 1:
            found.append(i)
    return next((i for i in found if any(map(TIME_WORD.search, rows[i]))), found[0] if found else 0)


def _is_datum(cell: str) -> bool:
    return is_number(cell) or bool(re.match(r"\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}", cell))


def _signs(rows: list[list[str]]) -> tuple[Literal[".", ","], Literal["", ",", "."]]:
    """Return the decimal sign and that between thousands, by what most numbers look like."""
    cells = [cell for row in rows for cell in row]
    commas = sum(_COMMA.fullmatch(cell) is not None for cell in cells)
    points = sum(_POINT.fullmatch(cell) is not None for cell in cells)
    if any(_GROUPED.fullmatch(cell) for cell in cells) and points >= commas:
        return ".", ","
    if any(_GROUPED_COMMA.fullmatch(cell) for cell in cells):
        return ",", "."
    return ("," if commas > points else "."), ""
