"""How many messages could not be used, by reason: said as they become more, not for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.event_time import DAY_MS
from streams.records import DeadLetter, Drift
from streams.wire.letter_reasons import word_of

_EXAMPLE = 200
Tally = tuple[str, int, int]


class Refused:
    """Counts dead letters by word and day of the watermark; the 1st, 10th, 100th … of a day is a signal.

    Of the watermark, since what is counted must depend on the order of messages alone: it is remembered, and
    a worker that sees messages again says the same.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def restore(self, tallies: Iterable[Tally]) -> None:
        """Go on from what was remembered."""
        self._counts = {word: (day, count) for word, day, count in tallies}

    def tallies(self) -> list[Tally]:
        """Return word, day since 1970 and count of what came in the newest day of each word."""
        return [(word, day, count) for word, (day, count) in sorted(self._counts.items())]

    def see(self, letter: DeadLetter, arrived_ms: int, watermark_ms: int) -> Iterator[Drift]:
        """Count a letter; yield a signal, as of the message's arrival, if one is due."""
        word, day = word_of(letter.reason), watermark_ms // DAY_MS
        last, count = self._counts.get(word, (day, 0))
        count = 1 if day > last else count + 1
        self._counts[word] = day, count
        if str(count).strip("0") == "1":
            many = "a message" if count == 1 else f"{count} messages in this day"
            text = f"{many} of telemetry could not be used, at last: {letter.reason[:_EXAMPLE]}"
            time_ms, value = arrived_ms or watermark_ms, float(count)
            yield Drift(detector="dead-letters", time_ms=time_ms, value=value, text=text, reason=word)
