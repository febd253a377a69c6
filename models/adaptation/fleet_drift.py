"""Drift with a name: what moved of what the sensors read beside what they should, and on whom.

A residual has load and weather taken out, so that what is left is a machine, an instrument, or something that
many machines share. A machine is compared with itself, its limits are its own, and nothing is said of one
day.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from models.adaptation.answers import Answers
from models.adaptation.effects import NO_EFFECT, Effect, effect
from models.adaptation.layer import SegmentsOf, no_segments
from models.adaptation.shared_drift import ERRORS, FEWEST, Many, Usual, beside_others, on_both_days
from models.adaptation.watched import (
    DAYS,
    FAR,
    FAST,
    FIELDS,
    LAST,
    LEARNING_D,
    OVER,
    SAID,
    SLOW,
    Away,
    Cells,
    away,
    interrupted,
    learn,
    nothing_known,
    usual,
    wide,
)
from models.event_time import DAY_MS
from models.fleet.inventory import FLEET
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Float64

Cause = Literal["sensor", "machine", "population", "season"]
_AT_ONCE, _IN_THE_LONG_RUN, _LEAST = 5.0, 4.5, 0.3
_ANSWERED = 0.35
_LASTS_D, _AGAIN_D, _USUAL_D = 3, 14, 28
_STOOD_MS = 4 * DAY_MS
_NAMED = 20

# Days of an asset that wait to be judged, end and residuals; its newest day, and what is known of it.
Remembered = tuple[list[tuple[int, bytes]], int, bytes]


@dataclass(frozen=True, slots=True)
class Moved:
    """Residual ``point`` moved by ``deviations`` of a day's mean, ``units`` times the usual, by ``time_ms``.

    It is about one machine, or a ``segment`` of which ``count`` machines moved that way; ``machines`` are
    the first twenty of them, and ``effect`` compares these days of all of them with the long run. ``with_it``
    are other points of the machine that moved.
    """

    cause: Cause
    time_ms: int
    point: int
    deviations: float
    units: float
    segment: str
    machines: tuple[str, ...]
    count: int
    at_once: bool
    with_it: tuple[int, ...] = ()
    effect: Effect = NO_EFFECT


@dataclass(slots=True)
class FleetDrift:
    """Watches R residuals of each machine, day by day; ``alike`` (R, R) are those that share an instrument.

    What all machines, or those of a segment, do is taken from what each of them does. ``changed`` are the
    assets remembered otherwise, and ``stirred`` says that what they share is, since whoever saves them last
    cleared it.
    """

    alike: Bools
    segments_of: SegmentsOf = no_segments
    errors: float = ERRORS
    changed: set[str] = field(default_factory=set)
    stirred: bool = False
    answers: Answers = field(init=False)
    _waiting: dict[int, dict[str, Float32]] = field(default_factory=lambda: defaultdict(dict))
    _machines: dict[str, tuple[int, Cells]] = field(default_factory=dict)
    _segments: dict[str, Many] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without knowing how the points answer each other."""
        self.answers = Answers.new(self.alike)

    def observe(self, asset: str, end_ms: int, residuals: Float32) -> None:
        """See the mean residuals (R,) of a machine on the day that ends then, NaN if nobody knows."""
        if np.isfinite(residuals).any():
            self._waiting[end_ms][asset] = residuals
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

    @property
    def known(self) -> set[str]:
        """The machines of which anything is remembered."""
        return set(self._machines).union(*self._waiting.values())

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of one asset."""
        waiting = [(end_ms, rows[asset].tobytes()) for end_ms, rows in self._waiting.items() if asset in rows]
        newest_ms, cells = self._machines.get(asset, (0, None))
        return waiting, newest_ms, b"" if cells is None else cells.tobytes()

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, newest_ms, cells = remembered
        for end_ms, residuals in waiting:
            self._waiting[end_ms][asset] = np.frombuffer(residuals, np.float32)
        if cells:
            self._machines[asset] = newest_ms, np.frombuffer(cells, np.float32).reshape(FIELDS, -1)

    def shared(self) -> tuple[dict[str, Usual], bytes]:
        """Return what is remembered of the fleet and its segments, and of how points answer each other."""
        return {name: many.remember() for name, many in self._segments.items()}, self.answers.remember()

    def give_back(self, segments: dict[str, Usual], answers: bytes) -> None:
        """Know it again."""
        self._segments = {name: Many.of(known, self.errors) for name, known in segments.items()}
        self.answers.restore(answers)

    def _day(self, end_ms: int, assets: Sequence[str], today: Float32) -> Iterator[Moved]:
        self.stirred = True
        unknown = 0, nothing_known(len(self.alike))
        known = [self._machines.get(asset, unknown) for asset in assets]
        cells = np.stack([one for _, one in known])
        stood = np.array([end_ms - newest_ms > _STOOD_MS for newest_ms, _ in known])
        paused = cells[stood]
        interrupted(paused)
        cells[stood] = paused
        moved = away(cells, today)
        now = np.stack([cells[:, FAR], (cells[:, LAST] + today) / 2])
        yield from self._shared(end_ms, assets, moved, now)
        yield from self._own(end_ms, assets, cells, today, moved)
        for asset, own in zip(assets, cells, strict=True):
            self._machines[asset] = end_ms, own

    def _shared(self, end_ms: int, assets: Sequence[str], moved: Away, now: Float32) -> Iterator[Moved]:
        """Yield what the fleet and its segments do, and take that in place from what machines do."""
        if len(assets) < FEWEST:
            return
        groups, everybody = dict(self._groups(assets)), np.ones(len(assets), bool)
        apart = {name: self._strength(name, rows, moved) for name, rows in groups.items()}
        whole = copy.deepcopy(moved)
        for name in sorted(groups, key=lambda one: (-apart[one], one)):
            yield from self._many(end_ms, name, groups[name], assets, moved, whole, now)
        yield from self._many(end_ms, FLEET, everybody, assets, whole, moved, now)

    def _strength(self, segment: str, rows: Bools, moved: Away) -> float:
        stands = (beside_others(one, rows)[0] for one in (moved.two, moved.slow))
        return self._known(segment).strength(*stands)

    def _known(self, segment: str) -> Many:
        return self._segments.setdefault(segment, Many.new(len(self.alike), self.errors))

    def _groups(self, assets: Sequence[str]) -> Iterator[tuple[str, Bools]]:
        """Yield each segment that has machines enough, and enough beside it."""
        of = [set(self.segments_of(asset)) for asset in assets]
        for segment in sorted(set().union(*of)):
            rows = np.array([segment in own for own in of])
            if min(rows.sum(), (~rows).sum()) >= FEWEST:
                yield segment, rows

    def _many(
        self,
        end_ms: int,
        segment: str,
        rows: Bools,
        assets: Sequence[str],
        moved: Away,
        whole: Away,
        now: Float32,
    ) -> Iterator[Moved]:
        """Yield what a segment does that the others do not, where it is not they who moved.

        It is taken from what its machines do, and from the ``whole`` where it is beyond its limit: what one
        segment does is not what all do.
        """
        fast, own = beside_others(moved.two, rows)
        first, three, slow = (beside_others(one, rows)[0] for one in (moved.first, moved.three, moved.slow))
        at_once, slowly, beyond = self._known(segment).see(on_both_days(fast, first), slow)
        names = np.array(assets)[rows]
        for point in np.flatnonzero(at_once | slowly).tolist():
            seen = fast if at_once[point] else slow
            left = own[:, point] if at_once[point] else moved.slow[rows, point]
            with_it = names[left * np.sign(seen.at[point]) > 0].tolist()
            cause: Cause = "season" if segment == FLEET else "population"
            units = float(seen.at[point] / seen.error[point])
            about = segment, tuple(with_it[:_NAMED]), len(with_it), bool(at_once[point])
            size = effect(*now[:, rows, point])
            yield Moved(cause, end_ms, point, float(seen.at[point]), units, *about, effect=size)
        taken = np.ones_like(beyond) if segment == FLEET else beyond
        for far, all_far, seen in (
            (moved.first, whole.first, first),
            (moved.two, whole.two, fast),
            (moved.three, whole.three, three),
            (moved.slow, whole.slow, slow),
        ):
            stands = np.nan_to_num(seen.at)
            far[rows] -= np.where(seen.agree > 0, stands, 0.0)
            all_far[rows] -= np.where(taken, stands, 0.0)

    def _own(
        self, end_ms: int, assets: Sequence[str], cells: Cells, today: Float32, moved: Away
    ) -> Iterator[Moved]:
        """Yield what machines do by themselves, each point against its own, and learn the day."""
        limits = usual(cells, FAST), usual(cells, SLOW)
        known = cells[:, DAYS] >= LEARNING_D
        fast, slow = (
            np.nan_to_num(np.where(known, far / limit, 0.0))
            for far, limit in zip((moved.three, moved.slow), limits, strict=True)
        )
        fast, slow = fast / wide(fast), slow / wide(slow)
        jumps = moved.steps & (np.abs(fast) > _AT_ONCE) & (np.abs(moved.three) > _LEAST)
        beyond = (np.abs(slow) > _IN_THE_LONG_RUN) & (np.abs(moved.slow) > _LEAST)
        now = _said(cells, today, jumps, beyond, slow)
        for row in np.flatnonzero(now.any(axis=1)).tolist():
            units = np.where(np.abs(fast[row]) > np.abs(slow[row]), fast[row], slow[row])
            point = int(np.argmax(np.where(now[row], np.abs(units), 0.0)))
            at_once = bool(jumps[row, point])
            far = float((moved.three if at_once else moved.slow)[row, point])
            cause, others = self._named(units, point, at_once)
            about = "", (assets[row],), 1, at_once, others
            yield Moved(cause, end_ms, point, far, float(units[point]), *about)
        self.answers.learn(slow)
        learn(cells, today, moved, limits, jumps | beyond)

    def _named(self, units: Float64, point: int, at_once: bool) -> tuple[Cause, tuple[int, ...]]:
        """Return whether it is the instrument or the machine, and which points moved with it.

        It is the instrument if no other moves, though some should; or if none need, and it came at once.
        """
        others = self.answers.others(units, point)
        answered = self.answers.share(units, point, at_once=at_once)
        stays = answered < _ANSWERED if answered is not None else at_once
        cause: Cause = "sensor" if stays and not others.any() else "machine"
        return cause, tuple(np.flatnonzero(others).tolist())


def _said(cells: Cells, today: Float32, jumps: Bools, beyond: Bools, slow: Float64) -> Bools:
    """Return (n, R) what is to be said now: once, until it is over or has become usual; kept in place."""
    known = np.isfinite(today)
    over = np.where(beyond, cells[:, OVER] + 1, np.where(known, 0, cells[:, OVER]))
    silent = cells[:, SAID] == 0
    now: Bools = (jumps | (over >= _LASTS_D)) & silent
    said = np.where(now, 1, cells[:, SAID] + (known & ~silent))
    said[known & (said > _AGAIN_D) & (np.abs(slow) < _IN_THE_LONG_RUN / 2)] = 0
    becomes = said > _USUAL_D
    cells[:, FAR] = np.where(becomes, cells[:, LAST], cells[:, FAR])
    cells[:, SAID], cells[:, OVER] = np.where(becomes, 0, said), np.where(becomes, 0, over)
    return now
