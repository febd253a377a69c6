"""The names of machines in a recording: from a column, a file's name or the heading."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import RecordingError
from models.fleet.recording import EventFile, Recording
from models.telemetry.samples import Int32
from simulators.recordings.chunk import Chunk
from simulators.recordings.rejects import Rejects
from simulators.recordings.sources import Source
from simulators.recordings.tables import as_text
from streams.wire.validation import MAX_NAME


class Names:
    """The machines of a recording: a number for each name, in the order in which they are first seen."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Return the number of a name."""
        if name not in self._numbers:
            self._numbers[name] = len(self.all)
            self.all.append(name)
        return self._numbers[name]

    def numbers(self, column: pa.Array) -> Int32:
        """Return the numbers of names (n,); -1 if there is none."""
        encoded = as_text(column).dictionary_encode()
        names = encoded.dictionary.to_pylist()
        table = [self.number(name) if name and len(name) <= MAX_NAME else -1 for name in names]
        codes = pc.fill_null(encoded.indices, len(table)).to_numpy(zero_copy_only=False)
        found: Int32 = np.array([*table, -1], np.int32)[codes]
        return found


def name_in(source: Source, pattern: str | None, group: str) -> str | None:
    """Return what a file's path says by a pattern, None if that is not asked.

    Raises RecordingError if the path does not fit.
    """
    if pattern is None or group not in re.compile(pattern).groupindex:
        return None
    found = re.search(pattern, source.name)
    if found is None or not found[group]:
        expected = f"expected a path like file_pattern = {pattern!r}"
        raise RecordingError(f"{source.shown}: {source.name!r} names no {group}: {expected}")
    return found[group]


def machines_of(table: Recording | EventFile, chunk: Chunk, names: Names, rejects: Rejects) -> Int32:
    """Return the number of each row's machine, -1 if there is none."""
    fixed = table.asset_name or name_in(chunk.source, table.file_pattern, "asset")
    if fixed:
        return np.full(len(chunk), names.number(fixed), np.int32)
    found = names.numbers(chunk.columns[table.asset])
    nobody = np.flatnonzero(found < 0)
    if len(nobody):
        name = (as_text(chunk.columns[table.asset])[int(nobody[0])].as_py() or "")[: MAX_NAME + 1]
        said = f"{len(name)} characters and more" if len(name) > MAX_NAME else "nothing"
        expected = f"expected the name of a machine, of at most {MAX_NAME} characters"
        text = f"{chunk.place(int(nobody[0]), table.asset)}: {said}: {expected}"
        rejects.reject(table.on_bad, "rows without a machine", text, len(nobody))
    return found
