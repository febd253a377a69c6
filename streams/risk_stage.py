"""The second stage: windows in; scores, cases and drift signals out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.calibration import log_odds
from models.drift import ScoreDrift
from models.errors import RecordError
from models.explain import Explainer
from models.features import FeatureSchema
from models.fleet import Fleet
from models.frames import Event, Float32, Float64
from models.kernel import Windows
from models.labels import DAY_MS, OUTCOME
from models.online import OnlineRisk, Pending
from models.policy import Decision, create_policy
from models.risk import RiskModel
from streams import messages
from streams.messages import Alert, DeadLetter, Drift, Scores, SensorReason, Watermark
from streams.stage import Incoming, Outgoing
from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class _Latest:
    """The newest window of an asset, to explain a case that opens on it."""

    end_ms: int
    vector: Float32
    risks: Float64


@dataclass(slots=True)
class _Case:
    """An open case: which, since when, and when it was last explained."""

    name: str
    opened_ms: int
    explained_ms: int


class RiskStage:
    """Scores one partition of windows with the champion and, beside it, with the online layer."""

    remembers = True

    def __init__(self, fleet: Fleet, topics: Topics, model: RiskModel, version: str) -> None:
        self.fleet, self.topics, self.model, self.version = fleet, topics, model, version
        self.horizon = fleet.horizons_d.index(fleet.alerting.horizon_d)
        self.policy = create_policy(fleet.alerting, model.threshold)
        self.explainer = Explainer(fleet, model, FeatureSchema(fleet))
        self.online = OnlineRisk()
        self.pending = Pending(int(fleet.alerting.horizon_d * DAY_MS))
        self.drift = ScoreDrift()
        self.latest: dict[str, _Latest] = {}
        self.cases: dict[str, _Case] = {}

    def process(self, message: Incoming) -> Iterable[Outgoing]:
        """Return the scores of a message's windows, and what they lead to."""
        try:
            record = messages.decode_features(message.value, message.content_type, self.model.fingerprint)
        except RecordError as error:
            return [messages.dead_letter(self.topics.dead_letters, DeadLetter.of(message, str(error)))]
        if isinstance(record, Windows):
            return list(self._score(record))
        return list(self._happened(record) if isinstance(record, Event) else self._pass(record))

    async def settle(self) -> Iterable[Outgoing]:
        """Return nothing: all that this stage does lies in the log."""
        return ()

    def _score(self, windows: Windows) -> Iterator[Outgoing]:
        risks = self.model.score(windows.values)
        logits = log_odds(risks[:, self.horizon])
        adapted = np.array([self.online.score(x) for x in logits.tolist()])
        yield messages.scores(
            self.topics.scores,
            Scores(
                self.version,
                self.fleet.horizons_d,
                windows.assets,
                windows.asset,
                windows.end_ms,
                windows.revision,
                risks,
                adapted,
            ),
        )
        for i in np.flatnonzero(windows.revision == 0).tolist():
            asset = windows.assets[windows.asset[i]]
            newest = _Latest(int(windows.end_ms[i]), windows.values[i], risks[i])
            yield from self._follow(asset, newest, float(logits[i]))

    def _follow(self, asset: str, newest: _Latest, logit: float) -> Iterator[Outgoing]:
        """Let policy, drift detector and online layer see one new window."""
        self.latest[asset] = newest
        if newest.end_ms % DAY_MS == 0:
            self.pending.observe(asset, newest.end_ms, logit)
        signal = self.drift.update(asset, newest.end_ms, logit)
        if signal is not None:
            yield messages.drift(self.topics.drift, _drift(signal, self.fleet))
        for decision in self.policy.observe(asset, newest.end_ms, float(newest.risks[self.horizon])):
            yield from self._decided(decision)
        case = self.cases.get(asset)
        if case is not None and newest.end_ms - case.explained_ms >= DAY_MS:
            case.explained_ms = newest.end_ms
            yield self._alert(asset, case, newest, "update", "")
