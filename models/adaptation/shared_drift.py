"""What many machines do as one, from day to day: a segment of the inventory, or the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from models.adaptation.watched import LEARNING_D, centre
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32

_MEMORY_D, _MOST, _NORMAL, _TINY = 56.0, 4.0, 3.0, np.float32(1e-12)
ERRORS = 5.4
_SLOWLY = 0.85  # of these: what lasts for days is rarer by itself
_LEAST_FAST, _LEAST_SLOW = 0.25, 0.4
_DOUBTFUL = 3.0
_AGREE = 2 / 3
_EACH_DAY = 0.5
_OWN_SHARE = 0.5
FEWEST = 12  # machines that tell what many do, and as many beside them
_LASTS_D, _FORGOTTEN_D, _AGAIN_D = 3, 42, 14


class Usual(msgspec.Struct, frozen=True):
    """What is remembered: an array (7, R) of float32."""

    cells: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a segment stands (R,) beside the others, the standard error, and the share that goes that way."""

    at: Float32
    error: Float32
    agree: Float32


@dataclass(slots=True)
class Many:
    """By point (R,): mean fourth powers of what is usual, within days and in the long run; for how many days
    that is known, was beyond its limit, and was said; where it stood yesterday, which is yet to be learnt.

    What is beyond ``errors`` times the usual is said.
    """

    cells: Float32
    errors: float = ERRORS

    @classmethod
    def new(cls, points: int, errors: float = ERRORS) -> Many:
        """Return those of whom nothing is known."""
        return cls(np.zeros((7, points), np.float32), errors)

    @classmethod
    def of(cls, usual: Usual, errors: float = ERRORS) -> Many:
        """Return those that were remembered."""
        return cls(np.frombuffer(usual.cells, np.float32).reshape(7, -1).copy(), errors)

    def remember(self) -> Usual:
        """Return all of it."""
        return Usual(self.cells.tobytes())

    def strength(self, fast: Seen, slow: Seen) -> float:
        """Return how unusual is what they do at most: who is furthest comes first, or shifts the others."""
        far = (np.where(seen.agree > 0, np.abs(seen.at), 0.0) for seen in (fast, slow))
        units = np.fmax(*(one / self._usual(field) for field, one in enumerate(far)))
        return float(np.nan_to_num(units)[self.cells[2] >= LEARNING_D].max(initial=0.0))

    def see(self, fast: Seen, slow: Seen) -> tuple[Bools, Bools, Bools]:
        """See a day; return which points (R,) to say now, as moved at once or slowly, and which are away."""
        known, days = np.isfinite(fast.at), self.cells[2].copy()
        beyond, below = self._beyond(0, fast, _LEAST_FAST, 1.0), self._beyond(1, slow, _LEAST_SLOW, _SLOWLY)
        self.cells[3] = np.where(below, self.cells[3] + 1, np.where(np.isfinite(slow.at), 0, self.cells[3]))
        silent = self.cells[4] == 0
        at_once: Bools = beyond & silent
        slowly: Bools = (self.cells[3] >= _LASTS_D) & silent & ~at_once
        self._say(at_once | slowly, slow)
        lasting = (days >= LEARNING_D) & (np.abs(np.nan_to_num(slow.at)) > _DOUBTFUL * self._usual(1))
        for field, at, far in ((0, fast.at, beyond), (1, slow.at, below | lasting)):
            self._learn(field, days)
            self.cells[5 + field] = np.where(far, 0.0, np.nan_to_num(at))
        self.cells[2] += known
        return at_once, slowly, beyond | below

    def _usual(self, field: int) -> Float32:
        out: Float32 = (self.cells[field] / _NORMAL + _TINY) ** 0.25
        return out

    def _beyond(self, field: int, seen: Seen, least: float, share: float) -> Bools:
        limit = np.maximum(
            share * self.errors * np.maximum(self._usual(field), np.nan_to_num(seen.error)), least
        )
        far = np.nan_to_num(np.abs(seen.at)) > limit
        out: Bools = far & (self.cells[2] >= LEARNING_D) & (seen.agree >= _AGREE)
        return out

    def _say(self, now: Bools, slow: Seen) -> None:
        """Remember what is said; it is forgotten when it is over, or has become usual."""
        said = np.where(now, 1, self.cells[4] + (self.cells[4] > 0))
        over = np.nan_to_num(np.abs(slow.at)) < self.errors * self._usual(1) / 2
        said[(said > _AGAIN_D) & over | (said > _FORGOTTEN_D)] = 0
        self.cells[4] = said

    def _learn(self, field: int, days: Float32) -> None:
        """Learn where it stood yesterday: a shift must not raise its own limit before it is judged."""
        at = self.cells[5 + field]
        share = (1 / np.minimum(days + 1, _MEMORY_D)).astype(np.float32)
        most = np.where(days < LEARNING_D, np.inf, (_MOST * self._usual(field)) ** 4)
        learnt = share * (np.minimum(at**4, most) - self.cells[field])
        self.cells[field] += np.where(at != 0.0, learnt, 0.0)


def on_both_days(fast: Seen, first: Seen) -> Seen:
    """Return where many stand by two days, with nobody agreeing where it is by one of them alone."""
    second, way = 2 * fast.at - first.at, np.sign(fast.at)
    with np.errstate(invalid="ignore"):
        both = np.minimum(first.at * way, second * way) >= _EACH_DAY * np.abs(fast.at)
    return replace(fast, agree=np.where(both, fast.agree, 0.0))


def beside_others(moved: Float32, rows: Bools) -> tuple[Seen, Float32]:
    """Return where a segment stands beside the others, if there are any; and its own rows."""
    own = moved[rows]
    stands, error = centre(own, FEWEST)
    at = stands
    if not rows.all():
        beside, doubt = centre(moved[~rows], FEWEST)
        at, error = stands - beside, np.hypot(error, doubt)
    with np.errstate(invalid="ignore"):
        way = np.where(np.isfinite(own), own * np.sign(at) > 0, 0).sum(axis=0)
    agree = way / np.maximum(np.isfinite(own).sum(axis=0), 1)
    with np.errstate(invalid="ignore"):  # of two halves that come apart it is who moved, not who stayed
        agree = np.where(stands * np.sign(at) >= _OWN_SHARE * np.abs(at), agree, 0.0)
    return Seen(at, error, agree.astype(np.float32)), own
