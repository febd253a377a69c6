"""The demonstration: a simulated fleet, from telemetry to alerts days ahead, with one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np

from chillcast.demo.case_quality import CaseQuality, case_quality
from chillcast.demo.sites import shown_after, with_sites
from chillcast.demo.spool import Spool
from chillcast.models.learning import RecentSlices, enrol, expect, learn, pretrained_for
from chillcast.pipeline.home import at_work
from chillcast.pipeline.live import Gathered
from chillcast.pipeline.publishing import Playing
from chillcast.pipeline.streaming import StreamSource, stream
from chillcast.resources import Resources
from chillcast.shipped import find_file
from chillcast.skill.skill_config import load_skill_config
from chillcast.terminal.reporter import Reporter
from models.alerting.cases import Case
from models.evaluation.events import EventReport, evaluate_cases
from models.evaluation.metrics import log_loss
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.risk.wording import sentence
from models.telemetry.event_log import EventLog
from models.telemetry.labels import label
from models.telemetry.samples import Event, TimeSlice, utc
from simulators.fleet.scenario import Scenario
from simulators.fleet.simulation import Simulation
from simulators.truth import FaultRecord, ShutdownRecord
from streams.records import Alert


@dataclass(frozen=True, slots=True)
class DemoSpan:
    """How many machines, when their history starts, when it ends, and when the replay does."""

    assets: int
    start_ms: int
    until_ms: int
    end_ms: int

    @classmethod
    def of_scenario(cls, scenario: Scenario, replay_days: int) -> DemoSpan:
        """Split a scenario's days into history and replay."""
        start_ms, end_ms = scenario.range_ms
        return cls(scenario.assets, start_ms, end_ms - replay_days * DAY_MS, end_ms)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration found."""

    report: EventReport
    case_ms: float
    gathered: Gathered
    plan: DemoSpan
    version: str
    events: tuple[Event, ...]
    shutdowns: tuple[ShutdownRecord, ...]
    faults: tuple[FaultRecord, ...]
    log_loss: dict[str, float]
    seconds: float
    advice: tuple[Advice, ...] = ()
    modes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def had_precursor(self, event: Event) -> bool:
        """Return whether anything could have announced the shutdown: the simulator's own knowledge."""
        return any(
            s.has_precursor for s in self.shutdowns if (s.asset, s.time_ms) == (event.asset, event.time_ms)
        )

    @property
    def false_alarms_with_a_fault(self) -> int:
        """Return how many false alarms fell on a machine that had a fault, mended or not yet tripping."""
        return sum(
            any(f.asset == asset and f.is_under_way(ms) for f in self.faults)
            for asset, ms in self.report.false_alarms
        )

    def cases_before(self, event: Event) -> list[tuple[int, int]]:
        """Return from when until when a case of the machine was open in the horizon before a shutdown."""
        alerts = [a for a in self.gathered.alerts if a.asset == event.asset]
        closed = {a.case: a.time_ms for a in alerts if a.stage == "closed"}
        spans = [(a.opened_ms, closed.get(a.case, event.time_ms)) for a in alerts if a.stage == "open"]
        return [
            (start_ms, min(end_ms, event.time_ms))
            for start_ms, end_ms in sorted(spans)
            if Case(event.asset, start_ms).announces(event, self.case_ms)
        ]

    @property
    def quality(self) -> CaseQuality:
        """Return what the cases of the replay were worth to who works on them."""
        opened = [a for a in self.gathered.alerts if a.stage == "open" and a.time_ms >= self.plan.until_ms]
        return case_quality(opened, self.faults, self.advice, self.modes, self.cleared_then_tripped)

    @property
    def cleared_then_tripped(self) -> int:
        """Return how many announced shutdowns came when no case of their machine was open any more."""
        return sum(
            max(end_ms for _, end_ms in self.cases_before(event)) < event.time_ms
            for event, _ in self.report.announced
        )


def run_demo(resources: Resources, scenario: Scenario, *, replay_days: int, reporter: Reporter) -> DemoResult:
    """Simulate, train on the first part, stream the rest, and judge the alerts by event.

    Raises ConfigError if another command is at work in the same home.
    """
    with at_work(resources.settings.home_path, "training", "streaming"):
        return _run(resources, scenario, replay_days, reporter)


def _run(resources: Resources, scenario: Scenario, replay_days: int, reporter: Reporter) -> DemoResult:
    fleet, started = resources.fleet, reporter.clock()
    plan, simulation = DemoSpan.of_scenario(scenario, replay_days), Simulation(scenario, fleet)
    spool = Spool(simulation.delivered(), resources.settings.home_path)
    slices = RecentSlices(spool, fleet.sampling.reach_s * 1000)
    version = _learnt(resources, scenario, plan, spool.ahead(), slices, reporter)
    events: list[Event] = []
    rest = _noting(chain(list(slices.kept), slices.slices), events)
    playing = Playing(scenario.name, lambda _: rest, plan.until_ms, plan.end_ms)
    source = StreamSource(playing, plan.assets * fleet.sampling.hop_s / fleet.sampling.period_s)
    with shown_after(resources.feature_store, with_sites(simulation.inventory)):
        gathered = stream(resources, source, reporter, on_alert=partial(_announce, plan, reporter))
    return DemoResult(
        report=_judge(fleet, plan, gathered, events),
        case_ms=fleet.alerting.case_ms,
        gathered=gathered,
        plan=plan,
        version=version,
        events=tuple(events),
        shutdowns=simulation.shutdowns,
        faults=simulation.faults,
        log_loss=compare_online(fleet, gathered, events, plan),
        seconds=reporter.clock() - started,
        advice=fleet.advice,
        modes=load_skill_config(find_file("portfolio", "skill")).modes,
    )


def _learnt(
    resources: Resources,
    scenario: Scenario,
    plan: DemoSpan,
    ahead: Iterable[TimeSlice],
    slices: Iterable[TimeSlice],
    reporter: Reporter,
) -> str:
    """Learn what is normal from ``ahead``, and the risk from the history that ``slices`` begin with.

    Returns the version that is champion now.
    """
    fleet = resources.fleet
    with ThreadPoolExecutor(1, "registry") as beside:
        opened = beside.submit(lambda: resources.registry)  # which takes seconds
        normal = expect(fleet, ahead, plan.until_ms, reporter)
        history = History(fleet, slices, *(normal.parts if normal else ()))
        training = TrainingPlan(
            fleet=fleet,
            start_ms=plan.start_ms,
            until_ms=plan.until_ms,
            seed=scenario.seed,
            pretrained=pretrained_for(fleet),
        )
        fitted = learn(training, history, reporter)
        opened.result()
    return enrol(fitted, resources, source=scenario.name, seed=scenario.seed, reporter=reporter)


def _noting(slices: Iterable[TimeSlice], events: list[Event]) -> Iterator[TimeSlice]:
    """Pass slices on, noting what really happened, which the pipeline is not shown."""
    for part in slices:
        events += part.events
        yield part


def _announce(plan: DemoSpan, reporter: Reporter, alert: Alert) -> None:
    """Print a case as it opens, once the replay has left its warm-up."""
    if alert.stage == "open" and alert.time_ms >= plan.until_ms:
        first = alert.sensors[0] if alert.sensors else None
        sensor = f"; {sentence(first.label, first.said, first.usual)}" if first else ""
        fault = f": {alert.fault}" if alert.fault else ""
        reporter.line(f"{utc(alert.time_ms)}  {alert.asset}  {alert.text}{fault}{sensor}")


def _judge(fleet: Fleet, plan: DemoSpan, gathered: Gathered, events: list[Event]) -> EventReport:
    return evaluate_cases(
        [Case(a.asset, a.opened_ms) for a in gathered.alerts if a.stage == "open"],
        EventLog(events),
        fleet.alerting,
        start_ms=plan.until_ms,
        end_ms=plan.end_ms,
        assets=plan.assets,
    )


def compare_online(fleet: Fleet, gathered: Gathered, events: list[Event], plan: DemoSpan) -> dict[str, float]:
    """Return the log-loss of the champion and of the online layer over the windows whose label is known."""
    scores, horizon_d = gathered.columns(), fleet.alerting.horizon_d
    labels = label(scores, EventLog(events), plan.end_ms)
    judged = (scores.end_ms >= plan.until_ms) & labels.known(horizon_d) & ~np.isnan(scores.adapted)
    followed = labels.follows(horizon_d)[judged]
    champion = log_loss(scores.risk[judged, fleet.horizon], followed)
    online = log_loss(scores.adapted[judged], followed)
    return {} if champion is None or online is None else {"champion": champion, "online": online}
