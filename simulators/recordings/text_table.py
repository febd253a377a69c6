"""A table in a text file, read in parts: its heading is found, its encoding undone, odd rows are counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.chunk import Chunk
from simulators.recordings.decoded_text import DecodedText
from simulators.recordings.heading import PAD, Heading, delimiter_of
from simulators.recordings.odd_rows import OddRows
from simulators.recordings.rejects import Rejects
from simulators.recordings.sources import Source

_BLOCK = 4 << 20


def read_text(source: Source, form: TextTable, heading: Heading, rejects: Rejects) -> Iterator[Chunk]:
    """Yield the rows of a text file as trimmed texts, from the first line that fits the heading on.

    Raises RecordingError if no line is such a heading, if the bytes are of another encoding, or if no table.
    """
    with source.open() as file:
        text = DecodedText(source, file, form)
        names = text.heading(heading)
        if names is None:
            return
        yield from _batches(source, text, names, form, rejects)


def first_lines(source: Source, form: TextTable, most: int) -> list[str]:
    """Return the first lines of a text file, for people to look at."""
    with source.open() as file:
        return DecodedText(source, file, form).peek().splitlines()[:most]


def _batches(
    source: Source, text: DecodedText, names: list[str], form: TextTable, rejects: Rejects
) -> Iterator[Chunk]:
    width, odd = len(names), OddRows(source, names, form, rejects)
    labels = [f"{PAD}{i}" if name in ("", PAD, *names[:i]) else name for i, name in enumerate(names)]
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
    text: DecodedText, names: list[str], form: TextTable, odd: OddRows
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


def _next(odd: OddRows, reading: pyarrow.csv.CSVStreamingReader) -> pa.RecordBatch | None:
    try:
        return reading.read_next_batch()
    except StopIteration:
        return None
    except pa.ArrowInvalid as error:
        odd.complain()
        said = str(error).splitlines()[0]
        hint = "; is a quotation mark not closed?" if "straddl" in said else ""
        raise RecordingError(f"{odd.source.shown}: not a whole table: {said}{hint}") from error


def _without_blank(chunk: Chunk, labels: list[str], names: list[str], rejects: Rejects) -> Chunk:
    """Leave out rows that are empty, and headings that come again where files were put together."""
    blank, again = np.ones(len(chunk), bool), np.ones(len(chunk), bool)
    for label, name in zip(labels, names, strict=True):
        column = chunk.columns[label]
        blank &= pc.equal(column, "").to_numpy(zero_copy_only=False)
        again &= pc.equal(column, "" if name == PAD else name).to_numpy(zero_copy_only=False)
        if not blank.any() and not again.any():
            return chunk
    for kind, rows in (("blank rows", blank), ("headings again", again & ~blank)):
        if rows.any():
            at = int(np.flatnonzero(rows)[0])
            rejects.leave_out(kind, f"{chunk.source.shown}: row {chunk.row[at]}", int(rows.sum()))
    return chunk.take(np.flatnonzero(~(blank | again)))
