"""Rows of telemetry, the form in which every source reaches the feature kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from models.fleet.points import Sensor

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Values = npt.NDArray[Any]  # float32, or float64 of a fleet with counters


@dataclass(frozen=True, slots=True)
class Samples:
    """``n`` samples of ``S`` sensors, in any order.

    ``assets`` names the machines (distinct); ``asset`` (n,) indexes into it; ``time_ms`` (n,) is event
    time in UTC milliseconds; ``values`` (n, S) is in the fleet's sensor order, NaN if missing: float32, or
    float64 if a sensor is a counter, whose increments would be lost otherwise.

    >>> one = Samples(("CH-0001",), np.zeros(1, np.int32), np.array([0]), np.ones((1, 2), np.float32))
    >>> len(one)
    1
    """

    assets: tuple[str, ...]
    asset: Int32
    time_ms: Int64
    values: Values

    def __post_init__(self) -> None:
        rows = len(self.asset)
        if self.time_ms.shape != (rows,) or self.values.ndim != 2 or len(self.values) != rows:
            shapes = (self.asset.shape, self.time_ms.shape, self.values.shape)
            raise ValueError(f"asset, time_ms and values have shapes {shapes}")

    def __len__(self) -> int:
        return len(self.asset)

    def __getitem__(self, rows: slice) -> Samples:
        """Return the given rows, without a copy."""
        return Samples(self.assets, self.asset[rows], self.time_ms[rows], self.values[rows])

    def take(self, rows: Int64) -> Samples:
        """Return the given rows, the table of asset names unchanged."""
        return Samples(self.assets, self.asset[rows], self.time_ms[rows], self.values[rows])

    def narrowed(self, rows: Int64 | npt.NDArray[np.bool_]) -> Samples:
        """Return the given rows, and the names of their machines alone."""
        used, asset = np.unique(self.asset[rows], return_inverse=True)
        names = tuple(self.assets[i] for i in used.tolist())
        return Samples(names, asset.astype(np.int32), self.time_ms[rows], self.values[rows])


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Something the controller, or a person, logged about one machine.

    ``kind`` is ``shutdown`` (a safety shutdown: what is predicted), ``cycling``, ``override``,
    ``maintenance`` or ``restart``; ``code`` is the controller's word for it (``high-condenser-pressure``).
    """

    time_ms: int
    asset: str
    kind: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """All that a source delivers in [start_ms, end_ms).

    ``arrival_ms`` (n,), rising, is when each row of ``samples`` arrives; without it rows come in any order
    and arrive at their event time. So a late row stands in a later slice than its time says.
    """

    start_ms: int
    end_ms: int
    samples: Samples
    events: tuple[Event, ...] = ()
    arrival_ms: Int64 | None = None

    @property
    def arrivals(self) -> Int64:
        """When each row arrives, shape (n,)."""
        return self.samples.time_ms if self.arrival_ms is None else self.arrival_ms

    def in_order(self) -> TimeSlice:
        """Return the same with its rows in the order of arrival."""
        if self.arrival_ms is not None:
            return self
        came = self.samples.time_ms
        if (came[1:] >= came[:-1]).all():
            return replace(self, arrival_ms=came)
        order = np.argsort(came, kind="stable")
        return replace(self, samples=self.samples.take(order), arrival_ms=came[order])

    def placed(self, time_ms: int) -> int:
        """Return when an event arrives: at its time, or with its slice where that is another."""
        return min(max(time_ms, self.start_ms), self.end_ms - 1)


def join(parts: Sequence[Samples]) -> Samples:
    """Return the rows of all ``parts``, which share one table of assets, one after the other."""
    return Samples(
        parts[0].assets,
        np.concatenate([p.asset for p in parts]),
        np.concatenate([p.time_ms for p in parts]),
        np.concatenate([p.values for p in parts]),
    )


def limits(sensors: Sequence[Sensor]) -> Float32:
    """Return (2, S) the lowest and the highest plausible value of each sensor."""
    return np.array([[s.low for s in sensors], [s.high for s in sensors]], np.float32)


def hold_ms(sensors: Sequence[Sensor]) -> Int64:
    """Return for how long each sensor holds its last value (S,), 0 if it does not."""
    return np.array([1000 * (s.hold_s or 0) for s in sensors], np.int64)


def value_type(sensors: Sequence[Sensor]) -> np.dtype[Any]:
    """Return the type of readings: float64 if one is a total, which float32 has no room for."""
    return np.dtype(np.float64 if any(s.kind == "counter" for s in sensors) else np.float32)


def utc(time_ms: float) -> str:
    """Say an event time as people read it.

    >>> utc(1_735_689_600_000)
    '2025-01-01 00:00'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
