"""What the doctor asks a real Apache Kafka: what it grants, how long it keeps, what is behind."""

from __future__ import annotations

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from chillcast.doctor.broker_checks import broker_findings
from chillcast.doctor.findings import Finding
from chillcast.settings import Settings
from models.fleet.fleet import load_fleet
from streams.kafka.connection import Connection
from streams.kafka.topics import Topics, create_topics

pytestmark = pytest.mark.kafka


def findings(connection: Connection, prefix: str, partitions: int = 2) -> dict[str, Finding]:
    settings = Settings(broker=str(connection), topic_prefix=prefix, partitions=partitions)
    return {f.what: f for f in broker_findings(settings, load_fleet(settings.fleet_path))}


def configure(connection: Connection, topic: str, **configs: str) -> None:
    admin = KafkaAdminClient(**connection.kafka_python())
    admin.alter_configs(
        [ConfigResource("topic", topic, configs={k.replace("_", "."): v for k, v in configs.items()})]
    )
    admin.close()


def test_a_broker_with_all_topics_is_well(kafka: Connection) -> None:
    create_topics(kafka, Topics("well-"), 2)
    found = findings(kafka, "well-")
    for what in ("broker", "topics", "state"):
        assert found[what].status == "ok", found[what]
    assert found["transactions"].detail == "no worker runs that says how it commits"
    assert found["lag features"].status == "warn"
    assert "has processed nothing" in found["lag features"].detail


def test_topics_that_are_missing_or_of_other_partitions_are_named(kafka: Connection) -> None:
    assert "missing: " in findings(kafka, "nowhere-")["topics"].detail
    create_topics(kafka, Topics("three-"), 3)
    found = findings(kafka, "three-", partitions=2)["topics"]
    assert found.status == "FAIL"
    assert "three-telemetry has 3" in found.detail


def test_a_retention_below_the_longest_window_is_a_warning_that_says_what_to_set(kafka: Connection) -> None:
    """The longest of all: chillers have windows of four weeks beside those of a week."""
    create_topics(kafka, Topics("short-"), 2)
    configure(kafka, "short-telemetry", retention_ms=str(8 * 86_400_000))
    found = findings(kafka, "short-")["retention"]
    assert found.status == "warn"
    assert f"set retention.ms of short-telemetry above {(28 * 86_400 + 7200) * 1000}" in found.remedy


def test_a_state_topic_that_is_not_compacted_fails(kafka: Connection) -> None:
    create_topics(kafka, Topics("cut-"), 2)
    configure(kafka, "cut-state-risk", cleanup_policy="delete")
    found = findings(kafka, "cut-")["state"]
    assert found.status == "FAIL"
    assert "cut-state-risk (delete)" in found.detail
