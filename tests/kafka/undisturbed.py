"""What a run says that nothing disturbs: the stages in memory, one message at a time, without a broker.

Nothing of what may fail under a fault has a part in it: no batch, commit, snapshot, log or consumer.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path

from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.registry.promotion import CHALLENGER, CHAMPION
from models.store.feature_store import FeatureStore
from models.telemetry.samples import TimeSlice
from simulators.replay.replay import replay
from streams.kafka.topics import Topics
from streams.records import Assignment
from streams.stage import Incoming, Outgoing, Stage
from streams.stages.alert_relay import AlertRelay
from streams.stages.case_desk import CaseDesk
from streams.stages.features import FeatureStage
from streams.stages.landing import LandingStage
from streams.stages.outcome_relay import OutcomeRelay, told_by
from streams.stages.risk import RiskStage
from streams.stages.sink import SinkStage
from streams.stores.sqlite import SqliteStore
from streams.wire import codec
from tests.kafka.elements import Element, Reading, Said, gathered, stored_points
from tests.kafka.orders import merged, once
from tests.kafka.tellings import quietly, recorded
from tests.kafka.toy import FIRST, HOP_MS, PARTITIONS, RIVAL, SECOND, fleet, models, telemetry
from tests.support.model_pools import Held

Placed = tuple[int, Outgoing]
"""A message and its partition."""
TOPICS, SCHEMA = Topics(), FeatureSchema(fleet())
PROMOTED = ((CHAMPION, 1, FIRST), (CHALLENGER, 2, RIVAL), (CHAMPION, 3, SECOND))
_NONSENSE = [b"\xff" * 10, b"{}", b"", b"[1,2", b'{"asset":"a1","time":"x","values":{}}'] * 8


def replay_to(
    topics: Topics,
    send: Callable[[int, Outgoing], None],
    pace: Callable[[int], None],
    slices: Iterable[TimeSlice] | None = None,
    batch_s: int = HOP_MS // 2000,
) -> None:
    """Send slices, the telemetry if none are given, calling ``pace`` with the end of each batch before it."""
    replay(
        telemetry().slices() if slices is None else slices,
        fleet(),
        partitions=PARTITIONS,
        telemetry=topics.telemetry,
        send=send,
        pace=pace,
        batch_s=batch_s,
    )


def replayed() -> list[Placed]:
    """Return the telemetry in the order of sending."""
    sent: list[Placed] = []
    replay_to(TOPICS, lambda partition, message: sent.append((partition, message)), lambda _: None)
    return sent


def poison(topics: Topics = TOPICS) -> list[Placed]:
    """Return messages that make no sense, for every topic that a stage reads."""
    first = (topics.telemetry, topics.features, topics.scores, topics.alerts, topics.drift, topics.events)
    named = (*first, topics.case_commands, topics.cases, topics.outcomes, topics.notices, topics.deliveries)
    places = itertools.product(named, range(PARTITIONS), _NONSENSE)
    return [(partition, Outgoing(topic, b"x", value, "")) for topic, partition, value in places]


class Undisturbed:
    """The words of all stages; ``poisoned``: nonsense stands at the beginning of every topic."""

    def __init__(self, *, poisoned: bool = False) -> None:
        self.heads = poison() if poisoned else []
        stages = [FeatureStage(fleet(), TOPICS, PARTITIONS) for _ in range(PARTITIONS)]
        self.first = list(self._through(stages, TOPICS.telemetry, replayed()))

    def said(
        self,
        assignments: Mapping[int, Sequence[Assignment]],
        moves: Mapping[int, Sequence[Incoming]] | None = None,
        notices: Mapping[int, Sequence[Incoming]] | None = None,
        findings: Mapping[int, Sequence[tuple[int, Outgoing]]] | None = None,
    ) -> Said:
        """Return every element, scored by the versions that have these assignments.

        Their offsets count the windows, events and watermarks of a partition, from its head on. ``moves`` is
        in which order alerts and people were heard; without them it is that of their times. ``notices`` is
        what moved delivery; without it all arrives at once. ``findings`` is what was found, and from which
        offset on it was known to scoring; without it that is never.
        """
        pool = Held()
        for version in (RIVAL, SECOND, FIRST):
            pool.promote(version, models()[version])
        scoring = [
            RiskStage(fleet(), TOPICS, SCHEMA, pool, assignments.get(p, ())) for p in range(PARTITIONS)
        ]
        known = {p: list((findings or {}).get(p, ())) for p in range(PARTITIONS)}
        borders = {
            p: [*(one.offset for one in assignments.get(p, ())), *(at for at, _ in own)]
            for p, own in known.items()
        }
        second = list(self._through(scoring, TOPICS.features, self._features(), borders, known))
        with tempfile.TemporaryDirectory() as folder:
            third = [*self._passed_on(second)]
            third += self._led(moves or merged(self.heads, [m for m in third if _is_alert(m)], TOPICS))
            told = recorded(notices or self._told(third, Path(folder)), Path(folder))
            third += self._found(third)
            spoken = [*self.first, *second, *third, *told, *self._unlanded(Path(folder))]
            path = Path(folder) / "store.db"
            spoken += self._stored(SqliteStore(path), spoken)
            points = list(stored_points(path))
        return gathered(itertools.chain(_elements(spoken), points, self._landed(third), _promoted()))

    def _passed_on(self, second: Sequence[Placed]) -> Iterator[Placed]:
        """Yield what becomes of alerts."""
        alerts = [s for s in second if s[1].topic == TOPICS.alerts]
        return self._through([AlertRelay(TOPICS)] * PARTITIONS, TOPICS.alerts, alerts)

    def _found(self, third: Sequence[Placed]) -> list[Placed]:
        """Return what becomes of outcomes."""
        outcomes = [s for s in third if s[1].topic == TOPICS.outcomes]
        return list(self._through([OutcomeRelay(TOPICS)] * PARTITIONS, TOPICS.outcomes, outcomes))

    def _led(self, moves: Mapping[int, Sequence[Incoming]]) -> Iterator[Placed]:
        """Yield what becomes of cases."""
        continues_d = fleet().alerting.continues_d
        desks = [CaseDesk(TOPICS, PARTITIONS, continues_d) for _ in range(PARTITIONS)]
        for message in once(moves):
            plain = replace(message, topic=TOPICS.case_commands)
            for out in desks[message.partition].process([plain]):
                yield message.partition if out.partition is None else out.partition, out

    def _told(self, third: Sequence[Placed], folder: Path) -> Mapping[int, Sequence[Incoming]]:
        """Return how delivery is moved if nothing comes in between."""
        return quietly([m for m in (*self.heads, *third) if m[1].topic == TOPICS.notices], folder)

    def _features(self) -> list[Placed]:
        return [(p, m) for p, m in self.first if m.topic == TOPICS.features]

    def _through(
        self,
        stages: Sequence[Stage],
        topic: str,
        sent: Iterable[Placed],
        borders: Mapping[int, Sequence[int]] | None = None,
        between: Mapping[int, list[tuple[int, Outgoing]]] | None = None,
    ) -> Iterator[Placed]:
        """Yield what stages, one a partition, say of a topic's messages, given one by one.

        A message of windows has as many offsets as windows, and is cut at a border; what comes ``between``
        them has the offset that it is given with.
        """
        offsets = [0] * PARTITIONS
        for partition, whole in [*(h for h in self.heads if h[1].topic == topic), *sent]:
            waiting = (between or {}).get(partition, [])
            for message in _with(waiting, whole, offsets, partition, (borders or {}).get(partition, ())):
                yield from ((partition, out) for out in stages[partition].process([message]))
        for partition, waiting in (between or {}).items():
            for _, late in waiting:
                received = incoming(late, partition, offsets[partition])
                yield from ((partition, out) for out in stages[partition].process([received]))

    def _stored(self, store: SqliteStore, spoken: Sequence[Placed]) -> list[Placed]:
        """Write what the sink reads to a store; return its dead letters."""
        letters: list[Placed] = []
        read = (TOPICS.scores, TOPICS.alerts, TOPICS.cases, TOPICS.drift, TOPICS.events, TOPICS.deliveries)
        for topic in read:
            sink = SinkStage(store, TOPICS)
            letters += self._through([sink] * PARTITIONS, topic, [s for s in spoken if s[1].topic == topic])
            asyncio.run(sink.flush())
        store.close()
        return letters

    def _unlanded(self, folder: Path) -> list[Placed]:
        """Return the dead letters of landing."""
        stage = LandingStage(FeatureStore(folder), TOPICS, lambda _: None)
        stages, topics = [stage] * PARTITIONS, (TOPICS.features, TOPICS.outcomes)
        return [letter for topic in topics for letter in self._through(stages, topic, [])]

    def _landed(self, third: Sequence[Placed]) -> Iterator[Element]:
        """Yield what is to lie in the feature store: the words of the first stage, and what was found."""
        for _, message in third:
            if message.topic == TOPICS.outcomes:
                for event in told_by(codec.decode_outcomes(message.value, message.content_type)):
                    yield "landing", ("events", *astuple(event)), b""
        for _, key, value in _elements(self._features()):
            if key[2] == "event":
                yield "landing", ("events", *key[3:]), value
            elif key[2] != "watermark":
                yield "landing", ("windows", *key[2:]), value


@functools.cache
def undisturbed(*, poisoned: bool = False) -> Undisturbed:
    """Return the words of an undisturbed run, found once."""
    return Undisturbed(poisoned=poisoned)


def cut(message: Outgoing, offset: int, borders: Sequence[int]) -> Iterator[tuple[int, Outgoing]]:
    """Yield a message whose first window has an offset, cut at the borders; and how many offsets each has."""
    if message.content_type != codec.WINDOWS:
        yield 1, message
        return
    record = codec.decode_features(message.value, message.content_type, SCHEMA.fingerprint)
    assert isinstance(record, Windows)
    inner = [b - offset for b in sorted(borders) if 0 < b - offset < len(record)]
    for start, end in itertools.pairwise([0, *inner, len(record)]):
        part = codec.windows(message.topic, record, slice(start, end), SCHEMA.fingerprint)
        yield end - start, part


def _with(
    waiting: list[tuple[int, Outgoing]],
    whole: Outgoing,
    offsets: list[int],
    partition: int,
    at: Sequence[int],
) -> Iterator[Incoming]:
    """Yield a message cut at ``at``, and before each part what waits for its offset; count all of them."""
    left: Outgoing | None = whole
    while left is not None:
        while waiting and waiting[0][0] <= offsets[partition]:
            yield incoming(waiting.pop(0)[1], partition, offsets[partition])
            offsets[partition] += 1
        border = min((one for one in at if one > offsets[partition]), default=0)
        (rows, part), *rest = cut(left, offsets[partition], [border])
        yield incoming(part, partition, offsets[partition])
        offsets[partition] += rows
        left = rest[0][1] if rest else None


def incoming(message: Outgoing, partition: int, offset: int) -> Incoming:
    """Return a message as a stage gets it."""
    return Incoming(
        message.topic, partition, offset, message.key or None, message.value or None, message.content_type
    )


def _elements(spoken: Iterable[Placed]) -> Iterator[Element]:
    reading = Reading(fleet(), TOPICS)
    for partition, message in spoken:
        yield from reading.elements(incoming(message, partition, 0))


def _is_alert(placed: Placed) -> bool:
    return placed[1].content_type == codec.ALERT


def _promoted() -> Iterator[Element]:
    for partition, (role, number, version) in itertools.product(range(PARTITIONS), PROMOTED):
        yield "risk", ("promotions", partition, role, number), version.encode()
