"""All that is saved and given back, each with what may happen to it: what the contract over them needs.

Each looks like a stage here, so that it is saved and given back the way a stage is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from hypothesis import strategies as st

from models.adaptation.answers import Answers
from models.adaptation.drift import ScoreDrift
from models.adaptation.fleet_drift import FleetDrift
from models.adaptation.label_delay import LabelDelay
from models.adaptation.labels import Matured, Pending
from models.adaptation.labels import Remembered as Waiting
from models.adaptation.layer import OnlineLayer
from models.adaptation.online import Learnt, OnlineRisk
from models.adaptation.performance import Performance
from models.adaptation.score_adaptation import ScoreAdaptation
from models.adaptation.shared_drift import Many
from models.alerting.decision import PolicyState
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.share import SharePolicy
from models.cases.book import CaseBook
from models.cases.book import Remembered as CaseMemory
from models.cases.machine import Signal
from models.cases.people import Command
from models.cases.stops import StopCommand
from models.delivery.outbox import Outbox
from models.delivery.plan import Plan
from models.event_time import DAY_MS
from models.features.quality import QualityMonitor
from models.features.snapshot import Loader
from models.features.watermark import FleetWatermark
from models.fleet.alerting import Alerting
from streams.records import Alert, Assignment
from streams.stage import Counting, Incoming, Outgoing
from streams.stages.admission import Admission
from streams.stages.case_desk import CaseDesk
from streams.stages.cases import Cases
from streams.stages.data_reports import DataReports
from streams.stages.delivery import DeliveryStage
from streams.stages.drift_reports import DriftReports
from streams.stages.feature_versions import FeatureVersions
from streams.stages.features import FeatureStage
from streams.stages.kernel_memory import KernelMemory
from streams.stages.refused import Refused
from streams.stages.risk import RiskStage
from streams.stages.seen import Seen
from streams.wire import codec
from tests.support.case_life import CONTINUES_D, lives
from tests.support.case_life import Step as LifeStep
from tests.support.changing_features import Changing, turning
from tests.support.feature_telemetry import TOPICS as FEATURE_TOPICS
from tests.support.feature_telemetry import named, telemetry
from tests.support.model_pools import Held
from tests.support.restorable_delivery import Delivering, told_of
from tests.support.restorable_drift import Observer, moved
from tests.support.restorable_steps import (
    HOURS,
    HYSTERESIS,
    LESSONS,
    SEEDS,
    SHARE,
    TIMES,
    Promoted,
    Step,
    crowd,
    crowded,
    daily,
    decided,
    machines,
    scored,
    versions,
    waited,
)
from tests.support.risk_messages import TOPICS
from tests.support.watched_fleet import EXPECTATION, watched


class One(Protocol):
    """One that lives: it says something at each step, and what it remembers outlives it."""

    def act(self, step: Any) -> object:
        """Take a step; return all that comes of it, to be compared by its repr."""

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return what is remembered otherwise than at the last call, as it is now."""

    def restore(self, key: bytes, value: bytes) -> None:
        """Take in what was remembered under a key."""

    def restored(self) -> None:
        """Learn that all has been given back."""


class World(Protocol):
    """What outlives every worker beside the state: a successor is born into it."""

    def born(self) -> One:
        """Return one that remembers nothing yet."""


@dataclass(frozen=True)
class Restorable:
    """The classes that are proven, and a world and steps to prove them by."""

    name: str
    kinds: tuple[type, ...]
    world: Callable[[], World]
    steps: st.SearchStrategy[Sequence[Any]]
    by_asset: bool = False


@dataclass
class Simple:
    """A world that holds nothing."""

    born: Callable[[], One]


@dataclass
class ByAsset:
    """A part that remembers by asset, saved as the stage does it."""

    part: Any
    form: Any
    known: dict[bytes, bytes] = field(default_factory=dict)

    def act(self, step: Step) -> object:
        """Call a method by its name."""
        return getattr(self.part, step[0])(*step[1:])

    def memory(self) -> Iterator[tuple[str, bytes]]:
        """Yield all there is to save."""
        for asset in "abc":
            yield asset, msgspec.msgpack.encode(self.part.remember(asset))

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the assets that the part says have changed."""
        changed = sorted(self.part.changed)
        self.part.changed.clear()
        return [(asset.encode(), msgspec.msgpack.encode(self.part.remember(asset))) for asset in changed]

    def restore(self, key: bytes, value: bytes) -> None:
        """Keep the newest version of each."""
        self.known[key] = value

    def restored(self) -> None:
        """Give all of them back."""
        for key, value in self.known.items():
            self.part.restore(key.decode(), msgspec.msgpack.decode(value, type=self.form))


@dataclass
class Learner:
    """The online layer."""

    part: OnlineLayer = field(default_factory=lambda: OnlineLayer(lambda asset: (f"model:{asset in 'ab'}",)))

    def act(self, step: Step) -> object:
        """Learn what matures in a day, and say what holds for each machine from then on."""
        day, lessons = step
        matured = [Matured((day - 7) * DAY_MS, *lesson) for lesson in lessons]
        switches = list(self.part.learn(matured, day * DAY_MS, (day - 7) * DAY_MS))
        return switches, [(self.part.adapted(asset), self.part.deciding(asset)) for asset in "abc"]

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all it has learnt."""
        return [(b"c", msgspec.msgpack.encode(self.part.remember()))]

    def restore(self, key: bytes, value: bytes) -> None:
        """Of several versions the last counts."""
        self.part.restore(msgspec.msgpack.decode(value, type=dict[str, Learnt]))

    def restored(self) -> None:
        """Do nothing."""


@dataclass
class Marks:
    """The fleet's watermark, given back from the newest pane of each asset."""

    part: FleetWatermark = field(default_factory=FleetWatermark)
    newest: dict[str, int] = field(default_factory=dict)
    reached: int | None = None

    def act(self, step: tuple[str, int]) -> object:
        """See one sample."""
        asset, pane = step
        self.newest[asset] = max(pane, self.newest.get(asset, pane))
        return self.part.observe(asset, pane), self.part.reached

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all of it."""
        return [(b"c", msgspec.msgpack.encode((self.newest, self.part.reached)))]

    def restore(self, key: bytes, value: bytes) -> None:
        """Keep the newest version."""
        self.newest, self.reached = msgspec.msgpack.decode(value, type=tuple[dict[str, int], int | None])

    def restored(self) -> None:
        """Give it back."""
        self.part.restore(self.newest.items(), self.reached)


@dataclass
class Staged:
    """A stage by itself."""

    stage: FeatureStage | RiskStage | CaseDesk

    def act(self, step: Incoming) -> object:
        """Process one message."""
        said = list(self.stage.process([step]))
        return said, self.stage.counts().watermark_ms if isinstance(self.stage, Counting) else 0

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return what the stage returns."""
        return self.stage.delta()

    def restore(self, key: bytes, value: bytes) -> None:
        """Give it to the stage."""
        self.stage.restore(key, value)

    def restored(self) -> None:
        """Tell the stage."""
        self.stage.restored()


@dataclass
class Scoring(Staged):
    """A risk stage whose champions change."""

    stage: RiskStage
    world: Succession

    def act(self, step: Incoming | Promoted) -> object:
        """Process a message, or let a version take a role: once, since that is durable."""
        if not isinstance(step, Promoted):
            return super().act(step)
        if step.number not in self.world.turned:
            self.world.promote(step)
            said = self.stage.before_batch(step.offset, seen=False)
            self.world.turned[step.number] = list(said)
        return self.world.turned[step.number]


@dataclass
class Succession:
    """Who is promoted, and the assignments that were recorded."""

    alerting: Alerting
    held: Held = field(default_factory=Held)
    turned: dict[int, list[Outgoing]] = field(default_factory=dict)

    def promote(self, step: Promoted) -> None:
        """Make a version ready for a role."""
        self.held.promote(step.version, versions()[step.version], step.role)

    def born(self) -> One:
        """Return a stage that is given every assignment recorded so far."""
        if not self.turned:
            self.held.promote("1", versions()["1"])
        said = [one for outputs in self.turned.values() for one in outputs]
        assignments = [codec.decode_json(one.value, Assignment) for one in said]
        toy = machines()
        held_to = replace(toy.fleet, alerting=self.alerting)
        stage = RiskStage(held_to, TOPICS, toy.schema, self.held, assignments)
        scoring = Scoring(stage, self)
        if 0 not in self.turned:
            self.turned[0] = list(stage.before_batch(0, seen=False))
        return scoring


def by_asset(make: Callable[[], object], form: Any) -> Callable[[], World]:
    """Return a world of parts that remember by asset."""
    return lambda: Simple(lambda: ByAsset(make(), form))


def moves(life: Sequence[LifeStep]) -> list[Incoming]:
    """Return what moves cases as messages."""
    out: list[Incoming] = []
    for one in life:
        is_plan = isinstance(one, StopCommand)
        kind, record = codec.STOP_COMMAND if is_plan else codec.CASE_COMMAND, msgspec.json.encode(one)
        if isinstance(one, Signal):
            span = {"from_d": 1.0, "to_d": (one.evidence.until_ms - one.time_ms) / DAY_MS}
            said = {**msgspec.to_builtins(one.evidence), **msgspec.to_builtins(one), **span}
            kind, record = codec.ALERT, msgspec.json.encode(msgspec.convert(said, Alert))
        out.append(Incoming(TOPICS.case_commands, 0, len(out), one.asset.encode(), record, kind))
    return out


DAYS = st.integers(3, 40)
CALLS: dict[type, str] = {Signal: "hear", Command: "ask", StopCommand: "plan"}

RESTORABLES = (
    Restorable("online layer", (OnlineLayer, OnlineRisk), lambda: Simple(Learner), LESSONS),
    Restorable(
        "pending labels",
        (Pending,),
        by_asset(lambda: Pending(7), Waiting),
        st.builds(waited, SEEDS, DAYS),
        by_asset=True,
    ),
    Restorable(
        "drift of scores",
        (ScoreDrift,),
        by_asset(ScoreDrift, list[float]),
        st.builds(daily, SEEDS, st.sampled_from([60, 400, 1600])),
        by_asset=True,
    ),
    Restorable(
        "drift of the fleet",
        (FleetDrift, Many, Answers, LabelDelay, Performance),
        lambda: Simple(Observer),
        st.builds(moved, SEEDS, st.sampled_from([20, 60])),
    ),
    Restorable(
        "hysteresis",
        (HysteresisPolicy,),
        by_asset(lambda: HysteresisPolicy(HYSTERESIS, 0.4), PolicyState),
        st.builds(decided, SEEDS, DAYS),
        by_asset=True,
    ),
    Restorable(
        "share",
        (SharePolicy,),
        by_asset(lambda: SharePolicy(SHARE), PolicyState),
        st.builds(decided, SEEDS, DAYS),
        by_asset=True,
    ),
    Restorable(
        "cases of machines",
        (CaseBook,),
        by_asset(lambda: CaseBook(CONTINUES_D * DAY_MS), CaseMemory),
        lives().map(lambda life: [(CALLS[type(one)], one) for one in life]),
        by_asset=True,
    ),
    Restorable(
        "stage of cases",
        (CaseDesk,),
        lambda: Simple(lambda: Staged(CaseDesk(TOPICS, 1, CONTINUES_D))),
        lives().map(moves),
    ),
    Restorable(
        "stage of delivery",
        (DeliveryStage, Plan, Outbox),
        lambda: Simple(Delivering),
        st.builds(told_of, lives(), SEEDS),
    ),
    Restorable(
        "fleet watermark",
        (FleetWatermark,),
        lambda: Simple(Marks),
        st.lists(st.tuples(st.sampled_from("abcdefgh"), TIMES), max_size=80),
    ),
    Restorable(
        "features",
        (FeatureStage, KernelMemory, Loader, DataReports, QualityMonitor, Admission, Refused),
        lambda: Simple(lambda: Staged(FeatureStage(crowded(), FEATURE_TOPICS, 1))),
        st.builds(
            lambda source, *told: source(*told), st.sampled_from([telemetry, named, crowd]), SEEDS, HOURS
        ),
    ),
    Restorable(
        "features over long windows",
        (FeatureStage, KernelMemory, Loader),
        lambda: Simple(lambda: Staged(FeatureStage(watched(), FEATURE_TOPICS, 1, EXPECTATION))),
        st.builds(
            lambda source, *told: source(*told), st.sampled_from([telemetry, named, crowd]), SEEDS, HOURS
        ),
    ),
    Restorable(
        "features that change",
        (FeatureVersions, FeatureStage),
        Changing,
        st.builds(turning, SEEDS, st.sampled_from([8, 45])),
    ),
    *(
        Restorable(
            f"risk by {name}, {'several champions' if promotes else 'one champion'}",
            (RiskStage, Cases, ScoreAdaptation, Seen, DriftReports),
            functools.partial(Succession, alerting),
            st.builds(functools.partial(scored, promotes=promotes), SEEDS, st.sampled_from([3, 12, 24])),
        )
        for name, alerting in (("hysteresis", HYSTERESIS), ("share", SHARE))
        for promotes in (False, True)
    ),
)
