"""A learner of the online layer: River's logistic regression over the champion's log-odds."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from river import linear_model, optim

from models.adaptation.contest import Standing, loss, seen
from models.adaptation.labels import Matured
from models.event_time import DAY_MS

_RATE = 0.005
_SCALE = 4.0
_CHAMPION = "champion"
_MOST_LINES = 128


class Line(NamedTuple):
    """What a learner says of windows that end after ``since_ms``: ``slope × log-odds + intercept``."""

    since_ms: int
    slope: float
    intercept: float

    def of(self, log_odds: float) -> float:
        """Return the adapted log-odds."""
        return self.slope * log_odds + self.intercept


CHAMPIONS = Line(0, 1.0, 0.0)


class Learnt(msgspec.Struct, frozen=True):
    """All that a learner remembers: how many labels it saw, its lines of late, and how it stands."""

    labels: int
    lines: list[Line]
    standing: Standing


class OnlineRisk:
    """Adapts the champion's risk to what has happened since it was trained.

    It starts as the champion itself: slope 1, intercept 0. The log-odds are scaled down, so that the few
    positives do not throw the slope about while the intercept follows the base rate. What it said of a window
    before its label came is held against what the champion said.

    >>> OnlineRisk().line.of(-2.0)
    -2.0
    """

    def __init__(self) -> None:
        self.labels, self.lines, self.standing = 0, [CHAMPIONS], Standing()
        self._model = _regression(CHAMPIONS)

    @property
    def line(self) -> Line:
        """What it says now."""
        return self.lines[-1]

    def learn(self, lesson: Matured) -> None:
        """Learn from one matured label, which the line of its time is judged by."""
        said = self.at(lesson.end_ms).of(lesson.log_odds)
        losses = loss(lesson.log_odds, lesson.label), loss(said, lesson.label)
        self.standing = seen(self.standing, lesson.end_ms // DAY_MS, *losses)
        self._model.learn_one({_CHAMPION: lesson.log_odds / _SCALE}, lesson.label)
        self.labels += 1

    def say(self, since_ms: int, oldest_ms: int) -> None:
        """Say what was learnt of windows after ``since_ms``; none that waits ends before ``oldest_ms``."""
        slope, intercept = float(self._model.weights[_CHAMPION]) / _SCALE, float(self._model.intercept)
        self.lines.append(Line(since_ms, slope, intercept))
        while len(self.lines) > 1 and (self.lines[1].since_ms < oldest_ms or len(self.lines) > _MOST_LINES):
            del self.lines[0]

    def at(self, end_ms: int) -> Line:
        """Return what it said of a window when that was scored."""
        return next((line for line in reversed(self.lines) if line.since_ms < end_ms), self.lines[0])

    def remember(self) -> Learnt:
        """Return all that it remembers."""
        return Learnt(self.labels, list(self.lines), self.standing)

    def restore(self, learnt: Learnt) -> None:
        """Make this learner the one that remembered ``learnt``."""
        self.labels, self.lines, self.standing = learnt.labels, list(learnt.lines), learnt.standing
        self._model = _regression(self.line)


def _regression(line: Line) -> linear_model.LogisticRegression:
    """Return River's regression that begins with a line."""
    made = linear_model.LogisticRegression(
        optimizer=optim.SGD(_RATE),
        intercept_init=line.intercept,
        intercept_lr=_RATE,
        initializer=optim.initializers.Constant(line.slope * _SCALE),
    )
    # River creates the weight at the first lesson, and its `weights` are a copy: one that weighs nothing.
    made.learn_one({_CHAMPION: 0.0}, y=False, w=0.0)
    return made
