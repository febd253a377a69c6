"""The whole features stage on a real Apache Kafka, disturbed: every window is the undisturbed run's, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.kafka.faults import FAULTS, KAFKA_ONLY, inject
from tests.support.kafkad import KafkaServer

pytestmark = pytest.mark.kafka
ELSEWHERE = (
    "SIGTERM mid-batch",
    "poison flood",
)  # the end-to-end tests have their like; `make faults` runs all


@pytest.fixture(autouse=True)
def short_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILLCAST_TEST_OUTAGE_S", "10")


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in (*KAFKA_ONLY, *ELSEWHERE)])
def test_a_fault_loses_doubles_and_changes_nothing(fault: str, kafka: Connection, home: Path) -> None:
    assert inject(fault, kafka, home, None, exactly_once=True).is_right


@pytest.mark.parametrize("fault", KAFKA_ONLY)
def test_a_broker_or_a_state_that_goes_away_loses_nothing(
    fault: str, kafka_server: KafkaServer, home: Path
) -> None:
    outcome = inject(fault, Connection(kafka_server.bootstrap), home, kafka_server, exactly_once=True)
    assert outcome.is_right
