"""Dead letters: what nobody could use, by reason, and sent again once its reason is mended."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chillcast.pipeline.letter_watch import kind_of
from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from models.errors import ConfigError
from streams.kafka.damage import DAMAGED
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import DeadLetter
from streams.stage import Outgoing
from streams.wire.codec import DEAD_LETTER, MAX_PAYLOAD_BYTES, decode_json

_EXAMPLE = 120


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
    """Return every dead letter that the topic still holds, in order of partition and offset."""
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

    A message that has several letters is sent once. What was cut cannot be sent. A sample that was used
    already is a duplicate to the features stage, and changes nothing.
    """
    chosen = {
        (one.content.topic, one.content.partition, one.content.offset): one
        for one in letters
        if reason in one.content.reason
    }
    whole = [one for one in chosen.values() if one.is_whole]
    with Publisher(settings.connection) as publisher:
        for one in whole:
            content = one.content
            message = Outgoing(content.topic, content.key.encode(), one.payload, content.content_type)
            publisher.send(content.partition, message)
    return {"sent": len(whole), "cut": len(chosen) - len(whole)}


async def _read(settings: Settings) -> list[Letter]:
    log = KafkaLog(settings.connection, Topics(settings.topic_prefix).dead_letters)
    try:
        found = [message for p in range(settings.partitions) for message in await log.all(p)]
    finally:
        await log.stop()
    return [
        Letter(m.partition, m.offset, decode_json(m.value, DeadLetter))
        for m in found
        if m.content_type == DEAD_LETTER
    ]
