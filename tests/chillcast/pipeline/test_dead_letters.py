from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from chillcast.pipeline.dead_letters import Letter, by_reason, look_into, read_letter, read_letters, redrive
from chillcast.settings import Settings, read_settings
from streams.kafka.damage import DAMAGED
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.stage import Incoming
from streams.wire import codec
from streams.wire.codec import MAX_PAYLOAD_BYTES

TOPICS = Topics("t-")
T = TypeVar("T")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A broker with two letters of one reason, of one message, and one that was cut."""
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        found = read_settings(home=str(tmp_path), broker=broker.bootstrap, topic_prefix="t-", partitions=2)
        create_topics(found.connection, TOPICS, 2)
        with Publisher(found.connection) as publisher:
            for offset, value, reason in (
                (5, b"{}", "asset 'a': unknown"),
                (5, b"{}", "asset 'b': unknown"),
                (6, bytes(MAX_PAYLOAD_BYTES), "asset 'c': unknown"),
                (7, b"{", "not JSON"),
            ):
                content = codec.letter(
                    Incoming(TOPICS.telemetry, 1, offset, b"a", value, "text/plain"), reason
                )
                publisher.send(1, codec.dead_letter(TOPICS.dead_letters, content))
        yield found


def test_letters_are_counted_by_reason_looked_into_and_sent_again_once_each(settings: Settings) -> None:
    rows = by_reason(settings)
    assert [(row["letters"], row["topic"]) for row in rows] == [(3, "t-telemetry"), (1, "t-telemetry")]
    letter = read_letter(settings, rows[1]["newest"])
    assert letter is not None
    shown = look_into(letter)
    assert (shown["reason"], shown["payload"], shown["message"]) == (
        "not JSON",
        "{",
        "t-telemetry/1 offset 7",
    )
    assert redrive(settings, "unknown") == {"sent": 1, "cut": 1}
    (again,) = asyncio.run(sent(settings))
    assert (again.key, again.value, again.content_type) == (b"a", b"{}", "text/plain")


def test_a_letter_is_sent_again_once_and_so_is_what_was_refused_again(settings: Settings) -> None:
    redrive(settings, "unknown")
    left = read_letters(settings)  # what was cut, and what was not asked for
    assert [one.content.reason for one in left] == [
        "asset 'c': unknown",
        "not JSON",
    ]
    assert redrive(settings, "unknown") == {"sent": 0, "cut": 1}
    with Publisher(settings.connection) as publisher:
        for offset in (100, 101):  # the same message, which came again and was refused again
            refused = Incoming(TOPICS.telemetry, 1, offset, b"a", b"{}", "text/plain")
            content = codec.letter(refused, "asset 'a': unknown")
            publisher.send(1, codec.dead_letter(TOPICS.dead_letters, content))
    assert redrive(settings, "unknown") == {"sent": 1, "cut": 1}
    assert len(asyncio.run(sent(settings))) == 2


async def sent(settings: Settings) -> list[Incoming]:
    log = KafkaLog(settings.connection, TOPICS.telemetry)
    try:
        return await log.all(1)
    finally:
        await log.stop()


@pytest.mark.parametrize(("content_type", "is_whole"), [("", True), (DAMAGED, False)])
def test_a_batch_that_could_not_be_decoded_is_no_message_to_send_again(
    content_type: str, *, is_whole: bool
) -> None:
    content = codec.letter(Incoming("t-telemetry", 1, 5, b"a", b"{}", content_type), "why")
    assert Letter(1, 0, content).is_whole == is_whole


def test_letters_that_were_sent_again_are_not_counted(settings: Settings) -> None:
    redrive(settings, "unknown")
    rows = by_reason(settings)
    assert [(row["letters"], row["reason"]) for row in rows] == [(1, "asset 'c': unknown"), (1, "not JSON")]


@pytest.mark.parametrize("place", ["1/99", "0/0", "9/0", "1/-1", "1/", "/1", "x", "1/0/2", "1/" + "9" * 30])
def test_at_a_place_without_a_letter_there_is_none(settings: Settings, place: str) -> None:
    assert read_letter(settings, place) is None


def test_however_many_letters_there_are_a_look_at_them_holds_a_few_at_a_time(settings: Settings) -> None:
    with Publisher(settings.connection) as publisher:
        for offset in range(600):
            refused = Incoming(TOPICS.telemetry, 1, offset, b"a", bytes(MAX_PAYLOAD_BYTES), "text/plain")
            content = codec.letter(refused, f"asset '{offset}': unknown")
            publisher.send(0, codec.dead_letter(TOPICS.dead_letters, content))
    peak, rows = peak_of(lambda: by_reason(settings))
    assert rows[0]["letters"] == 603
    assert peak < 30_000_000  # of 53 MB that lie on the topic; a sender puts 4 MB into a batch
    peak, letter = peak_of(lambda: read_letter(settings, "0/500"))
    assert letter is not None
    assert letter.content.offset == 500
    assert peak < 30_000_000


def peak_of(look: Callable[[], T]) -> tuple[int, T]:
    """Return the bytes that Python held at most during a look, beside what it found."""
    tracemalloc.start()
    try:
        found = look()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()
