"""Dead letters: what nobody could use, by reason, and sent again once its reason is mended."""

from __future__ import annotations

import asyncio
import base64
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from streams.kafka.damage import DAMAGED
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import DeadLetter, Redriven
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.codec import DEAD_LETTER, MAX_PAYLOAD_BYTES, REDRIVEN, decode_json
from streams.wire.letter_reasons import kind_of, word_of

T = TypeVar("T")
_NUMBER = re.compile(r"[0-9]{1,18}")
_FETCH_BYTES = 1024 * 1024
_EXAMPLE = 120
_TOGETHER = 1000  # letters that one record says are sent again


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and where it stands on its own topic."""

    partition: int
    offset: int
    content: DeadLetter

    @property
    def payload(self) -> bytes:
        """The bytes of the message that could not be used, as far as they were kept."""
        return base64.b64decode(self.content.payload)

    @property
    def is_whole(self) -> bool:
        """Whether all bytes of a message were kept, so that it can be sent again; a damaged batch is none."""
        return self.content.content_type != DAMAGED and 0 < len(self.payload) < MAX_PAYLOAD_BYTES


def read_letters(settings: Settings, reason: str = "") -> list[Letter]:
    """Return the dead letters whose reason holds ``reason``, in their order, but for those sent again."""

    async def read(log: KafkaLog) -> list[Letter]:
        return [one async for one in _waiting(log, settings.partitions) if reason in one.content.reason]

    return _read(settings, read)


def read_letter(settings: Settings, place: str) -> Letter | None:
    """Return the dead letter at PARTITION/OFFSET of their topic, None if there is none."""
    partition, _, offset = place.partition("/")
    if not (_NUMBER.fullmatch(partition) and _NUMBER.fullmatch(offset)):
        return None
    if int(partition) >= settings.partitions:
        return None
    return _read(settings, functools.partial(_letter, partition=int(partition), offset=int(offset)))


def by_reason(settings: Settings) -> list[dict[str, Any]]:
    """Return one row per kind of reason, the most frequent first, with its newest letter as example."""

    async def count(log: KafkaLog) -> list[dict[str, Any]]:
        kinds: dict[str, dict[str, Any]] = {}
        async for letter in _waiting(log, settings.partitions):
            kind = kind_of(letter.content.reason)
            kinds[kind] = _row(letter, kinds[kind]["letters"] + 1 if kind in kinds else 1)
        return sorted(kinds.values(), key=lambda row: -row["letters"])

    return _read(settings, count)


def _row(newest: Letter, letters: int) -> dict[str, Any]:
    content = newest.content
    return {
        "letters": letters,
        "why": word_of(content.reason),
        "topic": content.topic,
        "newest": f"{newest.partition}/{newest.offset}",
        "reason": content.reason[:_EXAMPLE],
    }


def look_into(letter: Letter) -> dict[str, Any]:
    """Return all that is known of a letter."""
    content = letter.content
    return {
        "reason": content.reason,
        "message": f"{content.topic}/{content.partition} offset {content.offset}",
        "key": content.key,
        "content_type": content.content_type,
        "bytes": len(letter.payload),
        "whole": letter.is_whole,
        "payload": letter.payload.decode("utf-8", "backslashreplace"),
    }


def redrive(settings: Settings, reason: str) -> dict[str, int]:
    """Send again, to where they came from, the messages whose reason holds ``reason``.

    A message that has several letters is sent once, be it that it came again and was refused again. Then the
    topic says so of its letters, and the next time they are not there. What was cut cannot be sent. A sample
    that was used already is a duplicate to the features stage, and changes nothing.
    """
    chosen = read_letters(settings, reason)
    whole = [one for one in chosen if one.is_whole]
    messages = {_message(one): one.content.partition for one in whole}
    with Publisher(settings.connection) as publisher:
        for message, partition in messages.items():
            publisher.send(partition, message)
    with Publisher(settings.connection) as publisher:  # only now is all of it there
        for partition, record in _marks(whole):
            publisher.send(partition, codec.redriven(Topics(settings.topic_prefix).dead_letters, record))
    places = [(one.content.topic, one.content.partition, one.content.offset) for one in chosen]
    cut = {place for place, one in zip(places, chosen, strict=True) if not one.is_whole}
    return {"sent": len(messages), "cut": len(cut)}


def waiting(found: Sequence[Incoming]) -> list[Letter]:
    """Return the letters among messages of their topic, but for those that were sent again."""
    again = _sent_again(found)
    return [one for one in map(_letter_of, found) if one and (one.partition, one.offset) not in again]


def _sent_again(found: Iterable[Incoming]) -> set[tuple[int, int]]:
    """Return the places of the letters that messages of their topic say were sent again."""
    marks = [(m.partition, decode_json(m.value, Redriven)) for m in found if m.content_type == REDRIVEN]
    return {(partition, offset) for partition, mark in marks for offset in mark.offsets}


def _letter_of(message: Incoming) -> Letter | None:
    if message.content_type != DEAD_LETTER:
        return None
    return Letter(message.partition, message.offset, decode_json(message.value, DeadLetter))


def _message(letter: Letter) -> Outgoing:
    content = letter.content
    return Outgoing(content.topic, content.key.encode(), letter.payload, content.content_type)


def _marks(sent: Sequence[Letter]) -> Iterator[tuple[int, Redriven]]:
    """Yield, by partition of the dead letters, which of them were sent again."""
    for partition in sorted({one.partition for one in sent}):
        offsets = [one.offset for one in sent if one.partition == partition]
        for start in range(0, len(offsets), _TOGETHER):
            yield partition, Redriven(tuple(offsets[start : start + _TOGETHER]))


async def _waiting(log: KafkaLog, partitions: int) -> AsyncIterator[Letter]:
    """Yield the letters that were not sent again.

    Each partition is read twice: that a letter was sent again is said after it, and all of them at once
    would take as much memory as the topic takes of the disk.
    """
    for partition in range(partitions):
        span, again = (await log.begin(partition), await log.end(partition)), set[tuple[int, int]]()
        async for part in log.read(partition, *span):
            again |= _sent_again(part)
        async for part in log.read(partition, *span):
            for one in map(_letter_of, part):
                if one and (one.partition, one.offset) not in again:
                    yield one


async def _letter(log: KafkaLog, partition: int, offset: int) -> Letter | None:
    """Return the letter at a place, also if it was sent again."""
    begin, end = await log.begin(partition), await log.end(partition)
    if begin == end or offset < begin:
        return None
    start = min(offset, end - 1)  # the embedded broker names an end within its last batch
    async for part in log.read(partition, start, start + 1):
        for message in part:
            if message.offset == offset:
                return _letter_of(message)
    return None


def _read(settings: Settings, ask: Callable[[KafkaLog], Awaitable[T]]) -> T:
    """Return what is found on the topic of dead letters, once the broker answers."""
    wait_for_configured_broker(settings, lambda _: None)

    async def asked() -> T:
        topic = Topics(settings.topic_prefix).dead_letters
        log = KafkaLog(settings.connection, topic, fetch_bytes=_FETCH_BYTES)
        try:
            return await ask(log)
        finally:
            await log.stop()

    return asyncio.run(asked())
