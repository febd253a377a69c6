"""What a challenger said beside the champion, held against what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from chillcast.settings import Settings
from models.errors import RecordError
from models.evaluation.backtest import CalibrationBin, calibration_of
from models.evaluation.comparison import Pairing, matured, pair
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics
from streams.records import Scores, Watermark
from streams.stage import Incoming
from streams.wire import codec

Key = tuple[str, int]


class Fares(msgspec.Struct, frozen=True):
    """Both on the windows whose labels were known at ``as_of_ms``, and what came of the risks of each."""

    pairing: Pairing
    as_of_ms: int
    challenger: tuple[CalibrationBin, ...]
    champion: tuple[CalibrationBin, ...]


@dataclass
class ShadowScores:
    """One risk a day and machine, by both; the outcomes; and how far each partition has come."""

    horizon: int
    challenger: dict[Key, float] = field(default_factory=dict)
    champion: dict[Key, float] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    reached_ms: dict[int, int] = field(default_factory=dict)

    def take(self, message: Incoming, into: dict[Key, float], version: str | None) -> None:
        """Take in a message of `scores` or `shadow`; of several revisions of a window the last stays."""
        record = codec.decode_scores(message.value, message.content_type)
        if isinstance(record, Watermark):
            self.reached_ms[message.partition] = record.time_ms
        elif version in (None, record.model):
            self._keep(record, into)

    def _keep(self, record: Scores, into: dict[Key, float]) -> None:
        risk = record.risk[:, self.horizon]
        for i in np.flatnonzero((record.end_ms % DAY_MS == 0) & ~np.isnan(risk)).tolist():
            into[record.assets[record.asset[i]], int(record.end_ms[i])] = float(risk[i])

    def judged(self, horizon_d: float, partitions: int) -> Fares:
        """Compare the two on the windows that both scored and whose labels are known."""
        both = sorted(self.challenger.keys() & self.champion.keys())
        names = sorted({name for name, _ in both})
        index = {name: i for i, name in enumerate(names)}
        asset = np.array([index[name] for name, _ in both], np.int32)
        keys = WindowKeys(names, asset, np.array([end for _, end in both], np.int64))
        until_ms = min(self.reached_ms.values()) if len(self.reached_ms) == partitions else 0
        rows, label = matured(keys, EventLog(self.events), horizon_d, until_ms)
        new, old = (
            np.array([scores[key] for key in both])[rows] for scores in (self.challenger, self.champion)
        )
        bins = [calibration_of(risk, label > 0) for risk in (new, old)]
        return Fares(pair(asset[rows], label, new, old), until_ms, *bins)


async def judge_shadow(settings: Settings, fleet: Fleet, version: str) -> Fares:
    """Return how a challenger fares, as far back as the topics reach; what cannot be read is passed over."""
    topics, scores = Topics(settings.topic_prefix), ShadowScores(fleet.horizon)
    takes: dict[str, Callable[[Incoming], None]] = {
        topics.shadow: lambda message: scores.take(message, scores.challenger, version),
        topics.scores: lambda message: scores.take(message, scores.champion, None),
        topics.events: lambda message: scores.events.append(codec.decode_json(message.value, Event)),
    }
    for topic, take in takes.items():
        async for message in _messages(settings, topic):
            with contextlib.suppress(RecordError):
                take(message)
    return scores.judged(fleet.alerting.horizon_d, settings.partitions)


async def _messages(settings: Settings, topic: str) -> AsyncIterator[Incoming]:
    """Yield every message of a topic, partition by partition."""
    log = KafkaLog(settings.connection, topic)
    try:
        for partition in range(settings.partitions):
            span = (await log.begin(partition), await log.end(partition))
            async for part in log.read(partition, *span):
                for message in part:
                    yield message
    finally:
        await log.stop()
