"""What was decided of a partition, from which message on, as it stands on record."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from models.errors import RecordError
from streams.alarms import alarm
from streams.stage import Incoming
from streams.wire import codec


class Decision(Protocol):
    """Holds for the messages from ``offset`` on."""

    @property
    def offset(self) -> int:
        """The first message."""


T = TypeVar("T")
D = TypeVar("D", bound=Decision)


def recorded_as(received: Iterable[Incoming], content_type: str, kind: type[T]) -> Iterator[T]:
    """Yield the decisions of a kind among messages; what should be one and cannot be read is an alarm."""
    for message in received:
        if message.content_type == content_type:
            try:
                yield codec.decode_json(message.value, kind)
            except RecordError as error:
                alarm(f"{message.topic}/{message.partition} offset {message.offset}: {error}")


def keep(known: list[D], new: D) -> None:
    """Take one in among those known, in order of offset; of two of the same offset the later one counts."""
    at = bisect.bisect_left(known, new.offset, key=_offset)
    same = at < len(known) and known[at].offset == new.offset
    known[at : at + same] = [new]


def number_until(known: Sequence[D], offset: int) -> int:
    """Return how many of those known, in order of offset, begin at an offset or before."""
    return bisect.bisect_right(known, offset, key=_offset)


def _offset(one: Decision) -> int:
    return one.offset
