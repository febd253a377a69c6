"""SCRAM and TLS against a real Apache Kafka with a certificate of our own authority."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from pydantic import SecretStr

from chillcast.doctor.broker_checks import broker_findings
from chillcast.settings import Settings
from models.errors import ChillcastError
from models.fleet.config import table_json
from streams.kafka.connection import Connection, Security
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, admin_client, create_topics, wait_for_broker
from streams.processes.supervisor import Supervisor
from streams.stage import Outgoing
from streams.worker.grant import grants_transactions
from streams.worker.lane import WorkerOptions
from streams.worker.worker import create_app
from tests.kafka.toy import fleet
from tests.support.kafkad import PASSWORD, ROOT, USER, WORKER, KafkaServer, NotHereError

pytestmark = pytest.mark.kafka
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


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
    assert grants_transactions(secured, topics.prefix)
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
        assert grants_transactions(connection, "tls")


def test_the_password_stands_in_no_text_of_a_connection(secured: Connection) -> None:
    assert PASSWORD not in f"{secured} {secured!r}"


def rights(principal: str, prefix: str, *, without: str = "") -> list[ACL]:
    """Return what docs/security.md says to grant, for one prefix."""
    out = []
    for kind, words in re.findall(
        r"^grant --(topic|group|transactional-id) PREFIX (.*)$", PAGE, re.MULTILINE
    ):
        if kind != without:
            resource = ResourcePattern(
                ResourceType[kind.upper().replace("-", "_")], prefix, ACLResourcePatternType.PREFIXED
            )
            for name in re.findall(r"--operation (\w+)", words):
                operation = ACLOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()]
                out.append(ACL(f"User:{principal}", "*", operation, ACLPermissionType.ALLOW, resource))
    assert out
    return out


def granted(secured: Connection, prefix: str, home: Path, *, without: str = "") -> Settings:
    """Grant a worker of its own what the page lists, and return its settings."""
    (home / "fleet.json").write_bytes(table_json(fleet()))
    with admin_client(secured) as admin:
        admin.create_acls(rights(WORKER, prefix, without=without))
    return Settings(
        broker=str(secured),
        broker_security="sasl-tls",
        broker_username=WORKER,
        broker_password=SecretStr(PASSWORD),
        broker_ca_file=secured.security.ca_file,
        topic_prefix=prefix,
        partitions=1,
        state_interval_s=1,
        home=str(home),
        fleet=str(home / "fleet.json"),
    )


def test_the_rights_that_the_page_lists_suffice_for_workers_and_the_doctor(
    secured: Connection, tmp_path: Path
) -> None:
    settings = granted(secured, "acl-", tmp_path)
    mine, topics = settings.connection, Topics("acl-")
    wait_for_broker(mine, pytest.fail, 10.0)
    create_topics(mine, topics, 1)
    alarms: list[str] = []
    commands = {stage: [sys.executable, "-m", "chillcast", "worker", stage] for stage in ("features", "sink")}
    environment = {**os.environ, **settings.environment()}
    with Supervisor(commands, tmp_path / "logs", environment=environment, alarm=alarms.append) as workers:
        with Publisher(mine) as publisher:
            publisher.send(0, Outgoing(topics.telemetry, b"x", b"no sample", ""))
        deadline = time.monotonic() + 90
        with Feed(mine, [topics.dead_letters], 1, from_start=True) as feed:
            while not feed.poll(0.5):
                workers.watch()
                assert time.monotonic() < deadline, alarms
        found = {f.what: f for f in broker_findings(settings, None)}
        while "sink (1)" not in found["transactions"].detail and time.monotonic() < deadline:
            time.sleep(0.5)
            found = {f.what: f for f in broker_findings(settings, None)}
    assert not alarms
    assert (found["transactions"].status, found["transactions"].detail) == (
        "ok",
        "exactly once: features (1), sink (1)",
    )
    assert found["lag features"].detail == "group acl-chillcast-features is 0 messages behind"
    assert "FAIL" not in {f.status for f in found.values()}


def test_a_worker_that_may_not_use_transactional_ids_is_refused_with_what_to_grant(
    secured: Connection, tmp_path: Path
) -> None:
    settings = granted(secured, "bare-", tmp_path, without="transactional-id")
    create_topics(settings.connection, Topics("bare-"), 1)
    command = [sys.executable, "-m", "chillcast", "worker", "features"]
    environment = {**os.environ, **settings.environment()}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert (
        "forbids: transactional id = 'bare-chillcast-features-probe': expected WRITE and DESCRIBE"
        in ended.stderr
    )
