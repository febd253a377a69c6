"""Which features are computed of which message, as it is recorded before the message is seen."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

from models.errors import RecordError
from streams.alarms import alarm
from streams.records import Computed, FeatureMark
from streams.stage import Incoming
from streams.wire import codec

Together = tuple[Computed, ...]


class FeatureSchedule:
    """The marks of one partition, in the order of their offsets.

    >>> one, other = (Computed(version=v, sha256="", fingerprint=v) for v in "ab")
    >>> schedule = FeatureSchedule([FeatureMark(offset=0, features=(one,))])
    >>> schedule.add(FeatureMark(offset=7, features=(one, other)))
    >>> [len(schedule.at(offset)) for offset in (0, 6, 7)]
    [1, 1, 2]
    """

    def __init__(self, marks: Iterable[FeatureMark] = ()) -> None:
        self._marks: list[FeatureMark] = []
        for mark in marks:
            self.add(mark)

    def __bool__(self) -> bool:
        return bool(self._marks)

    def add(self, mark: FeatureMark) -> None:
        """Take in a mark; of two that begin at the same offset the later one counts."""
        at = bisect.bisect_left(self._marks, mark.offset, key=_offset)
        same = at < len(self._marks) and self._marks[at].offset == mark.offset
        self._marks[at : at + same] = [mark]

    def at(self, offset: int) -> Together:
        """Return what is computed of the message at an offset; what was recorded first always was."""
        number = bisect.bisect_right(self._marks, offset, key=_offset)
        return self._marks[max(number - 1, 0)].features if self._marks else ()

    def until(self, offset: int) -> Iterator[Computed]:
        """Yield all that was ever computed, up to the message at an offset, the oldest first."""
        for mark in self._marks:
            if mark.offset <= offset:
                yield from mark.features

    @property
    def all(self) -> list[Computed]:
        """All that was ever computed."""
        return [one for mark in self._marks for one in mark.features]


def recorded_marks(received: Iterable[Incoming]) -> Iterator[FeatureMark]:
    """Yield the marks among messages; what should be one and cannot be read is an alarm."""
    for message in received:
        if message.content_type == codec.FEATURE_MARK:
            try:
                yield codec.decode_json(message.value, FeatureMark)
            except RecordError as error:
                alarm(f"{message.topic}/{message.partition} offset {message.offset}: {error}")


def _offset(mark: FeatureMark) -> int:
    return mark.offset
