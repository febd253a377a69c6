"""What is learnt from the scores of one model version while it runs: the adapted risk, and drift signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from models.adaptation.contest import Switch
from models.adaptation.drift import DriftSignal, ScoreDrift
from models.adaptation.labels import Happening, Matured, Pending, happening
from models.adaptation.layer import OnlineLayer, SegmentsOf, no_segments
from models.adaptation.online import Learnt, Line
from models.telemetry.event_log import FINDING, OUTCOME
from models.telemetry.planned_stops import CANCELLED, PLANNED
from models.telemetry.samples import Event, Float64, Int32

# Of one asset: windows that wait for their label, what happened to it, what the detector was shown.
Remembered = tuple[list[tuple[int, float]], list[Happening], list[float]]


class Lessons(msgspec.Struct, frozen=True):
    """What was learnt from the scores of a version up to the message at ``offset``, by segment."""

    version: str
    sha256: str
    offset: int
    learnt: dict[str, Learnt]


class ScoreAdaptation:
    """The online layer with the labels it waits for, and a drift detector for each asset.

    All of it is of the scores of one version, and begins anew with another. Events of the kinds ``censor``
    hide what would have become of a machine.
    """

    def __init__(
        self, horizon_ms: int, segments_of: SegmentsOf = no_segments, censor: Iterable[str] = ()
    ) -> None:
        self.segments_of, self.censor = segments_of, frozenset(censor)
        self.layer, self.pending, self.drift = OnlineLayer(segments_of), Pending(horizon_ms), ScoreDrift()
        self.matured: list[Matured] = []
        self._version: tuple[str, str] | None = None
        self._offset = 0

    def follow(self, version: str, sha256: str) -> None:
        """Learn from the scores of this version, by name: another may stand in for one that is lost."""
        before, self._version = self._version, (version, sha256)
        if before not in (None, self._version):
            self.layer = OnlineLayer(self.segments_of)
            self.drift.clear()
            self.pending.clear()

    def adapted(self, assets: Sequence[str], asset: Int32, log_odds: Float64) -> Float64:
        """Return the adapted log-odds (n,) of windows whose machines are ``asset`` (n,) of ``assets``."""
        return _along([self.layer.adapted(name) for name in assets], asset, log_odds)

    def deciding(self, assets: Sequence[str], asset: Int32, log_odds: Float64) -> Float64:
        """Return the log-odds (n,) that decide: the champion's, or adapted ones if these have won."""
        return _along([self.layer.deciding(name) for name in assets], asset, log_odds)

    def observe_day(self, asset: str, end_ms: int, log_odds: float) -> DriftSignal | None:
        """See the score of an asset once a day: a lesson for later, and a look at the level of its scores."""
        self.pending.observe(asset, end_ms, log_odds)
        return self.drift.update(asset, end_ms, log_odds)

    def heeds(self, event: Event) -> bool:
        """Return whether an event may tell what became of a machine."""
        return event.kind in (OUTCOME, FINDING, PLANNED, CANCELLED) or event.kind in self.censor

    def event(self, event: Event) -> None:
        """See what happened to a machine, as far as it tells what became of a window."""
        what = happening(event, self.censor)
        if what is not None:
            self.pending.happen(event.asset, what)

    def advance(self, watermark_ms: int, offset: int) -> list[Switch]:
        """Learn what has ``matured`` by the watermark at ``offset``; return whose turn it is now."""
        self._offset = offset
        self.matured = self.pending.mature(watermark_ms)
        return list(self.layer.learn(self.matured, watermark_ms, watermark_ms - self.pending.horizon_ms))

    def lessons(self) -> Lessons:
        """Return what was learnt."""
        version, sha256 = self._version or ("", "")
        return Lessons(version, sha256, self._offset, self.layer.remember())

    def give_back(self, lessons: Lessons) -> None:
        """Know again what was learnt."""
        self._version = (lessons.version, lessons.sha256) if lessons.version else None
        self._offset = lessons.offset
        self.layer.restore(lessons.learnt)

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of one asset."""
        return (*self.pending.remember(asset), self.drift.remember(asset))

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        waiting, happened, shown = remembered
        self.pending.restore(asset, (waiting, happened))
        self.drift.restore(asset, shown)

    def take_changed(self) -> set[str]:
        """Return the assets that are remembered otherwise than at the last call."""
        out = self.pending.changed | self.drift.changed
        self.pending.changed.clear()
        self.drift.changed.clear()
        return out


def _along(lines: Sequence[Line], asset: Int32, log_odds: Float64) -> Float64:
    slope = np.array([line.slope for line in lines])[asset]
    intercept = np.array([line.intercept for line in lines])[asset]
    out: Float64 = slope * log_odds + intercept
    return out
