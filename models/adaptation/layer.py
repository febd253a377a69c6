"""The online layer: learners of the fleet and of its segments, and which of them decides for a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from models.adaptation.contest import Switch
from models.adaptation.labels import Matured
from models.adaptation.online import CHAMPIONS, Learnt, Line, OnlineRisk
from models.fleet.inventory import FLEET

_ENOUGH = 300

SegmentsOf = Callable[[str], tuple[str, ...]]
"""Returns the segments of a machine, without the fleet itself."""


def no_segments(asset: str) -> tuple[str, ...]:  # noqa: ARG001
    """Return none, of whatever machine."""
    return ()


class OnlineLayer:
    """A learner for the fleet, and one for each segment of which a label came.

    Between two lessons all of them say the same.
    """

    def __init__(self, segments_of: SegmentsOf) -> None:
        self.segments_of = segments_of
        self.learners: dict[str, OnlineRisk] = {FLEET: OnlineRisk()}
        self._found: dict[str, tuple[Line, Line]] = {}

    def adapted(self, asset: str) -> Line:
        """Return what is learnt of a machine: by its smallest segment with 300 labels, else by the fleet."""
        return self._lines(asset)[0]

    def deciding(self, asset: str) -> Line:
        """Return what decides for a machine: what saves most if it may decide at all, else the champion."""
        return self._lines(asset)[1]

    def learn(self, lessons: Iterable[Matured], watermark_ms: int, oldest_ms: int) -> Iterator[Switch]:
        """Learn what has matured by a watermark, and yield whose turn it is where that changes.

        No window that waits ends at or before ``oldest_ms``.
        """
        taught: dict[str, OnlineRisk] = {}
        for lesson in lessons:
            for name in (FLEET, *self.segments_of(lesson.asset)):
                learner = taught[name] = self.learners.setdefault(name, OnlineRisk())
                before = learner.standing.decides
                learner.learn(lesson)
                if learner.standing.decides != before:
                    yield Switch(name, watermark_ms, learner.standing)
        for learner in taught.values():
            learner.say(watermark_ms, oldest_ms)
        if taught:
            self._found.clear()

    def remember(self) -> dict[str, Learnt]:
        """Return what each learner remembers."""
        return {name: learner.remember() for name, learner in self.learners.items()}

    def restore(self, learnt: dict[str, Learnt]) -> None:
        """Make these learners the ones that remembered ``learnt``."""
        self.learners = {FLEET: OnlineRisk()}
        for name, known in learnt.items():
            self.learners.setdefault(name, OnlineRisk()).restore(known)

    def _lines(self, asset: str) -> tuple[Line, Line]:
        if asset not in self._found:
            names = (FLEET, *self.segments_of(asset))
            own = [self.learners[name] for name in names if name in self.learners]
            known = min((one for one in own if one.labels >= _ENOUGH), key=_labels, default=own[0])
            winners = [one for one in own if one.standing.decides]
            best = max(winners, key=lambda one: one.standing.gain, default=None)
            self._found[asset] = known.line, best.line if best else CHAMPIONS
        return self._found[asset]


def _labels(learner: OnlineRisk) -> int:
    return learner.labels
