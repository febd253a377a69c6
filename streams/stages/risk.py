"""The second stage: windows in; scores, cases and drift signals out.

Which version scores a window depends on its offset alone, so that a successor, which sees messages again,
scores them as they were scored before: see `streams.champions.assignments`. A window that was written
twice is scored once: see `streams.stages.seen`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np
from scipy.special import expit

from models.adaptation.fleet_drift import Remembered as Watching
from models.adaptation.labels import Happening
from models.adaptation.layer import SegmentsOf, no_segments
from models.adaptation.score_adaptation import Lessons, ScoreAdaptation
from models.alerting.decision import PolicyState
from models.errors import RecordError, StateError
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.risk.calibration import log_odds
from models.telemetry.event_log import OUTCOME
from models.telemetry.samples import Event, Float64
from streams.champions.assignments import Schedule, begun_with
from streams.champions.model_pool import Candidate, ModelPool
from streams.kafka.topics import Topics
from streams.records import Alert, Assignment, Drift, FeatureMark, Readings, Watermark
from streams.stage import Incoming, Outgoing, StageCounts
from streams.stages import seen
from streams.stages.cases import Cases, Latest, OpenCase, Remembered
from streams.stages.drift_reports import DriftReports, SharedDrift, of_scores, of_switch
from streams.stages.scorer import Scorer
from streams.state.snapshots import parsed
from streams.wire import codec
from streams.wire.validation import clip

_ASSET, _COMMON, _DRIFT = b"a", b"c", b"d"
_FORM = 6  # of what is remembered
_HIDES = ("maintenance",)  # what would have come without it nobody knows


class _AssetState(msgspec.Struct, frozen=True):
    """What is remembered of one asset; ``vector`` is float32."""

    policy: PolicyState
    waiting: list[tuple[int, float]]
    happened: list[Happening]
    shown: list[float]
    case: tuple[str, int, str] | None
    end_ms: int
    vector: bytes
    risks: list[float]
    seen: seen.Remembered
    watched: Watching


class _RiskState(msgspec.Struct, frozen=True):
    """What is remembered of the partition as a whole; ``assignment`` is the champion's, if recorded.

    ``fingerprint`` is that of the features in which the newest window of each asset is told.
    """

    watermark_ms: int
    lessons: Lessons
    assignment: Assignment | None = None
    fingerprint: str = ""


class RiskStage:
    """Scores one partition of windows, adapts the risk, and follows its cases.

    ``assignments``, and ``marks`` of features, are those recorded of this partition. Without a topic to
    record them on (``records``) nobody is shadowed, and what is seen again after a crash may be scored by a
    champion that was promoted since. ``segments_of`` names the segments of a machine that are learnt of by
    themselves.
    """

    def __init__(
        self,
        fleet: Fleet,
        topics: Topics,
        schema: FeatureSchema,
        pool: ModelPool,
        assignments: Iterable[Assignment] = (),
        marks: Iterable[FeatureMark] = (),
        *,
        records: bool = True,
        segments_of: SegmentsOf = no_segments,
    ) -> None:
        self.topics, self.schema, self.records, self.horizon = topics, schema, records, fleet.horizon
        self.identity = f"risk {_FORM} {fleet.name} {fleet.alerting.horizon_d:g} d"
        self.scorer = Scorer(fleet, schema, pool, Schedule(assignments, begun_with(marks)))
        self.cases = Cases(fleet, schema)
        horizon_ms, censor = int(fleet.alerting.horizon_d * DAY_MS), fleet.training.censor or _HIDES
        self.adaptation = ScoreAdaptation(horizon_ms, segments_of, censor)
        self.drift = DriftReports(schema, segments_of, horizon_ms, censor)
        self._shared_drift: SharedDrift | None = None
        self.seen = seen.Seen((fleet.sampling.lateness_s + 2 * fleet.sampling.hop_s) * 1000)
        self.watermark_ms = 0
        self._restoring: dict[str, _AssetState] = {}
        self._assignment: Assignment | None = None
        self._told_in = schema.fingerprint

    def before_batch(self, offset: int, *, seen: bool) -> list[Outgoing]:
        """Let who is ready for a role begin at ``offset``, and return the record of that."""
        begun = self.scorer.begin(offset, seen=seen)
        return [codec.assignment(self.topics.promotions, one) for one in begun] if self.records else []

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the scores of each message's windows, and what they lead to."""
        for message in received:
            yield from self._process(message)

    def _install(self) -> None:
        """Learn from another champion's scores, and decide by its threshold."""
        named, champion = self.scorer.named, self.scorer.champion
        if named is not None:
            self.adaptation.follow(named.version, named.sha256)
        if champion is not None:
            self._hold_to(champion)

    def _hold_to(self, champion: Candidate) -> None:
        """Let a champion decide; what was watched of other features than its own begins anew."""
        schema = self.scorer.schema_of(champion)
        if schema.fingerprint != self.cases.schema.fingerprint:
            self.drift = self.drift.anew(schema)
        self.cases.hold_to(champion, schema)

    def _process(self, message: Incoming) -> Iterable[Outgoing]:
        try:
            found = codec.decode_any_features(message.value, message.content_type)
            if self.scorer.take_over(message.offset, "" if found.beside else found.fingerprint):
                self._install()
            record = found.record
            if isinstance(record, Windows):
                return self._windows(record, found)
        except RecordError as error:
            return [codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))]
        return self._happened(record) if isinstance(record, Event) else self._pass(record, message.offset)

    def _windows(self, windows: Windows, found: codec.FeaturesFound) -> Iterable[Outgoing]:
        """Return what comes of windows; of those computed beside nobody is alerted, and few look at them."""
        if found.beside:
            shadowed = self.records and self.scorer.shadows(found.fingerprint)
            return self._shadow(windows) if shadowed else ()
        champion = self.scorer.champion
        schema = self.scorer.schema_of(champion) if champion else self.schema
        if found.fingerprint != schema.fingerprint:
            named = clip(found.fingerprint)
            raise RecordError(f"fingerprint {named!r}: the model expects {schema.fingerprint!r}")
        if windows.values.shape[1] != len(schema):
            raise RecordError(f"values: {windows.values.shape[1]} features a window: expected {len(schema)}")
        fresh = self.seen.new_windows(windows)
        return self._score(windows if fresh.all() else windows.take(fresh)) if fresh.any() else ()

    def _shadow(self, windows: Windows) -> Iterator[Outgoing]:
        scores = self.scorer.shadow(windows)
        if scores is not None:
            yield codec.scores(self.topics.shadow, scores)

    def delta(self) -> list[tuple[bytes, bytes]]:
        """Return what is common, and each asset that is remembered otherwise than at the last call."""
        return list(self._changed())

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember one asset, or what is common."""
        if key.startswith(_ASSET):
            self._restoring[key[1:].decode()] = parsed(value, _AssetState)
        elif key == _COMMON:
            common = parsed(value, _RiskState)
            self.watermark_ms, self._assignment = common.watermark_ms, common.assignment
            self._told_in = common.fingerprint
            self.adaptation.give_back(common.lessons)
        elif key == _DRIFT:
            self._shared_drift = parsed(value, SharedDrift)
        else:
            raise StateError(f"key {key!r}: not one of this stage")

    def restored(self) -> None:
        """Give every asset, of which several versions may have come, what was remembered of it last."""
        if self._assignment is not None:
            self.scorer.resume(self._assignment)
        champion = self.scorer.champion
        if champion is not None:
            self._hold_to(champion)
        if self._told_in != self.cases.schema.fingerprint:
            raise StateError(f"its windows have features {self._told_in}, which nobody scores any more")
        if self._shared_drift is not None:
            self.drift.give_back(self._shared_drift)
        for asset, known in self._restoring.items():
            self._give_back(asset, known)
        self._restoring.clear()
        if champion is not None:
            self._install()

    def self_contained(self) -> bool:
        """Return False: the online layer has learnt from all that ever came."""
        return False

    def counts(self) -> StageCounts:
        """Return how far the partition has come."""
        scored, unsaid = self.scorer.take_levels(), self.scorer.take_unsaid()
        return StageCounts(watermark_ms=self.watermark_ms, scored=scored, unsaid=unsaid)

    def _changed(self) -> Iterator[tuple[bytes, bytes]]:
        parts = (self.cases, self.adaptation, self.seen, self.drift)
        changed = set().union(*(part.take_changed() for part in parts))
        for asset in sorted(changed):
            yield _ASSET + asset.encode(), msgspec.msgpack.encode(self._remembered(asset))
        lessons, assignment = self.adaptation.lessons(), self.scorer.assignment
        common = _RiskState(self.watermark_ms, lessons, assignment, self.cases.schema.fingerprint)
        yield _COMMON, msgspec.msgpack.encode(common)
        if self.drift.take_stirred():
            yield _DRIFT, msgspec.msgpack.encode(self.drift.shared())

    def _remembered(self, asset: str) -> _AssetState:
        policy_, case, newest = self.cases.remember(asset)
        waiting, happened, shown = self.adaptation.remember(asset)
        return _AssetState(
            policy=policy_,
            waiting=waiting,
            happened=happened,
            shown=shown,
            case=(case.name, case.opened_ms, case.severity) if case else None,
            end_ms=newest.end_ms if newest else 0,
            vector=newest.vector.tobytes() if newest else b"",
            risks=newest.risks.tolist() if newest else [],
            seen=self.seen.remember(asset),
            watched=self.drift.remember(asset),
        )

    def _give_back(self, asset: str, known: _AssetState) -> None:
        case = newest = None
        if known.case is not None:
            name, opened_ms, severity = known.case
            case = OpenCase(name, asset, opened_ms, severity)
        if known.vector:
            newest = Latest(known.end_ms, np.frombuffer(known.vector, np.float32), np.array(known.risks))
        self.cases.restore(asset, Remembered(known.policy, case, newest))
        self.adaptation.restore(asset, (known.waiting, known.happened, known.shown))
        self.seen.restore(asset, known.seen)
        self.drift.restore(asset, known.watched)

    def _score(self, windows: Windows) -> Iterator[Outgoing]:
        scores = self.scorer.score(windows)
        logits = log_odds(scores.risk[:, self.horizon])
        adapted: Float64 = expit(self.adaptation.adapted(windows.assets, windows.asset, logits))
        said = replace(scores, adapted=adapted, readings=self._readings(windows))
        yield codec.scores(self.topics.scores, said)
        if self.records and self.scorer.shadows(self.scorer.fingerprint):
            yield from self._shadow(windows)
        deciding = self._deciding(windows, scores.risk, logits)
        for i in np.flatnonzero(windows.revision == 0).tolist():
            asset = windows.assets[windows.asset[i]]
            newest = Latest(int(windows.end_ms[i]), windows.values[i], deciding[i])
            yield from self._follow(asset, newest, float(logits[i]))

    def _readings(self, windows: Windows) -> Readings | None:
        """Return what was read in the windows that end a day, None if none does."""
        ends = np.flatnonzero(windows.end_ms % DAY_MS == 0).astype(np.int32)
        if not len(ends):
            return None
        usual = self.cases.usual
        said = (part.astype(np.float32) for part in usual.of(windows.values[ends]))
        return Readings(ends, usual.points, *said)

    def _deciding(self, windows: Windows, risk: Float64, logits: Float64) -> Float64:
        """Return the risks (n, H) that decide; where an adapted one does, all horizons move as far."""
        moved = self.adaptation.deciding(windows.assets, windows.asset, logits) - logits
        rows = np.flatnonzero(moved)
        if not len(rows):
            return risk
        out = risk.copy()
        out[rows] = expit(log_odds(risk[rows]) + moved[rows, None])
        return out

    def _follow(self, asset: str, newest: Latest, logit: float) -> Iterator[Outgoing]:
        """Let online layer, drift detectors and cases see one new window; all but the last see one a day."""
        if newest.end_ms % DAY_MS == 0:
            self.drift.observe_day(asset, newest.end_ms, newest.vector)
        if newest.end_ms % DAY_MS == 0 and newest.has_risks:
            self.drift.scored(logit)
            signal = self.adaptation.observe_day(asset, newest.end_ms, logit)
            if signal is not None:
                yield codec.drift(self.topics.drift, of_scores(signal))
        yield from self._alerts(self.cases.observe(asset, newest))

    def _happened(self, event: Event) -> Iterator[Outgoing]:
        is_outcome = event.kind == OUTCOME
        what = event.kind if is_outcome else f"{event.kind} {event.code}"
        if not (self.adaptation.heeds(event) and self.seen.is_new_event(event.asset, event.time_ms, what)):
            return
        self.adaptation.event(event)
        yield from self._drifts(self.drift.event(event, self.watermark_ms))
        if is_outcome:
            yield from self._alerts(self.cases.event(event.asset, event.time_ms))

    def _pass(self, watermark: Watermark, offset: int) -> Iterator[Outgoing]:
        """Learn what has matured, decide what waited for the whole fleet, and pass the watermark on.

        One that is repeated is passed on alone: what came since the first must not mature, or wait, for it.
        """
        if watermark.time_ms > self.watermark_ms:
            self.watermark_ms = watermark.time_ms
            switches = self.adaptation.advance(watermark.time_ms, offset)
            yield from self._drifts(map(of_switch, switches))
            lessons = self.adaptation.matured, self.adaptation.pending.unlabelled
            yield from self._drifts(self.drift.matured(*lessons, watermark.time_ms))
            champion = self.scorer.champion
            known = champion.expectation if champion else None
            yield from self._drifts(self.drift.advance(watermark.time_ms, known))
            yield from self._alerts(self.cases.advance(watermark.time_ms))
        yield codec.watermark(self.topics.scores, watermark)

    def _drifts(self, drifts: Iterable[Drift]) -> Iterator[Outgoing]:
        return (codec.drift(self.topics.drift, one) for one in drifts)

    def _alerts(self, alerts: Iterable[Alert]) -> Iterator[Outgoing]:
        return (codec.alert(self.topics.alerts, alert) for alert in alerts)
