"""The online layer: River's logistic regression over the champion's log-odds, learning as labels mature."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from river import linear_model, optim

from models.telemetry.event_log import follows

_RATE = 0.02
_SCALE = 4.0
_CHAMPION = "champion"

# The windows of one asset that wait, end and log-odds, and the times of its outcomes.
Remembered = tuple[list[tuple[int, float]], list[int]]


class OnlineRisk:
    """Adapts the champion's risk to what has happened since it was trained.

    It starts as the champion itself: weight 1 on the log-odds, intercept 0. The log-odds are scaled down, so
    that the few positives do not throw the weight about while the intercept follows the base rate.

    >>> round(OnlineRisk().score(-2.0), 6)
    0.119203
    """

    def __init__(self) -> None:
        self.restore((_SCALE, 0.0))

    def score(self, log_odds: float) -> float:
        """Return the adapted probability."""
        return float(self._model.predict_proba_one({_CHAMPION: log_odds / _SCALE})[True])

    def learn(self, log_odds: float, label: bool) -> None:
        """Learn from one matured label."""
        self._model.learn_one({_CHAMPION: log_odds / _SCALE}, label)

    def remember(self) -> tuple[float, float]:
        """Return the weight on the scaled log-odds, and the intercept: all that a constant rate leaves."""
        return float(self._model.weights[_CHAMPION]), self.intercept

    def restore(self, learnt: tuple[float, float]) -> None:
        """Make this learner the one that remembered ``learnt``."""
        weight, intercept = learnt
        self._model = linear_model.LogisticRegression(
            optimizer=optim.SGD(_RATE),
            intercept_init=intercept,
            intercept_lr=_RATE,
            initializer=optim.initializers.Constant(weight),
        )
        # River creates the weight at the first lesson, and its `weights` are a copy: one that weighs nothing.
        self._model.learn_one({_CHAMPION: 0.0}, y=False, w=0.0)

    @property
    def weight(self) -> float:
        """Weight on the champion's log-odds."""
        return self.remember()[0] / _SCALE

    @property
    def intercept(self) -> float:
        """Shift of the log-odds."""
        return float(self._model.intercept)


@dataclass(frozen=True, slots=True, order=True)
class Matured:
    """A window whose label is known now."""

    end_ms: int
    asset: str
    log_odds: float
    label: bool


@dataclass(slots=True)
class Pending:
    """Windows that wait for their label: whether an outcome falls into (end, end + horizon].

    ``changed`` are the assets remembered otherwise since whoever saves them last cleared it.
    """

    horizon_ms: int
    changed: set[str] = field(default_factory=set)
    _waiting: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _events: dict[str, list[int]] = field(default_factory=dict)
    _due: list[tuple[int, str, float]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._due)

    def observe(self, asset: str, end_ms: int, log_odds: float) -> None:
        """Remember a window until its horizon has passed."""
        self._wait(asset, end_ms, log_odds)
        self.changed.add(asset)

    def event(self, asset: str, time_ms: int) -> None:
        """Remember an outcome."""
        self._events.setdefault(asset, []).append(time_ms)
        self.changed.add(asset)

    def mature(self, watermark_ms: int) -> list[Matured]:
        """Return the windows whose horizon ended at or before the watermark, oldest first."""
        matured = []
        while self._due and self._due[0][0] + self.horizon_ms <= watermark_ms:
            end_ms, asset, log_odds = heapq.heappop(self._due)
            label = follows(self._events.get(asset, ()), end_ms, self.horizon_ms)
            matured.append(Matured(end_ms, asset, log_odds, label))
            self._waiting[asset].remove((end_ms, log_odds))
            self.changed.add(asset)
        self._forget(watermark_ms)
        return matured

    def remember(self, asset: str) -> Remembered:
        """Return the windows of an asset that wait, and its outcomes that they may meet."""
        return list(self._waiting.get(asset, ())), list(self._events.get(asset, ()))

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, events = remembered
        for end_ms, log_odds in waiting:
            self._wait(asset, end_ms, log_odds)
        if events:
            self._events[asset] = list(events)

    def clear(self) -> None:
        """Forget all windows and outcomes."""
        self.changed |= self._waiting.keys() | self._events.keys()
        for held in (self._waiting, self._events, self._due):
            held.clear()

    def _wait(self, asset: str, end_ms: int, log_odds: float) -> None:
        self._waiting.setdefault(asset, []).append((end_ms, log_odds))
        heapq.heappush(self._due, (end_ms, asset, log_odds))

    def _forget(self, watermark_ms: int) -> None:
        """Drop outcomes that no waiting window can reach any more."""
        oldest_ms = self._due[0][0] if self._due else watermark_ms
        for asset, times in list(self._events.items()):
            kept = [t for t in times if t > oldest_ms]
            if len(kept) < len(times):
                self._events[asset] = kept
                self.changed.add(asset)
            if not kept:
                del self._events[asset]
