"""Drift of scores: ADWIN (Bifet & Gavaldà 2007) on the log-odds of each asset."""

from __future__ import annotations

from dataclasses import dataclass

from river.drift import ADWIN

# On stationary AR(0.99) hourly log-odds this gives 0.0009 false signals per asset and week at one score a
# day, and 0.12 at one every six hours: neighbouring scores are too alike for the detector's bound.
DELTA = 1e-5
_MOST_SHOWN = 1461
_SHOWN_AGAIN = 90


@dataclass(frozen=True, slots=True)
class DriftSignal:
    """The scores of ``asset`` changed level: mean log-odds before and after, at ``time_ms``."""

    asset: str
    time_ms: int
    before: float
    after: float


class ScoreDrift:
    """One detector per asset, to be shown one score a day.

    A detector is what it was shown: `remember` returns that, and `restore` shows it again. After four years
    it begins anew with the last of them. ``changed`` are the assets remembered otherwise since whoever saves
    them last cleared it.
    """

    def __init__(self, delta: float = DELTA) -> None:
        self.delta = delta
        self.changed: set[str] = set()
        self._detectors: dict[str, ADWIN] = {}
        self._shown: dict[str, list[float]] = {}

    def update(self, asset: str, time_ms: int, log_odds: float) -> DriftSignal | None:
        """See one score; return a signal if the level has changed."""
        shown = self._shown.setdefault(asset, [])
        if asset not in self._detectors or len(shown) >= _MOST_SHOWN:
            self.restore(asset, shown[-_SHOWN_AGAIN:])
        detector = self._detectors[asset]
        before = float(detector.estimation)
        self._shown[asset].append(log_odds)
        self.changed.add(asset)
        detector.update(log_odds)
        if not detector.drift_detected:
            return None
        return DriftSignal(asset, time_ms, before, float(detector.estimation))

    def remember(self, asset: str) -> list[float]:
        """Return what the detector of an asset was shown."""
        return list(self._shown.get(asset, ()))

    def restore(self, asset: str, shown: list[float]) -> None:
        """Make the detector of an asset the one that was shown these scores."""
        self._detectors[asset] = ADWIN(delta=self.delta, clock=1, grace_period=5, min_window_length=5)
        self._shown[asset] = list(shown)
        for log_odds in shown:
            self._detectors[asset].update(log_odds)

    def clear(self) -> None:
        """Forget every detector."""
        self.changed |= self._shown.keys()
        self._shown.clear()
        self._detectors.clear()
