"""How many messages could not be used, by reason: said as they become more, not for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.records import DeadLetter, Drift
from streams.wire.letter_reasons import word_of

_HOUR_MS = 3_600_000
_EXAMPLE = 200
Tally = tuple[str, int, int]


class Refused:
    """Counts dead letters by word and hour of arrival; the 1st, 10th, 100th … of an hour is a signal.

    It depends on the messages alone, and is remembered: a worker that sees messages again says the same.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def restore(self, tallies: Iterable[Tally]) -> None:
        """Go on from what was remembered."""
        self._counts = {word: (hour, count) for word, hour, count in tallies}

    def tallies(self) -> list[Tally]:
        """Return word, hour since 1970 and count of what came in the newest hour of each word."""
        return [(word, hour, count) for word, (hour, count) in sorted(self._counts.items())]

    def see(self, letter: DeadLetter, arrived_ms: int) -> Iterator[Drift]:
        """Count a letter; yield a signal if one is due."""
        word, hour = word_of(letter.reason), arrived_ms // _HOUR_MS
        last, count = self._counts.get(word, (hour, 0))
        hour, count = (hour, 1) if hour > last else (last, count + 1)
        self._counts[word] = hour, count
        if str(count).strip("0") == "1":
            many = "a message" if count == 1 else f"{count} messages in this hour"
            text = f"{many} of {letter.topic} could not be used, at last: {letter.reason[:_EXAMPLE]}"
            yield Drift(
                detector="dead-letters", time_ms=arrived_ms, value=float(count), text=text, reason=word
            )
