from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer

from models.errors import ConfigError, UnavailableError
from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import free_port
from streams.kafka.topics import NAMES, STATES, Topics, create_topics, partition_of, wait_for_broker


def test_every_topic_carries_the_prefix() -> None:
    topics = Topics("site-a.")
    named = (
        topics.telemetry,
        topics.events,
        topics.features,
        topics.scores,
        topics.alerts,
        topics.drift,
        topics.dead_letters,
        topics.promotions,
        topics.shadow,
        topics.control,
        topics.case_commands,
        topics.cases,
        topics.case_replies,
        topics.outcomes,
        topics.notices,
        topics.deliveries,
        topics.record,
        topics.state("features"),
        topics.state("risk"),
        topics.state("cases"),
        topics.state("delivery"),
    )
    assert named == topics.all == tuple("site-a." + name for name in (*NAMES, *STATES))
    assert set(topics.compacted) == {
        topics.promotions,
        topics.cases,
        topics.outcomes,
        topics.record,
        *named[-4:],
    }


@pytest.mark.parametrize(
    ("asset", "hash_"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_the_partition_is_that_of_the_java_client(asset: str, hash_: int) -> None:
    """The hashes are those of Apache Kafka's own tests (UtilsTest.testMurmur2)."""
    assert partition_of(asset, 6) == (hash_ & 0x7FFFFFFF) % 6


@given(st.text(min_size=1), st.integers(1, 1024))
def test_every_asset_has_a_partition(asset: str, partitions: int) -> None:
    assert 0 <= partition_of(asset, partitions) < partitions


def test_a_plain_client_that_keys_by_asset_meets_the_same_partition(bootstrap: str) -> None:
    topics = Topics("keyed.")
    create_topics(Connection(bootstrap), topics, 6)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        for asset in ("CH-0001", "CH-0002", "CH-0003", "CH-4000", "Kühler 7"):
            record = producer.send(topics.telemetry, b"{}", asset.encode()).get(10)
            assert record.partition == partition_of(asset, 6)
    finally:
        producer.close()


def test_creating_the_topics_twice_changes_nothing(bootstrap: str) -> None:
    create_topics(Connection(bootstrap), Topics("twice."), 3)
    create_topics(Connection(bootstrap), Topics("twice."), 3)


def test_a_topic_with_another_number_of_partitions_is_refused_by_name(bootstrap: str) -> None:
    create_topics(Connection(bootstrap), Topics("count."), 3)
    with pytest.raises(ConfigError, match=r"CHILLCAST_PARTITIONS = 4: expected 3 as topic count\."):
        create_topics(Connection(bootstrap), Topics("count."), 4)


def test_topics_cannot_be_created_where_no_broker_answers() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=f"Kafka broker {address}: topics not created"):
        create_topics(Connection(address), Topics(), 1, answer_s=0.2)


def test_a_broker_that_answers_is_not_waited_for(bootstrap: str) -> None:
    alarms: list[str] = []
    wait_for_broker(Connection(bootstrap), alarms.append)
    assert alarms == []


def test_waiting_for_a_broker_names_it_and_ends_in_an_error() -> None:
    address = f"127.0.0.1:{free_port()}"
    alarms: list[str] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(UnavailableError, match=f"{address} does not answer .*gave up after 2 s"):
        wait_for_broker(
            Connection(address), alarms.append, 2.0, clock=lambda: now[0], sleep=sleep, answer_s=0.2
        )
    assert len(alarms) == 1
    assert f"Kafka broker {address} does not answer" in alarms[0]


class Slow:
    """A broker of a cluster that hears of a new topic's partitions from the others only later."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def describe_topics(self, names: list[str]) -> list[dict[str, object]]:
        count = self.counts.pop(0)
        return [{"name": name, "partitions": [{}] * count} for name in names]


def test_a_broker_that_does_not_know_the_partitions_yet_is_asked_again() -> None:
    pauses: list[float] = []
    (found,) = topics._described(Slow(0, 0, 3), ["t"], pauses.append)
    assert len(found["partitions"]) == 3
    assert len(pauses) == 2
