"""The real Apache Kafka that the tests of this folder talk to; without one they are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.support.kafkad import KafkaServer, NotHereError


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """One server for the whole run, which may be stopped and started again."""
    try:
        server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    except NotHereError as error:
        pytest.skip(f"no Apache Kafka: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Connection:
    """The broker named by CHILLCAST_TEST_KAFKA, or one that is started here."""
    address = os.environ.get("CHILLCAST_TEST_KAFKA")
    return Connection(address or request.getfixturevalue("kafka_server").bootstrap)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a test's workers write."""
    return tmp_path / "home"
