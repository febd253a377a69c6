"""What is simulated once and read twice: kept in a temporary file, so that memory does not grow with it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

from models.telemetry.samples import TimeSlice


class Spool:
    """Slices of a source: ``ahead`` yields them as they come, iteration all of them from the first.

    Iterate once: the file is closed once it has been read, and the rest comes from the source.

    >>> spool = Spool(map("slice {}".format, range(3)), Path("/tmp"))
    >>> next(spool.ahead()), list(spool)
    ('slice 0', ['slice 0', 'slice 1', 'slice 2'])
    """

    def __init__(self, source: Iterable[TimeSlice], folder: Path) -> None:
        self._source = iter(source)
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by who reads it

    def ahead(self) -> Iterator[TimeSlice]:
        """Yield the source's next slices, keeping each, also one that its taker then leaves."""
        for part in self._source:
            pickle.dump(part, self._file, pickle.HIGHEST_PROTOCOL)
            yield part

    def __iter__(self) -> Iterator[TimeSlice]:
        """Yield what was kept, and go on with the source."""
        with self._file as file:
            end = file.tell()
            file.seek(0)
            while file.tell() < end:
                yield pickle.load(file)  # noqa: S301 - a file without a name, written above
        yield from self._source
