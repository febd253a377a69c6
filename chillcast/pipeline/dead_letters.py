"""Dead letters: what nobody could use, by reason, and sent again once its reason is mended."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from models.errors import ConfigError
from streams.kafka.damage import DAMAGED
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import DeadLetter, Redriven
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.codec import DEAD_LETTER, MAX_PAYLOAD_BYTES, REDRIVEN, decode_json
from streams.wire.letter_reasons import kind_of, word_of

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


def read_letters(settings: Settings) -> list[Letter]:
    """Return every dead letter that the topic still holds and that was not sent again, in their order."""
    wait_for_configured_broker(settings, lambda _: None)
    return asyncio.run(_read(settings))


def by_reason(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """Return one row per kind of reason, the most frequent first, with its newest letter as example."""
    kinds: dict[str, list[Letter]] = {}
    for letter in letters:
        kinds.setdefault(kind_of(letter.content.reason), []).append(letter)
    return [
        {
            "letters": len(found),
            "why": word_of(found[-1].content.reason),
            "topic": found[-1].content.topic,
            "newest": f"{found[-1].partition}/{found[-1].offset}",
            "reason": found[-1].content.reason[:_EXAMPLE],
        }
        for found in sorted(kinds.values(), key=len, reverse=True)
    ]


def look_into(letters: Sequence[Letter], place: str) -> dict[str, Any]:
    """Return all that is known of the letter at PARTITION/OFFSET of the dead letters."""
    letter = next((one for one in letters if f"{one.partition}/{one.offset}" == place), None)
    if letter is None:
        raise ConfigError("command line", "place", place, "PARTITION/OFFSET, as dead-letters list names it")
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


def redrive(settings: Settings, letters: Sequence[Letter], reason: str) -> dict[str, int]:
    """Send again, to where they came from, the messages whose reason holds ``reason``.

    A message that has several letters is sent once, be it that it came again and was refused again. Then the
    topic says so of its letters, and the next time they are not there. What was cut cannot be sent. A sample
    that was used already is a duplicate to the features stage, and changes nothing.
    """
    chosen = [one for one in letters if reason in one.content.reason]
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


def waiting(found: Iterable[Incoming]) -> list[Letter]:
    """Return the letters among messages of their topic, but for those that were sent again."""
    letters, again = list[Letter](), set[tuple[int, int]]()
    for m in found:
        if m.content_type == DEAD_LETTER:
            letters.append(Letter(m.partition, m.offset, decode_json(m.value, DeadLetter)))
        elif m.content_type == REDRIVEN:
            again.update((m.partition, offset) for offset in decode_json(m.value, Redriven).offsets)
    return [one for one in letters if (one.partition, one.offset) not in again]


def _message(letter: Letter) -> Outgoing:
    content = letter.content
    return Outgoing(content.topic, content.key.encode(), letter.payload, content.content_type)


def _marks(sent: Sequence[Letter]) -> Iterator[tuple[int, Redriven]]:
    """Yield, by partition of the dead letters, which of them were sent again."""
    for partition in sorted({one.partition for one in sent}):
        offsets = [one.offset for one in sent if one.partition == partition]
        for start in range(0, len(offsets), _TOGETHER):
            yield partition, Redriven(tuple(offsets[start : start + _TOGETHER]))


async def _read(settings: Settings) -> list[Letter]:
    log = KafkaLog(settings.connection, Topics(settings.topic_prefix).dead_letters)
    try:
        found = [message for p in range(settings.partitions) for message in await log.all(p)]
    finally:
        await log.stop()
    return waiting(found)
