"""The drifting fleet through broker and workers, with the loop that mends its model, or without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chillcast.models.modelling import Models
from chillcast.pipeline.pipeline import STAGES, Pipeline, running
from chillcast.pipeline.publishing import BackgroundReplay, Playing
from chillcast.resources import Resources, SystemClock
from chillcast.retraining.memory import Memory
from chillcast.retraining.retraining import Retraining
from chillcast.retraining.retraining_config import Policy, RetrainingConfig, Triggers, Window
from chillcast.retraining.service import SERVICE
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from chillcast.training.enrolment import train_and_register
from chillcast.training.training_config import Data, Split, TrainingConfig
from models.alerting.cases import Case
from models.evaluation.events import EventReport, evaluate_cases
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.config import table_json
from models.fleet.fleet import Fleet
from models.learning.history import History
from models.learning.task_pool import HERE
from models.store.feature_store import FeatureStore, Origin, stored_schema
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from streams.kafka.cluster import connected
from streams.kafka.live_reader import Feed
from streams.records import Alert
from streams.wire import codec
from tests.loop.drifting_fleet import ASSETS, START_DAY, Story, drifting_fleet, shutdowns, slices
from tests.support.registries import put_registry

_STEP_DAYS, _STILL_S, _GIVE_UP_S = 3, 0.5, 300.0
CONFIG = RetrainingConfig(
    triggers=Triggers(drift_days=3, drift_machines=10),
    data=Window(days=36, test_days=10),
    promotion=Policy(by="automatic", windows=600, outcomes=10, within_days=60),
    rest_days=20,
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the day of each thing, and what share of the shutdowns was announced between them."""

    looped: bool
    drift: int
    days: int
    steps: dict[str, int] = {}
    recall: dict[str, float] = {}
    shutdowns: dict[str, int] = {}
    false_alarms: dict[str, float] = {}
    by_days: list[tuple[int, int, int]] = []
    signals: int = 0
    record: list[str] = []
    champion: str = ""
    why: str = ""


@dataclass
class Watched:
    """A fleet in event time: ``gate_ms`` is how far it is let go."""

    settings: Settings
    fleet: Fleet
    story: Story
    alarms: list[str]
    gate_ms: int = 0
    steps: dict[str, int] = field(default_factory=dict)

    @property
    def day(self) -> int:
        """The day of the story."""
        return self.gate_ms // DAY_MS - START_DAY

    def models(self) -> Models:
        """Return the models of the fleet, at a clock that says the time of the story."""
        clock = SystemClock(since_1970_s=lambda: self.gate_ms / 1000)
        return Models(Resources(self.settings, self.fleet, clock))

    def note(self, memory: Memory) -> None:
        """Note the day on which each step was first seen."""
        runs = [*memory.over, *([memory.present] if memory.present else [])]
        for run in runs:
            self.steps.setdefault("triggered", self.day)
            for name, is_so in (("in the shadow", run.shadowed_ms), ("over", run.result)):
                if is_so:
                    self.steps.setdefault(run.result if name == "over" else name, self.day)


def prepared(settings: Settings, story: Story) -> Fleet:
    """Land the history, train the first champion on it, and promote it."""
    fleet, home = drifting_fleet(), settings.home_path
    home.mkdir(parents=True, exist_ok=True)
    Path(settings.fleet).write_bytes(table_json(fleet))
    put_registry(home)
    resources = Resources(settings, fleet)
    land(resources.feature_store, fleet, slices(story, 0, story.history))
    on = {n: datetime.fromtimestamp(story.ms(n) / 1000, UTC).date() for n in (0, 45, story.history)}
    config = TrainingConfig(
        fleet=fleet.name,
        data=Data(from_=on[0], until=on[story.history]),
        split=Split(test_from=on[45]),
    )
    train_and_register(settings, config, Reporter(), promoted=True, trials=0, pool=HERE)
    return fleet


def land(store: FeatureStore, fleet: Fleet, parts: Iterator[object]) -> None:
    """Land a past, as `data backfill` does."""
    schema, history = stored_schema(FeatureSchema(fleet)), History(fleet, ())
    store.describe(schema, None)
    for number, part in enumerate(parts):
        origin = Origin("past", number, number)
        if found := list(history.see(part)):  # type: ignore[arg-type]
            store.land(schema, found, origin)
        store.land_events(part.events, origin)  # type: ignore[attr-defined]


def run_loop(
    settings: Settings, story: Story, *, looped: bool, say: Callable[[str], None] = lambda _: None
) -> Told:
    """Play the story through broker and workers; if ``looped``, look after its model every three days."""
    fleet = prepared(settings, story)
    watched = Watched(settings, fleet, story, [])
    with ExitStack() as stack:
        pipeline = stack.enter_context(running(settings, fleet, STAGES, Reporter()))
        watched.settings = settings.model_copy(update={"broker": pipeline.connection.bootstrap})
        watched.gate_ms = story.ms(story.history)
        playing = Playing("story", lambda _: slices(story, story.history - 1), 0, story.ms(story.days))
        stack.enter_context(_replayed(pipeline, watched, playing))
        days = range(story.history, story.days, _STEP_DAYS) if looped else range(story.days, story.days + 1)
        for day in days:
            watched.gate_ms = story.ms(day)
            _settle(pipeline, watched)
            if looped:
                watched.note(_looked(watched, say))
                say(f"day {day}: {watched.steps}")
        watched.gate_ms = story.ms(story.days)
        _settle(pipeline, watched)
        alerts = _alerts(pipeline)
    return _told(watched, alerts, looped=looped)


def _looked(watched: Watched, say: Callable[[str], None]) -> Memory:
    return Retraining(watched.models(), CONFIG, SERVICE, say).look()


def _replayed(pipeline: Pipeline, watched: Watched, playing: Playing) -> BackgroundReplay:
    return BackgroundReplay(
        playing,
        watched.fleet,
        connection=pipeline.connection,
        topics=pipeline.topics,
        partitions=pipeline.partitions,
        done_ms=lambda: watched.gate_ms,
        ahead_ms=0,
    )


def _settle(pipeline: Pipeline, watched: Watched) -> None:
    """Wait until every stage has done all that was sent up to the gate."""
    until_s, still_s = time.monotonic() + _GIVE_UP_S, 0.0
    groups = [pipeline.topics.group(stage) for stage in STAGES]
    opened = closing(Resources(watched.settings, watched.fleet).open_reader())
    with opened as reader, connected(pipeline.connection) as cluster:
        while still_s < _STILL_S:
            if time.monotonic() > until_s:
                raise TimeoutError(f"day {watched.day}: the workers do not come to their ends")
            pipeline.supervisor.watch()
            reached = [float(row.fields["time_ms"]) for row in reader.latest("watermarks")]
            at_gate = len(reached) == pipeline.partitions and min(reached) >= watched.gate_ms
            done = at_gate and all(cluster.group(group).lag == 0 for group in groups)
            still_s = still_s + 0.25 if done else 0.0
            time.sleep(0.25)


def _alerts(pipeline: Pipeline) -> list[Alert]:
    """Return every alert that was raised."""
    found: list[Alert] = []
    with Feed(pipeline.connection, (pipeline.topics.alerts,), pipeline.partitions, from_start=True) as feed:
        quiet = 0
        while quiet < 5:
            received = feed.poll(0.5)
            quiet = 0 if received else quiet + 1
            found += [codec.decode_json(m.value, Alert) for m in received]
    return found


def _told(watched: Watched, alerts: Sequence[Alert], *, looped: bool) -> Told:
    story, steps, models = watched.story, watched.steps, watched.models()
    mended = steps.get("promoted", story.days)
    parts = {"before": (story.history, story.drift), "drifted": (story.drift + 1, mended)}
    if mended < story.days:
        parts["mended"] = (mended, story.days)
    judged = {name: judge(watched, alerts, *part) for name, part in parts.items()}
    lines = models.resources.audit.read(at_most=1000)[::-1]
    champion = models.champion()
    with closing(models.resources.open_reader()) as reader:
        drifts = [r for r in reader.latest("drift") if r.tags.get("detector") == "adwin"]
    if drifts:
        steps["tenth signal"] = (
            sorted(r.time_ms for r in drifts)[min(9, len(drifts) - 1)] // DAY_MS - START_DAY
        )
    return Told(
        looped=looped,
        drift=story.drift,
        days=story.days,
        steps=steps,
        recall={name: one.alerted / one.shutdowns for name, one in judged.items() if one.shutdowns},
        shutdowns={name: one.shutdowns for name, one in judged.items()},
        false_alarms={name: one.false_alarms_per_asset_year for name, one in judged.items()},
        by_days=[
            (
                day,
                judge(watched, alerts, day, day + 15).alerted,
                judge(watched, alerts, day, day + 15).shutdowns,
            )
            for day in range(story.history, story.days, 15)
        ],
        signals=len(drifts),
        record=[f"{line.action}: {line.result}: {line.detail}" for line in lines if line.who == SERVICE.name],
        champion=champion.version,
        why=champion.reason,
    )


def judge(watched: Watched, alerts: Sequence[Alert], from_day: int, until_day: int) -> EventReport:
    """Return what the cases of some days were worth."""
    story = watched.story
    events = [
        Event(story.ms(d) + 1, name, "shutdown") for name, days in shutdowns(story).items() for d in days
    ]
    return evaluate_cases(
        [Case(a.asset, a.opened_ms) for a in alerts if a.stage == "open"],
        EventLog(events),
        watched.fleet.alerting,
        start_ms=story.ms(from_day),
        end_ms=story.ms(until_day),
        assets=len(ASSETS),
    )


def check_mended(told: Told) -> None:
    """Hold what came of a run with the loop against what has to: every step, in order, and recall back."""
    steps = [told.steps[name] for name in ("triggered", "in the shadow", "promoted")]
    assert told.drift < told.steps["tenth signal"] <= steps[0] <= steps[1] < steps[2] < told.days - 15, (
        told.steps
    )
    assert told.recall["before"] > 0.9, told.recall
    assert told.recall["drifted"] < 0.1, told.recall
    assert told.recall["mended"] > 0.9, told.recall
    assert min(told.shutdowns.values()) > 20, told.shutdowns
    assert told.champion == "2", told.record
    assert told.why.startswith("retraining 1: drift: "), told.why


def settings_of(home: Path, **given: object) -> Settings:
    """Return settings of a home that has its fleet file."""
    return Settings(home=str(home), fleet=str(home / "fleet.json"), **given)  # type: ignore[arg-type]


def shorter(story: Story, **changes: int) -> Story:
    """Return another story."""
    return replace(story, **changes)
