"""How residuals answer each other: what moves on a machine whose fault moves one of them.

A fleet teaches that by its own faults. An instrument that fails moves what is read with it, and nothing
answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.labels import Bools
from models.telemetry.samples import Float64

_FAR, _MOST, _MEMORY_D, _DOUBT = 4.0, 12.0, 365.0, 200.0
_HEARD, _AT_ONCE, _SLOWLY = 2.0, 2.5, 4.0


@dataclass(slots=True)
class Answers:
    """Sums over days of machines on which a point was far: of products (R, R) and squares (R,).

    ``alike`` (R, R) are points that are read with an instrument in common: these do not answer each other.
    """

    alike: Bools
    products: Float64
    squares: Float64

    @classmethod
    def new(cls, alike: Bools) -> Answers:
        """Return those of a fleet of which nothing is known."""
        points = len(alike)
        return cls(alike, np.zeros((points, points)), np.zeros(points))

    def learn(self, units: Float64) -> None:
        """Learn a day of machines (n, R), in units of what is usual, 0 if that is not known."""
        seen = np.clip(units, -_MOST, _MOST).astype(np.float64)
        far = np.where(np.abs(seen) > _FAR, seen, 0.0)
        self.products += far.T @ seen - self.products / _MEMORY_D
        self.squares += (far**2).sum(axis=0) - self.squares / _MEMORY_D

    def share(self, units: Float64, point: int, *, at_once: bool) -> float | None:
        """Return which part of the answers to a point is there, 0 if none is; None if none is to be expected.

        Faults begin alike and answer later: of what comes slowly more has to be missing.
        """
        slope = self.products[point] / (self.squares[point] + _DOUBT)
        expected = np.where(self.alike[point], 0.0, slope * units[point])
        heard = np.abs(expected) >= _HEARD
        if np.abs(expected).max(initial=0.0) < (_AT_ONCE if at_once else _SLOWLY):
            return None
        return float((expected * units)[heard].sum() / (expected[heard] ** 2).sum())

    def others(self, units: Float64, point: int) -> Bools:
        """Return which points (R,) that share no instrument with one are far as well."""
        out: Bools = ~self.alike[point] & (np.abs(units) > _FAR)
        return out

    def remember(self) -> bytes:
        """Return all of it."""
        return np.vstack([self.products, self.squares]).tobytes()

    def restore(self, known: bytes) -> None:
        """Know it again."""
        if known:
            points = len(self.alike)
            table = np.frombuffer(known, np.float64).reshape(points + 1, points)
            self.products, self.squares = table[:-1].copy(), table[-1].copy()
