"""The cases of one partition: when they open and close, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.alerting.decision import Decision, PolicyState
from models.alerting.policy import create_policy
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.risk.explain import Explainer
from models.risk.explanation import Explanation
from models.risk.usual import Usual
from models.telemetry.samples import Float32, Float64
from streams.champions.model_pool import Candidate
from streams.records import Alert


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest window of an asset, to explain a case that opens on it; no risk is said if they are NaN."""

    end_ms: int
    vector: Float32
    risks: Float64

    @property
    def has_risks(self) -> bool:
        """Whether a risk is said."""
        return not np.isnan(self.risks).any()


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An open case: its name, its machine, since when, and how severe it was then."""

    name: str
    asset: str
    opened_ms: int
    severity: str


class Remembered(NamedTuple):
    """What is remembered of one asset."""

    policy: PolicyState
    case: OpenCase | None
    latest: Latest | None


class Cases:
    """Lets the policy decide over the risks of one partition, and explains each case with the champion.

    ``open`` are the cases by machine. There has to be a champion (`hold_to`) before a case opens.
    """

    def __init__(self, fleet: Fleet, schema: FeatureSchema) -> None:
        self.fleet, self.schema = fleet, schema
        self.policy = create_policy(fleet.alerting, math.inf)
        self.open: dict[str, OpenCase] = {}
        self._latest: dict[str, Latest] = {}
        self._changed: set[str] = set()
        self._champion: tuple[Candidate, Explainer] | None = None

    def hold_to(self, champion: Candidate, schema: FeatureSchema | None = None) -> None:
        """Decide by the threshold of this version from now on, and explain with it.

        If its features are of another ``schema``, what is known of each machine is told in those.
        """
        if schema is not None and schema.names != self.schema.names:
            self._tell_in(schema)
        self.schema = schema or self.schema
        explainer = Explainer(self.schema.fleet, champion.models.fleet, self.schema, champion.expectation)
        self._champion = champion, explainer
        self.policy.hold_to(champion.models.fleet.threshold)

    @property
    def usual(self) -> Usual:
        """What tells a reading from the usual one, as the champion does."""
        return self._held()[1].usual

    def observe(self, asset: str, newest: Latest) -> Iterator[Alert]:
        """See the newest window of an asset; a case that is open is explained again at the end of a day.

        A window of which no risk is said explains nothing: the last one that did still holds.
        """
        if newest.has_risks:
            self._latest[asset] = newest
            self._changed.add(asset)
            case = self.open.get(asset)
            if case is not None and newest.end_ms % DAY_MS == 0:
                yield self._alert(case, newest.end_ms, "update", "", self._why(asset))
        risk = float(newest.risks[self.fleet.horizon])
        yield from self._decided(self.policy.observe(asset, newest.end_ms, risk))

    def event(self, asset: str, time_ms: int) -> Iterator[Alert]:
        """See an outcome."""
        yield from self._decided(self.policy.event(asset, time_ms))

    def advance(self, watermark_ms: int) -> Iterator[Alert]:
        """Decide what waited for the whole fleet."""
        yield from self._decided(self.policy.advance(watermark_ms))

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of one asset."""
        return Remembered(self.policy.remember(asset), self.open.get(asset), self._latest.get(asset))

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember again what an asset, of which nothing is known yet, was remembered with."""
        self.policy.restore(asset, remembered.policy)
        if remembered.case is not None:
            self.open[asset] = remembered.case
        if remembered.latest is not None:
            self._latest[asset] = remembered.latest

    def take_changed(self) -> set[str]:
        """Return the assets that are remembered otherwise than at the last call."""
        out = self._changed | self.policy.changed
        self._changed.clear()
        self.policy.changed.clear()
        return out

    def _tell_in(self, schema: FeatureSchema) -> None:
        """Tell the newest window of each machine in other features; what it does not have is NaN."""
        place = {name: i for i, name in enumerate(self.schema.names)}
        known = np.array([place.get(name, -1) for name in schema.names])
        for asset, latest in self._latest.items():
            vector = np.where(known >= 0, latest.vector[known], np.float32(np.nan))
            self._latest[asset] = replace(latest, vector=vector.astype(np.float32))
        self._changed |= self._latest.keys()

    def _decided(self, decisions: Iterable[Decision]) -> Iterator[Alert]:
        for decision in decisions:
            self._changed.add(decision.asset)
            why = self._why(decision.asset)
            if decision.stage == "open":
                name = f"{decision.asset}-{decision.time_ms}"
                case = OpenCase(name, decision.asset, decision.time_ms, why.severity)
                self.open[decision.asset] = case
            else:
                case = self.open.pop(decision.asset)
            yield self._alert(case, decision.time_ms, decision.stage, decision.reason, why)

    def _why(self, asset: str) -> Explanation:
        newest, (champion, explainer) = self._latest[asset], self._held()
        return explainer.explain(newest.vector, newest.risks, model=champion.models.model_for(asset))

    def _alert(self, case: OpenCase, time_ms: int, stage: str, reason: str, why: Explanation) -> Alert:
        champion, _ = self._held()
        return Alert(
            case=case.name,
            asset=case.asset,
            stage=stage,
            severity=why.severity if stage == "update" else case.severity,
            time_ms=time_ms,
            opened_ms=case.opened_ms,
            risk=float(self._latest[case.asset].risks[self.fleet.horizon]),
            threshold=champion.models.fleet.threshold,
            horizon_d=self.fleet.alerting.horizon_d,
            text=why.text,
            fault=why.fault,
            check=why.check,
            sensors=list(why.reasons),
            model=champion.version,
            reason=reason,
            causes=list(why.causes),
            from_d=why.from_d,
            to_d=why.to_d,
            modes=list(why.modes),
        )

    def _held(self) -> tuple[Candidate, Explainer]:
        assert self._champion is not None, "hold_to comes first"
        return self._champion
