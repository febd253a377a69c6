"""A fingerprint of what a stream delivered: of the numbers, not of the files that keep them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

from models.telemetry.samples import Int64, Samples, TimeSlice
from simulators.chance import lines_of


class Digest:
    """SHA-256 over rows and events in the order of delivery, the same however they are cut.

    Columns are hashed one by one (arrival and event time int64, asset as the hash of its name, values
    float32 or float64, all little-endian), and events as JSON, then the five digests together.
    """

    def __init__(self) -> None:
        self._arrival, self._time, self._asset, self._values, self._events = (
            hashlib.sha256() for _ in range(5)
        )
        self._names: dict[tuple[str, ...], Any] = {}

    def add(self, part: TimeSlice) -> None:
        """Add a slice whose rows are in the order of arrival."""
        self._rows(part.samples, part.arrivals)
        for event in part.events:
            self._events.update(msgspec.json.encode(event))

    def _rows(self, samples: Samples, arrival_ms: Int64) -> None:
        if samples.assets not in self._names:
            self._names = {samples.assets: lines_of(0, "digest", samples.assets).astype("<u8")}
        self._arrival.update(np.ascontiguousarray(arrival_ms, "<i8").data)
        self._time.update(np.ascontiguousarray(samples.time_ms, "<i8").data)
        self._asset.update(self._names[samples.assets][samples.asset].tobytes())
        self._values.update(np.ascontiguousarray(samples.values, samples.values.dtype.newbyteorder("<")).data)

    def hexdigest(self) -> str:
        """Return the fingerprint, 64 hexadecimal digits."""
        parts = (self._arrival, self._time, self._asset, self._values, self._events)
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()
