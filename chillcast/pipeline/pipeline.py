"""Broker, topics and workers, put together from the settings."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chillcast.pipeline.home import at_work
from chillcast.pipeline.letter_watch import LetterWatch
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.fleet.config import table_json
from models.fleet.fleet import Fleet
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, create_topics, wait_for_broker
from streams.processes.supervisor import Supervisor

SCORING = ("features", "risk", "cases", "sink")
STAGES = (*SCORING, "landing")
RETRAIN = "retrain"
_GIVE_UP_S = 120.0
_EMBEDDED_SESSION_S = 2  # the embedded broker waits half of it at the first join of a group


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Running workers: where their broker is and what their topics are called."""

    connection: Connection
    topics: Topics
    partitions: int
    embedded: bool
    supervisor: Supervisor


@contextlib.contextmanager
def running(
    settings: Settings, fleet: Fleet, stages: Sequence[str], reporter: Reporter
) -> Iterator[Pipeline]:
    """Start a broker if none is configured, create the topics and run one worker per stage.

    The fleet, as it is here, is handed to the workers in a file under the home folder. Raises ConfigError
    if another command runs workers in it.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_work(settings.home_path, "streaming"))
        embedded = not settings.broker
        settings = with_broker(settings, stack, reporter)
        topics = Topics(settings.topic_prefix)
        create_topics(settings.connection, topics, settings.partitions)
        settings = settings.model_copy(update={"fleet": str(_hand_over(fleet, settings.home_path))})
        supervisor = Supervisor(
            {stage: worker_command(stage) for stage in stages},
            settings.home_path / "logs",
            environment=settings.environment(),
            alarm=reporter.alarm,
            clock=reporter.clock,
        )
        stack.enter_context(supervisor)
        yield Pipeline(settings.connection, topics, settings.partitions, embedded, supervisor)


def with_broker(settings: Settings, stack: contextlib.ExitStack, reporter: Reporter) -> Settings:
    """Return settings that name a broker which answers: the configured one, or an embedded one."""
    if settings.broker:
        wait_for_broker(settings.connection, reporter.alarm, _GIVE_UP_S)
        return settings
    broker = stack.enter_context(EmbeddedBroker(settings.home_path / "logs" / "broker.log"))
    wait_for_broker(Connection(broker.bootstrap), reporter.alarm, _GIVE_UP_S)
    return settings.model_copy(update={"broker": broker.bootstrap, "session_timeout_s": _EMBEDDED_SESSION_S})


def wait_for_configured_broker(
    settings: Settings, alarm: Callable[[str], None], give_up_s: float | None = _GIVE_UP_S
) -> None:
    """Return when the configured broker answers; raise ConfigError if none is configured."""
    if not settings.broker:
        raise settings.wrong("broker", "host:port of a Kafka broker")
    wait_for_broker(settings.connection, alarm, give_up_s)


def run_until_stopped(settings: Settings, fleet: Fleet, reporter: Reporter) -> None:
    """Run every stage until interrupted, then stop them in order: that is how it ends well."""
    more = {"delivery": settings.routes, "rekey": settings.rekey_topic, RETRAIN: settings.retraining}
    stages = (*STAGES, *(stage for stage, is_wanted in more.items() if is_wanted))
    with running(settings, fleet, stages, reporter) as pipeline:
        reporter.line(f"running {', '.join(stages)} on {pipeline.connection}; Ctrl-C stops")
        topics, watch = (pipeline.topics.dead_letters,), LetterWatch(reporter.alarm, reporter.clock)
        with Feed(pipeline.connection, topics, pipeline.partitions, from_start=False) as feed:

            def look() -> bool:
                watch.take(feed.poll(0.0))
                return False

            with contextlib.suppress(KeyboardInterrupt):
                pipeline.supervisor.run(look)


def worker_command(stage: str) -> list[str]:
    """Return the command that runs one stage, or what trains again, with the settings of the environment."""
    words = [RETRAIN] if stage == RETRAIN else ["worker", stage]
    return [sys.executable, "-m", "chillcast", *words]


def _hand_over(fleet: Fleet, home: Path) -> Path:
    path = home / "run" / "fleet.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table_json(fleet))
    return path
