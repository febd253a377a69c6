"""A day of a large fleet on disk: written a group at a time, read an hour at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

import numpy as np

from models.telemetry.samples import Float32


class Spool:
    """Holds values (A, T, P), so that neither all machines nor all hours are in memory at once.

    The file lies in the system's folder for temporary files (``TMPDIR``) and is gone when the spool is.
    """

    def __init__(self, steps: int, points: int) -> None:
        self._shape = steps, points
        self._assets = 0
        self._file = tempfile.TemporaryFile(prefix="chillcast-")  # noqa: SIM115  (lives as long as the spool)

    def fill(self, groups: Iterable[Float32]) -> None:
        """Replace what is held by the values (A, T, P) of one group after another."""
        self._file.seek(0)
        self._assets = 0
        for values in groups:
            self._file.write(np.ascontiguousarray(values, np.float32).data)
            self._assets += len(values)
        self._file.flush()

    def read(self, first: int, last: int) -> Float32:
        """Return the values of steps [first, last), shape (A, last - first, P)."""
        steps, points = self._shape
        out = np.empty((self._assets, last - first, points), np.float32)
        for asset, rows in enumerate(out):
            self._file.seek((asset * steps + first) * points * out.itemsize)
            self._file.readinto(rows.data)
        return out
