"""A machine, or many as one, from day to day: how far its residuals go, and whether today is beyond that."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Int32

_MEMORY_D, _LEARNING_D, _LASTING_D = 56.0, 28, 2
_MOST = 3.0  # times what is usual: more is not learnt, or what moves slowly would become usual first
_FOLLOWS = np.float32(0.4)


class Usual(msgspec.Struct, frozen=True):
    """What is remembered: how many days were seen, and by point float32, float32, int32 and bool arrays."""

    days: int
    square: bytes
    last: bytes
    over: bytes
    said: bytes


@dataclass(slots=True)
class Watched:
    """By point (R,): the mean ``square`` of other days, where it stood of ``last``, for how many days it was
    ``over`` its limit, and whether that was ``said``.
    """

    days: int
    square: Float32
    last: Float32
    over: Int32
    said: Bools

    @classmethod
    def new(cls, points: int) -> Watched:
        """Return one of which nothing is known."""
        zeros = np.zeros(points, np.float32)
        return cls(0, zeros, zeros.copy(), np.zeros(points, np.int32), np.zeros(points, bool))

    @property
    def stands(self) -> Bools:
        """Which points (R,) are beyond their limit."""
        out: Bools = self.over > 0
        return out

    def came_fast(self, moved: Float32) -> Bools:
        """Return (R,) whether most of what has moved has done so within the last days."""
        with np.errstate(invalid="ignore"):
            out: Bools = np.abs(self.last) < np.abs(moved) / 2
        return out

    def see(self, moved: Float32, errors: float, least: float) -> Bools:
        """See how far each point moved (R,), NaN if nobody knows; return which are to be said now.

        That is on the second day in a row beyond ``errors`` times what is usual, and ``least``, and not again
        before it was below half of that. In the first four weeks it only learns.
        """
        known, size = np.isfinite(moved), np.abs(np.nan_to_num(moved))
        limit = np.maximum(errors * np.sqrt(self.square), least)
        beyond = known & (size > limit) & (self.days >= _LEARNING_D)
        self.over = np.where(beyond, self.over + 1, np.where(known, 0, self.over)).astype(np.int32)
        now: Bools = (self.over >= _LASTING_D) & ~self.said
        self.said = (self.said | now) & ~(known & (size < limit / 2))
        share = np.float32(1 / min(self.days + 1, _MEMORY_D))
        most = np.where(self.days < _LEARNING_D, np.inf, _MOST**2 * self.square)
        learnt = self.square + share * (np.minimum(size**2, most) - self.square)
        self.square = np.where(known & ~beyond, learnt, self.square).astype(np.float32)
        self.last = np.where(known, self.last + _FOLLOWS * (np.nan_to_num(moved) - self.last), self.last)
        self.days += 1
        return now

    def remember(self) -> Usual:
        """Return all of it."""
        parts = (part.tobytes() for part in (self.square, self.last, self.over, self.said))
        return Usual(self.days, *parts)

    @classmethod
    def of(cls, usual: Usual) -> Watched:
        """Return the one that was remembered."""
        square, last = (np.frombuffer(part, np.float32) for part in (usual.square, usual.last))
        return cls(
            usual.days, square, last, np.frombuffer(usual.over, np.int32), np.frombuffer(usual.said, np.bool_)
        )
