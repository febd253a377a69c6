"""Dead letters as they come: the first of each reason is an alarm, and so is their number now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from streams.records import DeadLetter
from streams.stage import Incoming
from streams.wire.codec import DEAD_LETTER, decode_json
from streams.wire.letter_reasons import kind_of, word_of

_EVERY_S = 60.0
_MOST_KINDS = 200


class LetterWatch:
    """Raises an alarm for the first letter of each kind, and once a minute for how many came since."""

    def __init__(self, alarm: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._alarm, self._clock = alarm, clock
        self._kinds: set[str] = set()
        self._since, self._counts = clock(), Counter[str]()

    def take(self, messages: Iterable[Incoming]) -> None:
        """See what came on the dead letters since the last call; call it often."""
        for message in messages:
            if message.content_type == DEAD_LETTER:
                self._see(decode_json(message.value, DeadLetter))
        if self._counts and self._clock() - self._since >= _EVERY_S:
            by_word = ", ".join(f"{word} {n}" for word, n in self._counts.most_common())
            many = f"{self._counts.total()} dead letters in {self._clock() - self._since:.0f} s"
            self._alarm(f"{many} ({by_word}): see chillcast dead-letters list")
            self._since, self._counts = self._clock(), Counter()

    def _see(self, letter: DeadLetter) -> None:
        if not self._counts:
            self._since = self._clock()
        self._counts[word_of(letter.reason)] += 1
        kind = kind_of(letter.reason)
        if kind not in self._kinds and len(self._kinds) < _MOST_KINDS:
            self._kinds.add(kind)
            self._alarm(f"dead letter of {letter.topic}/{letter.partition}: {letter.reason}")
