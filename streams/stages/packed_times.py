"""Times of readings, kept small while a copy of the kernel's memory waits to be written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.features.state import NOTHING
from models.telemetry.samples import Int32


@dataclass(frozen=True, slots=True)
class PackedTimes:
    """Times (n, S) of rows whose readings have one time each, or none: that time, and which there are.

    ``one`` (n,) is the time of a row, a bit of ``there`` (n, S / 8) for each of its ``sensors`` says whether
    it was read: an eighth of a byte for a reading, not four.
    """

    one: Int32
    there: npt.NDArray[np.uint8]
    sensors: int

    def whole(self) -> Int32:
        """Return the times as they were."""
        there = np.unpackbits(self.there, axis=1, count=self.sensors).astype(bool)
        return np.where(there, self.one[:, None], np.int32(NOTHING))


def packed(times: Int32) -> PackedTimes | None:
    """Return times (n, S) packed; None if a row has several, as of sensors that are sent one by one.

    >>> some = np.array([[7, 7, -1], [-1, -1, -1], [-1, 60_000, 60_000]], np.int32)
    >>> (packed(some).whole() == some).all(), packed(np.array([[7, 8, -1]], np.int32))
    (np.True_, None)
    """
    there = times != NOTHING
    one = times[np.arange(len(times)), there.argmax(axis=1)]
    if (there & (times != one[:, None])).any():
        return None
    return PackedTimes(one, np.packbits(there, axis=1), times.shape[1])
