"""The real Apache Kafka that the tests of this folder talk to; without one they are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
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


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """Each of both brokers."""
    if request.param == "embedded":
        with EmbeddedBroker(tmp_path / "broker.log") as embedded:
            yield Connection(embedded.bootstrap)
    else:
        yield request.getfixturevalue("kafka")
