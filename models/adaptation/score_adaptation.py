"""What is learnt from the scores of one model version while it runs: the adapted risk, and drift signals."""

from __future__ import annotations

import numpy as np

from models.adaptation.drift import DriftSignal, ScoreDrift
from models.adaptation.online import OnlineRisk, Pending
from models.telemetry.samples import Float64

# Of one asset: windows that wait for their label, outcomes that they may meet, what the detector was shown.
Remembered = tuple[list[tuple[int, float]], list[int], list[float]]


class ScoreAdaptation:
    """The online layer with the labels it waits for, and a drift detector for each asset.

    All of it is of the scores of one version, and begins anew with another.
    """

    def __init__(self, horizon_ms: int) -> None:
        self.online, self.pending, self.drift = OnlineRisk(), Pending(horizon_ms), ScoreDrift()
        self._version: tuple[str, str] | None = None

    def follow(self, version: str, sha256: str) -> None:
        """Learn from the scores of this version, by name: another may stand in for one that is lost."""
        before, self._version = self._version, (version, sha256)
        if before not in (None, self._version):
            self.online = OnlineRisk()
            self.drift.clear()
            self.pending.clear()

    def adapted(self, log_odds: Float64) -> Float64:
        """Return the adapted risks (n,) of log-odds (n,)."""
        return np.array([self.online.score(one) for one in log_odds.tolist()])

    def observe_day(self, asset: str, end_ms: int, log_odds: float) -> DriftSignal | None:
        """See the score of an asset once a day: a lesson for later, and a look at the level of its scores."""
        self.pending.observe(asset, end_ms, log_odds)
        return self.drift.update(asset, end_ms, log_odds)

    def event(self, asset: str, time_ms: int) -> None:
        """See an outcome."""
        self.pending.event(asset, time_ms)

    def advance(self, watermark_ms: int) -> None:
        """Learn what has matured."""
        for matured in self.pending.mature(watermark_ms):
            self.online.learn(matured.log_odds, matured.label)

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of one asset."""
        return (*self.pending.remember(asset), self.drift.remember(asset))

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, events, shown = remembered
        self.pending.restore(asset, (waiting, events))
        self.drift.restore(asset, shown)

    def take_changed(self) -> set[str]:
        """Return the assets that are remembered otherwise than at the last call."""
        out = self.pending.changed | self.drift.changed
        self.pending.changed.clear()
        self.drift.changed.clear()
        return out
