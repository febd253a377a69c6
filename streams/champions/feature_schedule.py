"""Which features are computed of which message, as it is recorded before the message is seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from streams.champions.decisions import keep, number_until, recorded_as
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
        keep(self._marks, mark)

    def at(self, offset: int) -> Together:
        """Return what is computed of the message at an offset; what was recorded first always was."""
        number = number_until(self._marks, offset)
        return self._marks[max(number - 1, 0)].features if self._marks else ()

    def cut(self, messages: Sequence[Incoming]) -> Iterator[Sequence[Incoming]]:
        """Cut messages, in order of offset, where a mark begins."""
        if messages and self._number(messages[0]) == self._number(messages[-1]):
            yield messages
            return
        for _, run in itertools.groupby(messages, self._number):
            yield list(run)

    def until(self, offset: int) -> Iterator[Computed]:
        """Yield all that was ever computed, up to the message at an offset, the oldest first."""
        for mark in self._marks:
            if mark.offset <= offset:
                yield from mark.features

    @property
    def all(self) -> list[Computed]:
        """All that was ever computed."""
        return [one for mark in self._marks for one in mark.features]

    def _number(self, message: Incoming) -> int:
        return number_until(self._marks, message.offset)


def recorded_marks(received: Iterable[Incoming]) -> Iterator[FeatureMark]:
    """Yield the marks among messages; what should be one and cannot be read is an alarm."""
    return recorded_as(received, codec.FEATURE_MARK, FeatureMark)
