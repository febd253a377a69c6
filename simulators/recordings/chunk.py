"""Some rows of one file, by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from simulators.recordings.sources import Source

Int64 = npt.NDArray[np.int64]


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
