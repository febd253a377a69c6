"""What a stage of the pipeline is: messages of one partition in, messages for other topics out."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it was read: where it stood, its raw bytes and its headers.

    ``damage`` says why a batch could not be decoded for which the message stands; empty otherwise.
    ``arrived_ms`` is the log's own time of it, 0 if the log has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    content_type: str
    damage: str = ""
    arrived_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be written to ``partition``; None: that which its input came from."""

    topic: str
    key: bytes
    value: bytes
    content_type: str
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class StageCounts:
    """What a stage has seen since it was last asked, in samples and their values; and its watermark.

    ``scored`` counts windows by the level of the model set that scored them, ``unsaid`` those of which no
    risk was said.
    """

    readings: int = 0
    late: int = 0
    too_late: int = 0
    duplicates: int = 0
    watermark_ms: int = 0
    scored: Mapping[str, int] = field(default_factory=dict)
    unsaid: int = 0


class Stage(Protocol):
    """Processes the messages of one partition, in order.

    What a stage says, and what it remembers, is a function of the messages since the start of the partition
    alone, however they are cut into batches; only what is said together in one message may differ. What else
    a stage can do is said by the protocols below; the worker finds out.
    """

    def process(self, received: Sequence[Incoming]) -> Iterable[Outgoing]:
        """Return the outputs of consecutive messages; one that makes no sense becomes a dead letter."""


@runtime_checkable
class Deciding(Protocol):
    """A stage that decides, between two batches, what is to hold from then on."""

    def before_batch(self, offset: int, *, seen: bool) -> Sequence[Outgoing]:
        """Decide what is to hold from ``offset`` on.

        What is returned is durable before the message there is processed, and given to every successor of
        this stage when it is opened: whatever depends on it depends on the log alone. If a predecessor may
        have spoken of messages from there on (``seen``), what was decided before still holds.
        """


@runtime_checkable
class Flushing(Protocol):
    """A stage that keeps something outside the log."""

    async def flush(self) -> Iterable[Outgoing]:
        """Make it durable, before the messages so far are acknowledged."""


@runtime_checkable
class Remembering(Protocol):
    """A stage with a memory.

    After a crash another worker is given what was remembered at some offset, sees the messages since then
    again, and arrives at the same state.
    """

    identity: str
    """Names the form of the state; what another identity remembered is of no use."""

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        """Return, by key, what is remembered otherwise than at the last call, as it is now.

        What is dear is made as it is taken. Whatever is processed before that changes nothing in it.
        """

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember again what `delta` returned; raises StateError if it cannot be understood."""

    def restored(self) -> None:
        """Learn that all has been given back."""

    def self_contained(self) -> bool:
        """Return whether what was seen since the first message suffices, whatever came before it."""


@runtime_checkable
class Counting(Protocol):
    """A stage that counts what it sees."""

    def counts(self) -> StageCounts:
        """Return what was counted since the last call."""


_CAPABILITIES: tuple[type[Any], ...] = (Deciding, Flushing, Remembering, Counting)


def check_capabilities(stage: Stage) -> None:
    """Raise TypeError if a stage has a part of a capability only.

    A memory of which one method is missing, or misspelt, would be lost without a word.
    """
    for kind in _CAPABILITIES:
        wanted = {name for name in (*vars(kind), *kind.__annotations__) if not name.startswith("_")}
        missing = sorted(name for name in wanted if not hasattr(stage, name))
        if missing and len(missing) < len(wanted):
            name = type(stage).__name__
            raise TypeError(f"{name} is a part of {kind.__name__}: {', '.join(missing)} missing")


def content_type(headers: object) -> str:
    """Return the ``content-type`` of Kafka headers, a mapping or a list of pairs; empty if there is none.

    It is in small letters and without parameters: all JSON is UTF-8.

    >>> content_type([("Content-Type", b"Application/JSON; charset=utf-8")])
    'application/json'
    """
    return _kind(header(headers, "content-type"))


@functools.lru_cache(maxsize=256)
def _kind(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def header(headers: object, wanted: str) -> str:
    """Return one of Kafka's headers as text, its name in any case; empty if there is none."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:  # type: ignore[attr-defined]
        if name == wanted or name.lower() == wanted:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return ""
