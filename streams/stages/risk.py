"""The second stage: windows in; scores, cases and drift signals out.

Which version scores a window depends on its offset alone, so that a successor, which sees messages again,
scores them as they were scored before: see `streams.champions.assignments`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.special import expit

from models.adaptation.drift import DriftSignal, ScoreDrift
from models.adaptation.online import OnlineRisk, Pending
from models.alerting.policy import Decision, Remembered, create_policy
from models.errors import ModelError, RecordError, StateError
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.promotion import CHALLENGER, CHAMPION
from models.risk.calibration import log_odds
from models.risk.explain import Explainer
from models.risk.explanation import Explanation
from models.risk.model_set import level_of
from models.telemetry.event_log import OUTCOME
from models.telemetry.labels import DAY_MS
from models.telemetry.samples import Event, Float32, Float64
from streams.champions.assignments import Schedule
from streams.champions.model_pool import ROLES, Candidate, ModelPool
from streams.kafka.topics import Topics
from streams.records import Alert, Assignment, Drift, Scores, Watermark
from streams.stage import Incoming, Outgoing, StageCounts
from streams.state.snapshots import parsed
from streams.wire import codec


@dataclass(frozen=True, slots=True)
class _Latest:
    """The newest window of an asset, to explain a case that opens on it."""

    end_ms: int
    vector: Float32
    risks: Float64


@dataclass(frozen=True, slots=True)
class Case:
    """An open case: its name, its machine, since when, and how severe it was then."""

    name: str
    asset: str
    opened_ms: int
    severity: str


_ASSET, _COMMON = b"a", b"c"
_FORM = 2  # of what is remembered


class _AssetState(msgspec.Struct, frozen=True):
    """What is remembered of one asset; ``vector`` is float32."""

    policy: Remembered
    waiting: list[tuple[int, float]]
    events: list[int]
    shown: list[float]
    case: tuple[str, int, str] | None
    end_ms: int
    vector: bytes
    risks: list[float]


class _PartitionState(msgspec.Struct, frozen=True):
    """What is remembered of the partition as a whole; ``assignment`` is the champion's, if recorded."""

    watermark_ms: int
    learnt: tuple[float, float]
    assignment: Assignment | None = None


class RiskStage:
    """Scores one partition of windows with the champion, the online layer beside it, and the challenger.

    ``assignments`` are those recorded of this partition. What is promoted later begins between batches.
    Without a topic to record assignments on (``records``) nobody is shadowed, and what is seen again after a
    crash may be scored by a champion that was promoted since.
    """

    def __init__(
        self,
        fleet: Fleet,
        topics: Topics,
        schema: FeatureSchema,
        pool: ModelPool,
        assignments: Iterable[Assignment] = (),
        *,
        records: bool = True,
    ) -> None:
        self.fleet, self.topics, self.schema, self.pool = fleet, topics, schema, pool
        self.identity = f"risk {_FORM} {schema.fingerprint} {fleet.alerting.horizon_d:g} d"
        self.horizon = fleet.horizon
        self.schedule, self.records = Schedule(assignments), records
        self.assignment: Assignment | None = None
        self.policy = create_policy(fleet.alerting, math.inf)
        self.online = OnlineRisk()
        self.pending = Pending(int(fleet.alerting.horizon_d * DAY_MS))
        self.drift = ScoreDrift()
        self.latest: dict[str, _Latest] = {}
        self.cases: dict[str, Case] = {}
        self.watermark_ms = 0
        self._changed: set[str] = set()
        self._scored: Counter[str] = Counter()
        self._restoring: dict[str, _AssetState] = {}
        self._seat: tuple[Candidate, Explainer] | None = None
        self._bundle: tuple[str, str] | None = None
        self._rival: Assignment | None = None
        self._challenger: Candidate | None = None

    @property
    def champion(self) -> Candidate:
        """The version that scores; there is one once a message was processed."""
        return self._seated()[0]

    def before_batch(self, offset: int, *, seen: bool) -> list[Outgoing]:
        """Let who is ready for a role begin at ``offset``, and return the record of that."""
        begun = []
        for role in ROLES:
            ready, now = self.pool.ready(role), self.schedule.at(offset, role)
            fixed = seen and (now is not None or role != CHAMPION)
            if ready is not None and not fixed and (now is None or not ready.is_of(now)):
                begun.append(ready.begins(role, offset))
                self.schedule.add(begun[-1])
        return [codec.assignment(self.topics.promotions, one) for one in begun] if self.records else []

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the scores of each message's windows, and what they lead to."""
        for message in received:
            self._take_over(message.offset)
            yield from self._process(message)

    def _take_over(self, offset: int) -> None:
        """Let whoever is to score the message at ``offset`` do so."""
        assignment = self.schedule.at(offset, CHAMPION)
        if self._seat is None or assignment != self.assignment:
            self._install(assignment)
        rival = self.schedule.at(offset, CHALLENGER)
        if rival != self._rival:
            self._rival, self._challenger = rival, self.pool.candidate(rival) if rival else None

    def _install(self, assignment: Assignment | None) -> None:
        """Make another version the champion; what was learnt of the last one's scores is of no use to it."""
        self.assignment = assignment
        found = self.pool.candidate(assignment) if assignment else self.pool.ready(CHAMPION)
        named = assignment or found
        if named is not None:
            self._belong(named)
        if found is not None:
            self._seat = found, Explainer(self.fleet, found.models.fleet, self.schema, found.expectation)
            self.policy.hold_to(found.models.fleet.threshold)

    def _belong(self, version: Assignment | Candidate) -> None:
        """Note whose scores are learnt from, by name: another may stand in for a version that is lost."""
        before, self._bundle = self._bundle, (version.version, version.sha256)
        if before not in (None, self._bundle):
            self.online = OnlineRisk()
            self.drift.clear()
            self.pending.clear()

    def _seated(self) -> tuple[Candidate, Explainer]:
        if self._seat is None:
            raise ModelError("no champion: expected one that is ready before the first message")
        return self._seat

    def _process(self, message: Incoming) -> Iterable[Outgoing]:
        try:
            record = self._decoded(message)
        except RecordError as error:
            return [codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))]
        if isinstance(record, Windows):
            return self._score(record)
        return self._happened(record) if isinstance(record, Event) else self._pass(record)

    def _decoded(self, message: Incoming) -> Windows | Event | Watermark:
        record = codec.decode_features(message.value, message.content_type, self.schema.fingerprint)
        features = len(self.schema)
        if isinstance(record, Windows) and record.values.shape[1] != features:
            raise RecordError(f"values: {record.values.shape[1]} features a window: expected {features}")
        return record

    async def flush(self) -> Iterable[Outgoing]:
        """Return nothing: all that this stage does lies in the log."""
        return ()

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is common, and each asset that is remembered otherwise than at the last call."""
        changes = (self._changed, self.policy.changed, self.pending.changed, self.drift.changed)
        for asset in sorted(set().union(*changes)):
            yield _ASSET + asset.encode(), msgspec.msgpack.encode(self._remembered(asset))
        for changed in changes:
            changed.clear()
        common = _PartitionState(self.watermark_ms, self.online.remember(), self.assignment)
        yield _COMMON, msgspec.msgpack.encode(common)

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember one asset, or what is common."""
        if key.startswith(_ASSET):
            self._restoring[key[1:].decode()] = parsed(value, _AssetState)
        elif key == _COMMON:
            common = parsed(value, _PartitionState)
            self.watermark_ms, self.assignment = common.watermark_ms, common.assignment
            self.online.restore(common.learnt)
        else:
            raise StateError(f"key {key!r}: not one of this stage")

    def restored(self) -> None:
        """Give every asset, of which several versions may have come, what was remembered of it last."""
        for asset, known in self._restoring.items():
            self._give_back(asset, known)
        self._restoring.clear()
        if self.assignment is not None:
            self.schedule.add(self.assignment)
            self._install(self.assignment)

    def self_contained(self) -> bool:
        """Return False: the online layer has learnt from all that ever came."""
        return False

    def counts(self) -> StageCounts:
        """Return how far the partition has come."""
        scored, self._scored = self._scored, Counter()
        return StageCounts(watermark_ms=self.watermark_ms, scored=scored)

    def _remembered(self, asset: str) -> _AssetState:
        newest, case = self.latest.get(asset), self.cases.get(asset)
        waiting, events = self.pending.remember(asset)
        return _AssetState(
            policy=self.policy.remember(asset),
            waiting=waiting,
            events=events,
            shown=self.drift.remember(asset),
            case=(case.name, case.opened_ms, case.severity) if case else None,
            end_ms=newest.end_ms if newest else 0,
            vector=newest.vector.tobytes() if newest else b"",
            risks=newest.risks.tolist() if newest else [],
        )

    def _give_back(self, asset: str, known: _AssetState) -> None:
        self.policy.restore(asset, known.policy)
        self.pending.restore(asset, (known.waiting, known.events))
        self.drift.restore(asset, known.shown)
        if known.case is not None:
            name, opened_ms, severity = known.case
            self.cases[asset] = Case(name, asset, opened_ms, severity)
        if known.vector:
            vector = np.frombuffer(known.vector, np.float32)
            self.latest[asset] = _Latest(known.end_ms, vector, np.array(known.risks))

    def _score(self, windows: Windows) -> Iterator[Outgoing]:
        models = self.champion.models
        risks = models.score(windows.assets, windows.asset, windows.values)
        scored_by = models.scored_by(windows.assets)
        self._scored.update(level_of(scored_by[code]) for code in windows.asset.tolist())
        logits = log_odds(risks[:, self.horizon])
        adapted = np.array([self.online.score(x) for x in logits.tolist()])
        keys = (windows.assets, windows.asset, windows.end_ms, windows.revision)
        record = Scores(self.champion.version, self.fleet.horizons_d, *keys, risks, adapted, scored_by)
        yield codec.scores(self.topics.scores, record)
        yield from self._shadow(windows)
        for i in np.flatnonzero(windows.revision == 0).tolist():
            asset = windows.assets[windows.asset[i]]
            yield from self._follow(asset, _Latest(int(windows.end_ms[i]), windows.values[i], risks[i]))

    def _shadow(self, windows: Windows) -> Iterator[Outgoing]:
        """Yield what the challenger says of the same windows; nothing comes of it here."""
        rival = self._challenger
        if rival is None or rival.version == self.champion.version or not self.records:
            return
        risks = rival.models.score(windows.assets, windows.asset, windows.values)
        keys = (windows.assets, windows.asset, windows.end_ms, windows.revision)
        scored_by = rival.models.scored_by(windows.assets)
        record = Scores(rival.version, self.fleet.horizons_d, *keys, risks, risks[:, self.horizon], scored_by)
        yield codec.scores(self.topics.shadow, record)

    def _follow(self, asset: str, newest: _Latest) -> Iterator[Outgoing]:
        """Let policy, drift detector and online layer see one new window."""
        self.latest[asset] = newest
        self._changed.add(asset)
        if newest.end_ms % DAY_MS == 0:
            yield from self._daily(asset, newest)
        risk = float(newest.risks[self.horizon])
        yield from self._decided(self.policy.observe(asset, newest.end_ms, risk))

    def _daily(self, asset: str, newest: _Latest) -> Iterator[Outgoing]:
        """Once a day and asset: a lesson for later, a look at the level of the scores, a word on its case."""
        logit = float(log_odds(newest.risks[[self.horizon]])[0])
        self.pending.observe(asset, newest.end_ms, logit)
        signal = self.drift.update(asset, newest.end_ms, logit)
        if signal is not None:
            yield codec.drift(self.topics.drift, _drift(signal))
        case = self.cases.get(asset)
        if case is not None:
            yield self._alert(case, newest.end_ms, "update", "", self._why(asset))

    def _happened(self, event: Event) -> Iterator[Outgoing]:
        if event.kind == OUTCOME:
            self.pending.event(event.asset, event.time_ms)
            yield from self._decided(self.policy.event(event.asset, event.time_ms))

    def _pass(self, watermark: Watermark) -> Iterator[Outgoing]:
        """Learn what has matured, decide what waited for the whole fleet, and pass the watermark on."""
        for matured in self.pending.mature(watermark.time_ms):
            self.online.learn(matured.log_odds, matured.label)
        self.watermark_ms = max(self.watermark_ms, watermark.time_ms)
        yield from self._decided(self.policy.advance(watermark.time_ms))
        yield codec.watermark(self.topics.scores, watermark)

    def _decided(self, decisions: Iterable[Decision]) -> Iterator[Outgoing]:
        for decision in decisions:
            self._changed.add(decision.asset)
            why = self._why(decision.asset)
            if decision.stage == "open":
                name = f"{decision.asset}-{decision.time_ms}"
                case = Case(name, decision.asset, decision.time_ms, why.severity)
                self.cases[decision.asset] = case
            else:
                case = self.cases.pop(decision.asset)
            yield self._alert(case, decision.time_ms, decision.stage, decision.reason, why)

    def _why(self, asset: str) -> Explanation:
        newest, (champion, explainer) = self.latest[asset], self._seated()
        return explainer.explain(newest.vector, newest.risks, model=champion.models.model_for(asset))

    def _alert(self, case: Case, time_ms: int, stage: str, reason: str, why: Explanation) -> Outgoing:
        alert = Alert(
            case=case.name,
            asset=case.asset,
            stage=stage,
            severity=case.severity,
            time_ms=time_ms,
            opened_ms=case.opened_ms,
            risk=float(self.latest[case.asset].risks[self.horizon]),
            threshold=self.champion.models.fleet.threshold,
            horizon_d=self.fleet.alerting.horizon_d,
            text=why.text,
            fault=why.fault,
            check=why.check,
            sensors=list(why.reasons),
            model=self.champion.version,
            reason=reason,
            causes=list(why.causes),
        )
        return codec.alert(self.topics.alerts, alert)


def _drift(signal: DriftSignal) -> Drift:
    before, after = expit(np.array([signal.before, signal.after])).tolist()
    return Drift(
        detector="adwin",
        time_ms=signal.time_ms,
        asset=signal.asset,
        value=signal.after - signal.before,
        text=f"the level of the risk moved from {before:.2%} to {after:.2%}",
    )
