"""What really happened, for evaluation alone: no telemetry, label or feature is made from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from models.event_time import DAY_MS
from models.telemetry.samples import Float64, Int64


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A gradual fault, or one of an instrument, under way in [begin_ms, end_ms), None while it lasts.

    ``ended_by`` is ``repair`` (after a shutdown), ``found`` (mended before one) or ``service``. A gradual
    one has a ``severity`` for its beginning and for the end of each day since; 1 is about where it trips.
    """

    asset: str
    kind: str
    begin_ms: int
    end_ms: int | None = None
    ended_by: str = ""
    severity: tuple[float, ...] = ()

    @property
    def is_of_instrument(self) -> bool:
        """Whether it is a sensor that fails, and nothing of the machine."""
        return self.kind.startswith("sensor_")

    def is_under_way(self, time_ms: int) -> bool:
        """Return whether it had begun at a time, and was not mended."""
        return self.begin_ms <= time_ms and (self.end_ms is None or time_ms < self.end_ms)

    def severity_at(self, time_ms: Int64) -> Float64:
        """Return how far it had come at times (n,): 0 before it began and once it was mended."""
        if not self.severity:
            return np.zeros(len(time_ms))
        days = (time_ms - self.begin_ms) / DAY_MS
        size = np.interp(days, np.arange(len(self.severity)), self.severity)
        over = days < 0 if self.end_ms is None else (days < 0) | (time_ms >= self.end_ms)
        return np.where(over, 0.0, size)


@dataclass(frozen=True, slots=True)
class ShutdownRecord:
    """A safety shutdown; ``cause`` is a kind of fault, empty if none had a part in it."""

    asset: str
    time_ms: int
    code: str
    cause: str
    is_sudden: bool

    @property
    def has_precursor(self) -> bool:
        """Whether a gradual fault led to it, so that it could be foreseen."""
        return bool(self.cause) and not self.is_sudden


@dataclass(slots=True)
class Truth:
    """The record of one group, written as the simulation goes."""

    shutdowns: list[ShutdownRecord] = field(default_factory=list)
    ended: list[FaultRecord] = field(default_factory=list)
    under_way: dict[tuple[str, str], FaultRecord] = field(default_factory=dict)

    @property
    def faults(self) -> list[FaultRecord]:
        """All faults that ever began."""
        return [*self.ended, *self.under_way.values()]

    def begin(self, asset: str, kind: str, time_ms: int) -> None:
        """Note that a fault began."""
        self.under_way[asset, kind] = FaultRecord(asset, kind, time_ms)

    def grow(self, asset: str, kind: str, severity: float) -> None:
        """Note how far a fault has come: at its beginning, then at the end of each day."""
        fault = self.under_way[asset, kind]
        self.under_way[asset, kind] = replace(fault, severity=(*fault.severity, severity))

    def end(self, asset: str, kind: str, time_ms: int, reason: str) -> None:
        """Note that a fault ended."""
        self.ended.append(replace(self.under_way.pop((asset, kind)), end_ms=time_ms, ended_by=reason))
