from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker, free_port
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.stage import Incoming, Outgoing
from streams.wire.validation import MAX_BYTES


def numbered(topic: str, count: int, size: int = 0) -> Iterator[Outgoing]:
    for i in range(count):
        yield Outgoing(topic, b"CH-0001", str(i).encode().ljust(size), "text/plain")


def written(bootstrap: str, topic: str, partition: int, count: int) -> list[Incoming]:
    """Read ``count`` messages of one partition."""
    found: list[Incoming] = []
    with Feed(Connection(bootstrap), (topic,), partition + 1, from_start=True) as feed:
        while len(found) < count:
            more = feed.poll(10.0)
            assert more, f"{len(found)} of {count} messages"
            found += [message for message in more if message.partition == partition]
    return found


def test_messages_arrive_in_order_on_their_partition_with_key_and_content_type(bootstrap: str) -> None:
    topics = Topics("order.")
    create_topics(Connection(bootstrap), topics, 3)
    with Publisher(Connection(bootstrap)) as publisher:
        for message in numbered(topics.telemetry, 2000):
            publisher.send(2, message)
    found = written(bootstrap, topics.telemetry, 2, 2000)
    assert (publisher.sent, publisher.failed) == (2000, 0)
    assert [m.value for m in found] == [str(i).encode() for i in range(2000)]
    assert {(m.key, m.content_type) for m in found} == {(b"CH-0001", "text/plain")}


def test_a_message_of_the_largest_size_arrives(bootstrap: str) -> None:
    topics = Topics("large.")
    create_topics(Connection(bootstrap), topics, 1)
    with Publisher(Connection(bootstrap)) as publisher:
        publisher.send(0, Outgoing(topics.telemetry, b"", bytes(MAX_BYTES), "text/plain"))
    (found,) = written(bootstrap, topics.telemetry, 0, 1)
    assert (found.key, len(found.value or b"")) == (None, MAX_BYTES)


def test_a_message_larger_than_that_is_refused_at_once(bootstrap: str) -> None:
    create_topics(Connection(bootstrap), Topics("larger."), 1)
    with (
        pytest.raises(UnavailableError, match="1 messages not written"),
        Publisher(Connection(bootstrap)) as publisher,
    ):
        publisher.send(0, Outgoing("larger.telemetry", b"", bytes(2 * MAX_BYTES), "text/plain"))


def test_more_than_may_be_under_way_waits_and_is_written_all_the_same(bootstrap: str) -> None:
    topics = Topics("cap.")
    create_topics(Connection(bootstrap), topics, 1)
    with Publisher(Connection(bootstrap)) as publisher:
        for message in numbered(topics.telemetry, 30, size=1_000_000):
            publisher.send(0, message)
    assert publisher.sent == 30


def test_a_publisher_without_a_broker_says_which_one_is_missing() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=f"Kafka broker {address}: cannot be written to"):
        Publisher(Connection(address), give_up_s=0.5)


def test_a_broker_that_goes_away_is_noticed_and_the_unwritten_messages_counted(tmp_path: Path) -> None:
    topics = Topics()
    with EmbeddedBroker(tmp_path / "broker.log") as embedded:
        create_topics(Connection(embedded.bootstrap), topics, 1)
        publisher = Publisher(Connection(embedded.bootstrap), give_up_s=2.0)
        publisher.send(0, Outgoing(topics.telemetry, b"", b"before", "text/plain"))
        publisher.flush()
    with pytest.raises(UnavailableError, match="1 messages not written"), publisher:
        publisher.send(0, Outgoing(topics.telemetry, b"", b"after", "text/plain"))
    with pytest.raises(UnavailableError, match="1 messages not written"):
        publisher.send(0, Outgoing(topics.telemetry, b"", b"more", "text/plain"))
    assert (publisher.sent, publisher.failed) == (1, 1)
