"""Drift with a name: what moved of what the sensors read beside what they should, and on whom.

A residual has load and weather taken out, so that what is left is a machine, an instrument, or something that
many machines share. Thresholds are those of the fleet's own days, and nothing is said of one day alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from models.adaptation.layer import SegmentsOf, no_segments
from models.adaptation.watched import Usual, Watched
from models.fleet.inventory import FLEET
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32

Cause = Literal["sensor", "machine", "population", "season"]
_ERRORS_OF_MACHINE, _LEAST_OF_MACHINE = 6.0, 1.5
_ERRORS_OF_MANY, _LEAST_OF_MANY = 4.0, 0.3
_FEWEST = 8  # machines that tell what many do, and as many beside them
_FEW_POINTS = 2  # that one instrument moves: its own, and one that is computed with it
_NAMED = 20

# Days of an asset that wait to be judged, end and how far each point moved; and what is usual, if anything.
Remembered = tuple[list[tuple[int, bytes]], Usual | None]


@dataclass(frozen=True, slots=True)
class Moved:
    """Residual ``point`` of machines moved by ``deviations`` of a day's mean, as of ``time_ms``.

    It is about one machine, or a ``segment`` of which ``count`` machines moved that way; ``machines`` are
    the first twenty of them.
    """

    cause: Cause
    time_ms: int
    point: int
    deviations: float
    segment: str
    machines: tuple[str, ...]
    count: int


@dataclass(slots=True)
class FleetDrift:
    """Watches how far ``points`` residuals of each machine moved from their month, day after day.

    What all machines, or those of a segment, do is taken from what each of them does. ``changed`` are the
    assets remembered otherwise since whoever saves them last cleared it.
    """

    points: int
    segments_of: SegmentsOf = no_segments
    changed: set[str] = field(default_factory=set)
    _waiting: dict[int, dict[str, Float32]] = field(default_factory=lambda: defaultdict(dict))
    _machines: dict[str, Watched] = field(default_factory=dict)
    _segments: dict[str, Watched] = field(default_factory=dict)

    def observe(self, asset: str, end_ms: int, moved: Float32) -> None:
        """See how far residuals (R,) of a machine moved, NaN if nobody knows, on the day that ends then."""
        if np.isfinite(moved).any():
            self._waiting[end_ms][asset] = moved
            self.changed.add(asset)

    def advance(self, watermark_ms: int) -> Iterator[Moved]:
        """Judge the days that are over, and yield what is to be said of them."""
        for end_ms in sorted(day for day in self._waiting if day <= watermark_ms):
            rows = self._waiting.pop(end_ms)
            assets = sorted(rows)
            self.changed.update(assets)
            yield from self._day(end_ms, assets, np.stack([rows[asset] for asset in assets]))

    def begin_anew(self, asset: str) -> None:
        """Forget what is usual of a machine that was worked on."""
        if self._machines.pop(asset, None) is not None:
            self.changed.add(asset)

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of one asset."""
        waiting = [(end_ms, rows[asset].tobytes()) for end_ms, rows in self._waiting.items() if asset in rows]
        watched = self._machines.get(asset)
        return waiting, watched.remember() if watched else None

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, usual = remembered
        for end_ms, moved in waiting:
            self._waiting[end_ms][asset] = np.frombuffer(moved, np.float32)
        if usual is not None:
            self._machines[asset] = Watched.of(usual)

    def shared(self) -> dict[str, Usual]:
        """Return what is remembered of the fleet and its segments."""
        return {name: watched.remember() for name, watched in self._segments.items()}

    def give_back(self, shared: dict[str, Usual]) -> None:
        """Know the fleet and its segments again."""
        self._segments = {name: Watched.of(usual) for name, usual in shared.items()}

    def _day(self, end_ms: int, assets: Sequence[str], moved: Float32) -> Iterator[Moved]:
        shared = np.zeros_like(moved)
        everybody = np.ones(len(assets), bool)
        if len(assets) >= _FEWEST:
            yield from self._many(end_ms, FLEET, everybody, assets, moved, shared)
        for segment, rows in sorted(self._groups(assets), key=lambda one: -_apart(moved, one[1])):
            yield from self._many(end_ms, segment, rows, assets, moved, shared)
        for asset, alone in zip(assets, moved - shared, strict=True):
            yield from self._one(end_ms, asset, alone)

    def _groups(self, assets: Sequence[str]) -> Iterator[tuple[str, Bools]]:
        """Yield each segment that has machines enough, and enough beside it."""
        of = [set(self.segments_of(asset)) for asset in assets]
        for segment in sorted(set().union(*of)):
            rows = np.array([segment in own for own in of])
            if min(rows.sum(), (~rows).sum()) >= _FEWEST:
                yield segment, rows

    def _many(
        self,
        end_ms: int,
        segment: str,
        rows: Bools,
        assets: Sequence[str],
        moved: Float32,
        shared: Float32,
    ) -> Iterator[Moved]:
        """Yield what a segment does that the others do not; the fleet has no others."""
        left = moved - shared
        apart = _median(left[rows]) - (0.0 if segment == FLEET else _median(left[~rows]))
        watched = self._segments.setdefault(segment, Watched.new(self.points))
        fast, now = watched.came_fast(apart), watched.see(apart, _ERRORS_OF_MANY, _LEAST_OF_MANY)
        stands = watched.stands
        shared[np.ix_(rows, stands)] += apart[stands]
        names = np.array(assets)[rows]
        for point in np.flatnonzero(now).tolist():
            with_it = names[left[rows, point] * np.sign(apart[point]) > 0].tolist()
            cause: Cause = "population" if segment != FLEET or fast[point] else "season"
            named = tuple(with_it[:_NAMED])
            yield Moved(cause, end_ms, point, float(apart[point]), segment, named, len(with_it))

    def _one(self, end_ms: int, asset: str, alone: Float32) -> Iterator[Moved]:
        """Yield the point that moved furthest on one machine, and whether it did so alone and at once."""
        watched = self._machines.setdefault(asset, Watched.new(self.points))
        fast, now = watched.came_fast(alone), watched.see(alone, _ERRORS_OF_MACHINE, _LEAST_OF_MACHINE)
        if now.any():
            size = np.abs(np.nan_to_num(alone))
            point = int(np.argmax(np.where(now, size, 0.0)))
            is_alone = (size > _LEAST_OF_MACHINE / 2).sum() <= _FEW_POINTS
            cause: Cause = "sensor" if is_alone and fast[point] else "machine"
            yield Moved(cause, end_ms, point, float(alone[point]), "", (asset,), 1)


def _apart(moved: Float32, rows: Bools) -> float:
    """Return how far a segment is from the others at most: the furthest comes first, or it shifts these."""
    apart = np.abs(_median(moved[rows]) - _median(moved[~rows]))
    return float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0


def _median(moved: Float32) -> Float32:
    """Return (R,) the median of each point, NaN where hardly anybody knows."""
    known = np.isfinite(moved).sum(axis=0) >= _FEWEST
    out = np.full(moved.shape[1], np.nan, np.float32)
    out[known] = np.nanmedian(moved[:, known], axis=0)
    return out
