"""SCRAM and TLS against a real Apache Kafka with a certificate of our own authority."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import ChillcastError
from streams.kafka.connection import Connection, Security
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, wait_for_broker
from streams.stage import Outgoing
from streams.worker.commit import grants_transactions
from streams.worker.worker import WorkerOptions, create_app
from tests.support.kafkad import PASSWORD, USER, KafkaServer, NotHereError

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    folder = tmp_path_factory.mktemp("secured")
    try:
        server = KafkaServer(folder, "SASL_SSL")
    except NotHereError as error:
        pytest.skip(f"no Apache Kafka: {error}")
    with server:
        given = Security("SASL_SSL", username=USER, password=PASSWORD, ca_file=str(folder / "ca.pem"))
        yield Connection(server.bootstrap, given)


def changed(connection: Connection, **fields: str) -> Connection:
    return dataclasses.replace(connection, security=dataclasses.replace(connection.security, **fields))


def test_every_client_is_let_in_with_password_and_authority(secured: Connection) -> None:
    topics = Topics("let-in-")
    wait_for_broker(secured, pytest.fail, 10.0)
    create_topics(secured, topics, 1)
    with Publisher(secured) as publisher:
        publisher.send(0, Outgoing(topics.telemetry, b"a", b"x", "text/plain"))
    with Feed(secured, [topics.telemetry], 1, from_start=True) as feed:
        assert [m.value for m in feed.poll(10.0)] == [b"x"]
    assert grants_transactions(secured)
    assert asyncio.run(end_of(secured, topics.telemetry)) == 1


async def end_of(connection: Connection, topic: str) -> int:
    log = KafkaLog(connection, topic)
    try:
        return await log.end(0)
    finally:
        await log.stop()


def test_faust_is_given_the_same_identity(secured: Connection) -> None:
    app = create_app(WorkerOptions(secured, "group", ("telemetry",)))
    credentials: Any = app.conf.broker_credentials
    assert (credentials.username, credentials.mechanism.value) == (USER, "SCRAM-SHA-512")
    assert credentials.protocol.value == "SASL_SSL"


def test_a_wrong_password_is_refused_by_name(secured: Connection) -> None:
    with pytest.raises(ChillcastError, match=r"(?i)authentication"):
        wait_for_broker(changed(secured, password="wrong"), pytest.fail, 0.0)


def test_a_certificate_of_an_unknown_authority_is_refused_by_name(secured: Connection) -> None:
    with pytest.raises(ChillcastError, match=r"(?i)certificate"):
        wait_for_broker(changed(secured, ca_file=""), pytest.fail, 0.0)


def test_tls_alone_works(tmp_path: Path) -> None:
    try:
        server = KafkaServer(tmp_path / "tls", "SSL")
    except NotHereError as error:
        pytest.skip(f"no Apache Kafka: {error}")
    with server:
        connection = Connection(server.bootstrap, Security("SSL", ca_file=str(tmp_path / "tls" / "ca.pem")))
        wait_for_broker(connection, pytest.fail, 10.0)
        assert grants_transactions(connection)


def test_the_password_stands_in_no_text_of_a_connection(secured: Connection) -> None:
    assert PASSWORD not in f"{secured} {secured!r}"
