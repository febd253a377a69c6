"""Dead letters as they come: the first of each reason is an alarm, and so is their number now and then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from streams.records import DeadLetter
from streams.stage import Incoming
from streams.wire.codec import DEAD_LETTER, decode_json

_EVERY_S = 60.0
_MOST_KINDS = 200


def kind_of(reason: str) -> str:
    """Return a reason without its names and numbers, so that letters of one kind count together.

    >>> kind_of("asset 'CH-0001' on partition 3: key 'CH-0001' belongs to 1")
    "asset '…' on partition #: key '…' belongs to #"
    """
    return re.sub(r"\d+", "#", re.sub(r"'[^']*'", "'…'", reason))


class LetterWatch:
    """Raises an alarm for the first letter of each kind, and once a minute for how many came since."""

    def __init__(self, alarm: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._alarm, self._clock = alarm, clock
        self._kinds: set[str] = set()
        self._since, self._count = clock(), 0

    def take(self, messages: Iterable[Incoming]) -> None:
        """See what came on the dead letters since the last call; call it often."""
        for message in messages:
            if message.content_type == DEAD_LETTER:
                self._see(decode_json(message.value, DeadLetter))
        if self._count and self._clock() - self._since >= _EVERY_S:
            self._alarm(f"{self._count} dead letters since the last count: see chillcast dead-letters list")
            self._since, self._count = self._clock(), 0

    def _see(self, letter: DeadLetter) -> None:
        if not self._count:
            self._since = self._clock()
        self._count += 1
        kind = kind_of(letter.reason)
        if kind not in self._kinds and len(self._kinds) < _MOST_KINDS:
            self._kinds.add(kind)
            self._alarm(f"dead letter of {letter.topic}/{letter.partition}: {letter.reason}")
