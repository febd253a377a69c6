"""The demonstration: a simulated fleet, from telemetry to alerts days ahead, with one command."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec

from chillcast.learning import Remembering, enrol, learn
from chillcast.live import Gathered, follow
from chillcast.pipeline import STAGES, Pipeline, running
from chillcast.publishing import BackgroundReplay
from chillcast.reporter import Reporter
from chillcast.settings import Settings
from models.evaluation import EventReport, evaluate_cases
from models.fitting import History
from models.fleet import Fleet
from models.frames import Event, Slice
from models.labels import DAY_MS, OUTCOME
from simulators.scenario import Scenario
from simulators.simulation import Simulation
from streams.feed import Feed
from streams.messages import Alert

_YEAR_MS = 365.25 * DAY_MS
_AHEAD_MS = 10 * DAY_MS


@dataclass(frozen=True, slots=True)
class Plan:
    """When the demonstration's fleet starts, when the history ends, and when the replay does."""

    start_ms: int
    until_ms: int
    end_ms: int

    @classmethod
    def of(cls, scenario: Scenario, replay_days: int) -> Plan:
        """Split a scenario's days into history and replay."""
        start = datetime(scenario.start.year, scenario.start.month, scenario.start.day, tzinfo=UTC)
        start_ms = int(start.timestamp() * 1000)
        end_ms = start_ms + scenario.days * DAY_MS
        return cls(start_ms, end_ms - replay_days * DAY_MS, end_ms)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration found."""

    report: EventReport
    gathered: Gathered
    plan: Plan
    version: str
    events: tuple[Event, ...]


def run_demo(
    settings: Settings, fleet: Fleet, scenario: Scenario, *, replay_days: int, reporter: Reporter
) -> DemoResult:
    """Simulate, train on the first part, stream the rest, and judge the alerts by event."""
    plan = Plan.of(scenario, replay_days)
    warm_ms = fleet.sampling.windows_s[-1] * 1000
    slices = Remembering(Simulation(scenario, fleet).slices(), warm_ms)
    history = History(fleet, slices)
    span = {"start_ms": plan.start_ms, "until_ms": plan.until_ms}
    fitted = learn(fleet, history, **span, seed=scenario.seed, reporter=reporter)
    version = enrol(
        fitted, fleet, settings, source=scenario.name, seed=scenario.seed, reporter=reporter
    )
    events: list[Event] = []
    rest = _noting(chain(list(slices.kept), slices.slices), events)
    gathered = _stream(settings, fleet, rest, plan, reporter)
    return DemoResult(_judge(fleet, scenario, plan, gathered, events), gathered, plan, version, tuple(events))


def _stream(
    settings: Settings, fleet: Fleet, slices: Iterable[Slice], plan: Plan, reporter: Reporter
) -> Gathered:
    """Replay slices through broker and workers as fast as these follow."""
    with ExitStack() as stack:
        pipeline = stack.enter_context(running(settings, fleet, STAGES, reporter))
        topics = pipeline.topics
        gathered = Gathered(topics, pipeline.partitions, lambda alert: _announce(alert, plan, reporter))
        watched = (topics.scores, topics.alerts, topics.drift, topics.dead_letters)
        feed = stack.enter_context(
            Feed(pipeline.bootstrap, watched, pipeline.partitions, from_start=pipeline.embedded)
        )
        source = stack.enter_context(_source(pipeline, slices, fleet, gathered))
        advance = stack.enter_context(reporter.step("replaying through Kafka"))

        def tick() -> None:
            source.raise_failure()
            pipeline.supervisor.watch()
            share = (gathered.watermark_ms - plan.until_ms) / (plan.end_ms - plan.until_ms)
            advance(max(share, 0.0), day(gathered.watermark_ms) if gathered.watermark_ms else "starting")

        follow(feed, gathered, tick)
        await_store(settings, gathered, tick)
    return gathered
