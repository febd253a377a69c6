"""What comes out of the running pipeline, gathered while it runs."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.errors import ModelError
from models.telemetry.samples import Float64
from models.telemetry.window_keys import WindowKeys
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics
from streams.records import Alert, DeadLetter, Drift, Scores, Watermark
from streams.stage import Incoming
from streams.stores.store import Reader
from streams.wire import codec
from streams.wire.letter_reasons import kind_of

_AWAITED = 10


@dataclass(frozen=True, slots=True)
class GatheredScores(WindowKeys):
    """Risks (n, H) of windows, and the online-adapted risks (n,)."""

    risk: Float64
    adapted: Float64


@dataclass
class Gathered:
    """All that was read so far; ``last`` holds the newest scores of each partition.

    `on_dead_letter` is called for each new reason; `on_alert`, by `report_due`, for each case that opened or
    closed, in order of event time. A case of a machine that is far behind the others comes too late for that.
    """

    topics: Topics
    partitions: int
    on_alert: Callable[[Alert], None] = lambda _: None
    on_dead_letter: Callable[[str], None] = lambda _: None
    scores: list[Scores] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    windows: int = 0
    last: dict[int, Scores] = field(default_factory=dict)
    _reasons: set[str] = field(default_factory=set)
    _unreported: list[tuple[int, str, int, Alert]] = field(default_factory=list)
    _settled_ms: int = 0
    _watermark_ms: dict[int, int] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)

    @property
    def watermark_ms(self) -> int:
        """The event time up to which every partition has come; 0 before the first word of each."""
        return min(self._watermark_ms.values()) if len(self._watermark_ms) == self.partitions else 0

    @property
    def ended(self) -> bool:
        """Whether every partition has come to its end."""
        return len(self._ended) == self.partitions

    @property
    def newest(self) -> list[Alert]:
        """The alerts of the cases that opened last, some of each partition."""
        return [a for a in self.alerts if a.stage == "open"][-_AWAITED * self.partitions :]

    def take(self, message: Incoming) -> None:
        """Take in one message of any of the topics."""
        if message.topic == self.topics.alerts:
            self._alert(codec.decode_json(message.value, Alert))
        elif message.topic == self.topics.drift:
            self.drift.append(codec.decode_json(message.value, Drift))
        elif message.topic == self.topics.dead_letters:
            if message.content_type == codec.DEAD_LETTER:  # else a note that one was sent again
                self._dead_letter(codec.decode_json(message.value, DeadLetter))
        else:
            self._progress(message)

    def report_due(self, *, all_due: bool = False) -> None:
        """Tell the cases up to the watermark of all partitions, as it was when this was last called.

        Alerts and watermarks come on different topics: of what was read since, some may still be to come.
        """
        until_ms = math.inf if all_due else self._settled_ms
        while self._unreported and self._unreported[0][0] <= until_ms:
            self.on_alert(heapq.heappop(self._unreported)[-1])
        self._settled_ms = self.watermark_ms

    def columns(self) -> GatheredScores:
        """Return all scores; of a window that came more than once, the last revision stays."""
        if not self.scores:
            letters = f"{len(self.dead_letters)} dead letters" if self.dead_letters else "see the logs"
            raise ModelError(f"no score came out of the running workers: {letters}")
        names = sorted({name for s in self.scores for name in s.assets})
        index = {name: i for i, name in enumerate(names)}
        tables = [np.array([index[name] for name in s.assets], np.int32) for s in self.scores]
        asset = np.concatenate([t[s.asset] for t, s in zip(tables, self.scores, strict=True)])
        end_ms = np.concatenate([s.end_ms for s in self.scores])
        revision = np.concatenate([s.revision for s in self.scores])
        order = np.lexsort((revision, end_ms, asset))
        last = np.append((np.diff(asset[order]) != 0) | (np.diff(end_ms[order]) != 0), True)
        kept = order[last]
        risk = np.concatenate([s.risk for s in self.scores])
        adapted = np.concatenate([s.adapted for s in self.scores])
        return GatheredScores(names, asset[kept], end_ms[kept], risk[kept], adapted[kept])

    def _dead_letter(self, letter: DeadLetter) -> None:
        """Keep a dead letter, and say the first of each reason."""
        kind = kind_of(letter.reason)
        if kind not in self._reasons:
            self._reasons.add(kind)
            self.on_dead_letter(f"dead letter from {letter.topic}/{letter.partition}: {letter.reason}")
        self.dead_letters.append(letter)

    def _alert(self, alert: Alert) -> None:
        if alert.stage != "update":
            heapq.heappush(self._unreported, (alert.time_ms, alert.asset, len(self.alerts), alert))
            self.alerts.append(alert)

    def _progress(self, message: Incoming) -> None:
        """Take scores, or, from the features topic, only their number and the watermarks."""
        if message.content_type == codec.SCORES:
            record = codec.decode_scores(message.value, message.content_type)
            if isinstance(record, Scores):
                self.scores.append(record)
                self.last[message.partition] = record
        elif message.content_type == codec.WATERMARK:
            watermark = codec.decode_json(message.value, Watermark)
            self._watermark_ms[message.partition] = watermark.time_ms
            if watermark.end:
                self._ended.add(message.partition)
        elif message.content_type == codec.WINDOWS:
            self.windows += 1


def follow(feed: Feed, gathered: Gathered, tick: Callable[[], None], timeout_s: float = 0.2) -> None:
    """Read until every partition has come to its end and nothing more comes, calling ``tick`` in between."""
    while (received := feed.poll(timeout_s)) or not gathered.ended:
        for message in received:
            gathered.take(message)
        gathered.report_due()
        tick()
    gathered.report_due(all_due=True)


def await_sink(
    reader: Reader,
    gathered: Gathered,
    tick: Callable[[], None],
    *,
    give_up_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Return when the store has the last scores and cases; False if not after ``give_up_s``.

    A store may hold the end of an earlier replay over the same days: what counts is who scored.
    """
    deadline = clock() + give_up_s
    while clock() < deadline:
        scored = all(_holds(reader, scores) for scores in gathered.last.values())
        if scored and all(_is_led(reader, alert) for alert in gathered.newest):
            return True
        tick()
        sleep(0.2)
    return False


def _is_led(reader: Reader, alert: Alert) -> bool:
    """Return whether the case that an alert opened is in the store."""
    return bool(reader.history("case_history", alert.asset, alert.time_ms, alert.time_ms + 1))


def _holds(reader: Reader, scores: Scores) -> bool:
    asset, end_ms = scores.assets[scores.asset[-1]], int(scores.end_ms[-1])
    rows = reader.history("scores", asset, end_ms, end_ms + 1)
    return any(row.fields.get("model") == scores.model for row in rows)
