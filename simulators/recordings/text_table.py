"""A table in a text file, read in parts: its heading is found, its encoding undone, odd rows are counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from models.fleet.recording import TextTable
from simulators.recordings.arrow_rows import ArrowRows
from simulators.recordings.chunk import Chunk
from simulators.recordings.decoded_text import DecodedText
from simulators.recordings.heading import PAD, Heading
from simulators.recordings.odd_rows import OddRows
from simulators.recordings.rejects import Rejects
from simulators.recordings.sources import Source


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
    number = 1
    with contextlib.closing(ArrowRows(text, [f"c{i}" for i in range(width)], form, odd)) as rows:
        while (batch := rows.next()) is not None:
            row = odd.numbers(number, batch.num_rows)
            columns = {label: pc.utf8_trim_whitespace(batch[i]) for i, label in enumerate(labels)}
            chunk = odd.joined(Chunk(source, row, columns), labels)
            number = int(row[-1]) + 1 if len(row) else number
            chunk = odd.without_longer(chunk, labels)
            yield _without_blank(chunk, labels, names, rejects)
    yield from odd.left(labels)


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
