"""The rows of one file, text or Parquet, in parts of columns by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.chunk import Chunk
from simulators.recordings.heading import Heading, no_heading
from simulators.recordings.rejects import Rejects
from simulators.recordings.sources import Source
from simulators.recordings.text_table import read_text

_ROWS = 262_144


def read_table(source: Source, form: TextTable, heading: Heading, rejects: Rejects) -> Iterator[Chunk]:
    """Yield the rows of a table; of Parquet only the columns that are meant, typed as they are.

    Raises RecordingError that names the file, and the row if there is one.
    """
    if not source.is_parquet:
        yield from read_text(source, form, heading, rejects)
        return
    with source.open() as file:
        try:
            yield from _read_parquet(
                source, pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=False), form, heading
            )
        except (pa.ArrowException, OSError) as error:
            said = str(error).splitlines()[0]
            raise RecordingError(f"{source.shown}: not a whole CSV or Parquet table: {said}") from error


def _read_parquet(source: Source, file: pq.ParquetFile, form: TextTable, heading: Heading) -> Iterator[Chunk]:
    names = file.schema_arrow.names
    if not heading.fits(names):
        raise RecordingError(no_heading(source, [names], heading, form))
    chosen, first = [name for name in names if name in heading.needed or heading.others(name)], 1
    for batch in file.iter_batches(_ROWS, columns=chosen):
        rows = np.arange(first, first + len(batch), dtype=np.int64)
        first += len(batch)
        yield Chunk(source, rows, {name: _plain(batch[name]) for name in chosen})


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without dictionary, as text if it is no number, no time and no truth."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    typed = (pa.types.is_temporal, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return column if any(is_kind(kind) for is_kind in typed) else column.cast(pa.string())


def as_text(column: pa.Array) -> pa.StringArray:
    """Return a column as texts; a whole number that stands as a fraction loses its ``.0``."""
    if pa.types.is_floating(column.type):
        texts = [None if v is None or v != v else f"{v:.17g}" for v in column.to_pylist()]  # noqa: PLR0124
        return pa.array(texts, pa.string())
    return column.cast(pa.string())
