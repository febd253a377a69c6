"""Publishing a simulated fleet to a running Kafka."""

from __future__ import annotations

from chillcast.demo import Plan
from chillcast.pipeline import wait_for_configured_broker
from chillcast.reporter import Reporter
from chillcast.settings import Settings
from models.fleet import Fleet
from simulators.replay import replay
from simulators.scenario import Scenario
from simulators.simulation import simulate
from streams.publisher import Publisher
from streams.topics import Topics, create_topics


def publish_scenario(settings: Settings, fleet: Fleet, scenario: Scenario, reporter: Reporter) -> None:
    """Send a scenario's telemetry and events to the configured broker."""
    wait_for_configured_broker(settings, reporter.alarm)
    topics, plan = Topics(settings.topic_prefix), Plan.of(scenario, 1)
    create_topics(settings.connection, topics, settings.partitions)
    with reporter.step(f"publishing {scenario.name}") as advance, Publisher(settings.connection) as publisher:
        replay(
            simulate(scenario, fleet),
            fleet,
            partitions=settings.partitions,
            telemetry=topics.telemetry,
            send=publisher.send,
            pace=lambda end_ms: advance((end_ms - plan.start_ms) / (plan.end_ms - plan.start_ms), ""),
        )
    reporter.line(f"{publisher.sent} messages sent to {settings.broker}")
