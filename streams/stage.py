"""What a stage of the pipeline is: messages of one partition in, messages for other topics out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it was read: where it stood, its raw bytes and its headers."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be written to the partition its input came from."""

    topic: str
    key: bytes
    value: bytes
    content_type: str


class Stage(Protocol):
    """Processes the messages of one partition, in order.

    What a stage returns, and what it remembers, is a function of the messages since the start of the
    partition alone: after a crash another worker reads them again and arrives at the same state.
    """

    remembers: bool
    """Whether the stage has a state, which is rebuilt from the log when a partition is opened."""

    def process(self, message: Incoming) -> Iterable[Outgoing]:
        """Return the outputs of one message; a message that makes no sense becomes a dead letter."""

    async def settle(self) -> Iterable[Outgoing]:
        """Make durable what lies outside the log, before the messages so far are acknowledged."""


def content_type(headers: object) -> str:
    """Return the ``content-type`` of Kafka headers, a mapping or a list of pairs; empty where there is none.

    >>> content_type([("content-type", b"application/json")])
    'application/json'
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:  # type: ignore[attr-defined]
        if name == "content-type":
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return ""
