"""Scores of the windows of a history, kept as they come, to calibrate a model by or to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.features.evidence import Evidence
from models.features.kernel import Windows
from models.learning.history import KeptWindows, WindowSource
from models.risk.model_set import ModelSet
from models.telemetry.samples import Float64, Int64
from models.telemetry.window_keys import WindowKeys


@dataclass(frozen=True, slots=True)
class RawRisks:
    """Risks (n, H) of windows as the hazards alone give them: by a set, and by its ``fleet`` model alone.

    Without segments the two are the same. ``evidence`` (n,) is the share of what the fleet's model looks at
    that has a value.
    """

    keys: WindowKeys
    risk: Float64
    fleet: Float64
    evidence: Float64


@dataclass
class WindowScorer:
    """Scores windows by a set of models and keeps what they say, uncalibrated."""

    models: ModelSet
    history: WindowSource
    _risks: KeptWindows = field(default_factory=KeptWindows)
    _hints: KeptWindows = field(default_factory=KeptWindows)

    def __post_init__(self) -> None:
        """Weigh what the fleet's model looks at."""
        self._evidence = Evidence.from_gains(self.history.schema, self.models.fleet.gains())

    def score(self, windows: Windows, rows: Int64) -> None:
        """Keep the risks of some of the windows, and on how much they stand."""
        if not len(rows):
            return
        values = windows.values[rows]
        found = [self._evidence.of(values)[:, None]]
        found.append(self.models.uncalibrated(windows.assets, windows.asset[rows], values))
        if self.models.index.routes:
            found.append(self.models.fleet.uncalibrated(values))
        self._risks.add(self.history.keys(windows).take(rows), np.concatenate(found, axis=1))

    def hint(self, windows: Windows, rows: Int64) -> None:
        """Keep the log-odds of the causes of some of the windows, if the model has learnt any."""
        causes = self.models.fleet.causes
        if len(rows) and causes is not None:
            self._hints.add(self.history.keys(windows).take(rows), causes.raw(windows.values[rows]))

    def risks(self) -> RawRisks:
        """Return what was kept of risks; ModelError if that is nothing."""
        keys, found = self._risks.table()
        horizons = len(self.models.fleet.horizons_d)
        return RawRisks(keys, found[:, 1 : horizons + 1], found[:, -horizons:], found[:, 0])

    def hints(self) -> tuple[WindowKeys, Float64] | None:
        """Return windows and the log-odds (n, K) of their causes; None if none were kept."""
        return self._hints.table() if self._hints.parts else None
