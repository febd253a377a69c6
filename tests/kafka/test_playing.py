"""Simulated, recorded, replayed and steered as on the embedded broker, on a real Kafka."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.test_playing import check_same_bytes, check_steering

pytestmark = pytest.mark.kafka


@pytest.fixture
def prefix() -> str:
    """A prefix of topics that no run before has used, should the broker outlive the run."""
    return f"playing-{time.time_ns()}."


def test_simulated_recorded_and_replayed_the_messages_are_the_same_bytes(
    kafka: Connection, prefix: str, tmp_path: Path
) -> None:
    check_same_bytes(kafka.bootstrap, prefix, tmp_path)


def test_the_control_topic_steers_a_running_replay(kafka: Connection, prefix: str) -> None:
    check_steering(kafka.bootstrap, prefix)
