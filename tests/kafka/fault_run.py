"""A run of the whole pipeline under a fault: its telemetry, its workers, and all that comes of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import msgspec

from chillcast.settings import Settings
from models.fleet.config import table_json
from models.registry.promotion import CHAMPION
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.processes.supervisor import Supervisor
from streams.records import Assignment
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.kafka.elements import RELAYED, Key, Reading, Said, gathered, stored_features, stored_points
from tests.kafka.fault_worker import ForkingSupervisor
from tests.kafka.orders import orders
from tests.kafka.tellings import Tellings, told_at
from tests.kafka.toy import FIRST, HOP_MS, HOPS, PARTITIONS, SECOND, START_MS, Desk, fleet
from tests.kafka.undisturbed import SCHEMA, poison, replay_to, undisturbed
from tests.support.kafkad import Servers
from tests.support.receivers import webhook

STAGES = ("features", "risk", "cases", "delivery", "sink", "landing")
SESSION_S = 3
_SWAP_HOP, _SWAPPED_HOP = 8, 60
_START_S, _END_S = 240.0, 300.0


@dataclass(frozen=True)
class Outcome:
    """What came out of one stage in a run with a fault, in elements; lag in messages."""

    fault: str
    broker: str
    stage: str
    expected: int
    missing: int
    wrong: int
    duplicate: int
    lag: int

    @property
    def is_right(self) -> bool:
        """Nothing missing or wrong, nothing doubled where that is promised, and nothing left to read."""
        doubled = self.duplicate if self.broker == "kafka" else 0
        return bool(self.expected) and not (self.missing or self.wrong or doubled or self.lag)


@dataclass
class Heard:
    """Every message that a `read_committed` reader was given, and how often each element came in it."""

    topics: Topics
    messages: dict[str, list[Incoming]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.reading = Reading(fleet(), self.topics)

    def take(self, message: Incoming) -> None:
        self.messages[message.topic].append(message)

    @property
    def count(self) -> int:
        """How many messages there were, but for the clock, which never ends."""
        return sum(m.content_type != codec.BEAT for some in self.messages.values() for m in some)

    def assignments(self) -> dict[int, list[Assignment]]:
        """Return who scored from which element of a partition on: offsets differ from run to run."""
        found: dict[int, list[Assignment]] = defaultdict(list)
        counts = {partition: self._counts(partition) for partition in range(PARTITIONS)}
        for message in self.messages[self.topics.promotions]:
            if _assigns(message):
                one = codec.decode_json(message.value, Assignment)
                before = [n for offset, n in counts[message.partition] if offset < one.offset]
                offset = before[-1] if before else 0
                found[message.partition].append(msgspec.structs.replace(one, offset=offset))
        return found

    def findings(self) -> dict[int, list[tuple[int, Outgoing]]]:
        """Return what was found, and from which element of a partition of windows on it was known."""
        found: dict[int, list[tuple[int, Outgoing]]] = defaultdict(list)
        counts, seen = {p: self._counts(p) for p in range(PARTITIONS)}, set[bytes | None]()
        for message in self.messages[self.topics.features]:
            if _is_finding(message) and message.value not in seen:
                seen.add(message.value)
                before = [n for offset, n in counts[message.partition] if offset < message.offset]
                value = message.value or b""
                event = Outgoing(Topics().features, message.key or b"", value, message.content_type)
                found[message.partition].append((before[-1] if before else 0, event))
        return found

    def moves(self) -> dict[int, list[Incoming]]:
        """Return what moved cases, in the order in which it was heard."""
        found: dict[int, list[Incoming]] = {partition: [] for partition in range(PARTITIONS)}
        for message in self.messages[self.topics.case_commands]:
            found[message.partition].append(message)
        return found

    def notices(self) -> dict[int, list[Incoming]]:
        """Return what moved delivery, in the order in which it was heard."""
        found: dict[int, list[Incoming]] = {partition: [] for partition in range(PARTITIONS)}
        for message in self.messages[self.topics.notices]:
            found[message.partition].append(replace(message, topic=Topics().notices))
        return found

    def has_everywhere(self, version: str) -> bool:
        """Return whether every partition has given this version its role."""
        records = [m for m in self.messages[self.topics.promotions] if _assigns(m)]
        told = {(codec.decode_json(m.value, Assignment).version, m.partition) for m in records}
        return {(version, partition) for partition in range(PARTITIONS)} <= told

    def has_ended(self, *topics: str) -> bool:
        """Return whether every partition of these topics has come to its end."""
        ended = {
            (message.topic, message.partition)
            for topic in topics
            for message in self.messages[topic]
            if message.content_type == codec.WATERMARK and codec.parsed_watermark(message.value or b"").end
        }
        return len(ended) == len(topics) * PARTITIONS

    def elements(self) -> Iterator[tuple[str, Key, bytes]]:
        return chain.from_iterable(map(self.reading.elements, chain(*self.messages.values())))

    def _counts(self, partition: int) -> list[tuple[int, int]]:
        """Return how many elements, or messages of nonsense, there are up to each offset of features."""
        out, seen, nonsense = [], set[Key](), 0
        for message in self.messages[self.topics.features]:
            if message.partition == partition:
                keys = [key for _, key, _ in self.reading.elements(message)]
                seen.update(keys)
                nonsense += not keys
                out.append((message.offset, len(seen) + nonsense))
        return out


@dataclass
class Run:
    """One run: a topic prefix of its own, a load, and workers that come and go.

    The load takes ``load_s``, or what is left of it is sent at once after `hurry`.
    """

    connection: Connection
    home: Path
    server: Servers | None
    exactly_once: bool = False
    load_s: float = 40.0
    stages: Sequence[str] = STAGES
    poisoned: bool = False
    alarms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topics = Topics(f"run{time.time_ns()}-")
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "fleet.json").write_bytes(table_json(fleet()))
        self.desk = Desk(self.home)
        self.desk.begin()
        self.stack = ExitStack()
        self.thread = threading.Thread(target=self.publish, daemon=True)
        self.hurried = threading.Event()
        self.reached = {version: threading.Event() for version in (FIRST, SECOND)}
        create_topics(self.connection, self.topics, PARTITIONS)
        self.settings = Settings(
            home=str(self.home),
            fleet=str(self.home / "fleet.json"),
            broker=str(self.connection),
            partitions=PARTITIONS,
            session_timeout_s=SESSION_S,
            state_interval_s=1,
            topic_prefix=self.topics.prefix,
        )
        self.hook = self.stack.enter_context(webhook())
        if "delivery" in self.stages:
            self.settings = told_at(self.settings, self.hook.address)
        self.tellings = Tellings(Topics(), self.home)
        self.heard = Heard(self.topics)
        heard = [t for t in self.topics.all if t not in (self.topics.control, *self.topics.states)]
        self.reader = self.stack.enter_context(Feed(self.connection, heard, PARTITIONS, from_start=True))
        self.orders = orders(self.topics) if "cases" in self.stages else {}

    def workers(self, number: int = 1, **test: str) -> Supervisor:
        """Start the ``number``-th worker of each stage; they are restarted when they end.

        ``test`` is for their test settings.
        """
        told = {f"CHILLCAST_TEST_{key.upper()}": value for key, value in test.items()}
        environment = {**self.settings.environment(), "CHILLCAST_TEST_FAULT": str(self.home), **told}
        supervisor = ForkingSupervisor(
            {f"{stage}-{number}": [stage] for stage in self.stages},
            self.home / "logs",
            environment=environment,
            alarm=self.alarms.append,
        )
        return self.stack.enter_context(supervisor)

    def watch(self, supervisors: Sequence[Supervisor], seconds: float = 0.0) -> None:
        """Let time pass."""
        deadline = time.monotonic() + seconds
        while True:
            for supervisor in supervisors:
                supervisor.watch()
            for message in self.reader.poll(0.1):
                self.heard.take(message)
                if message.topic == self.topics.notices:
                    self.tellings.take(replace(message, topic=Topics().notices))
            for version, reached in self.reached.items():
                if not reached.is_set() and self.heard.has_everywhere(version):
                    reached.set()
            if time.monotonic() >= deadline:
                return

    def fault_file(self, stage: str) -> Path:
        """The file in which the workers of a stage are asked for a disturbance."""
        return self.home / f"fault-{stage}"

    def plant(self, stage: str, fault: str) -> None:
        """Ask the workers of a stage for a disturbance."""
        path = self.fault_file(stage)
        path.with_suffix(".hit").unlink(missing_ok=True)
        waiting = path.with_suffix(".new")
        waiting.write_text(fault, encoding="utf-8")
        waiting.rename(path)

    def publish(self) -> None:
        """Send all telemetry, at the pace of the load."""
        with Publisher(self.connection) as publisher:
            replay_to(self.topics, publisher.send, lambda end_ms: self.pace(end_ms, publisher))

    def pace(self, end_ms: int, publisher: Publisher) -> None:
        """Wait before a batch, so that the load takes its time; ask, and promote, on the way."""
        if end_ms % HOP_MS == 0:
            hop = (end_ms - START_MS) // HOP_MS
            for partition, asked in self.orders.get(hop, ()):
                publisher.send(partition, asked)
            self.pass_hop(hop)

    def pass_hop(self, hop: int) -> None:
        """Let the time of a hop pass."""
        if hop == _SWAP_HOP and "risk" in self.stages:
            self.reached[FIRST].wait(_START_S)
            self.desk.promote(SECOND, CHAMPION)
        if _SWAP_HOP <= hop < _SWAPPED_HOP and "risk" in self.stages and not self.reached[SECOND].is_set():
            self.reached[SECOND].wait(0.5)
        elif not self.hurried.is_set():
            self.hurried.wait(self.load_s / HOPS)

    def head(self) -> None:
        """Send nonsense to the beginning of every topic."""
        with Publisher(self.connection) as publisher:
            for partition, message in poison(self.topics):
                publisher.send(partition, message)

    def said(self) -> Said:
        """Return every element that came out."""
        points = stored_points(self.settings.store_path) if self.settings.store_path.exists() else ()
        features = stored_features(self.home / "features" / fleet().name, SCHEMA)
        arrived = self.tellings.arrived(self.hook.keys)
        return gathered(chain(self.heard.elements(), points, features, arrived))

    def lag(self, stage: str) -> int:
        """Return how many messages of its sources a stage has still to acknowledge.

        Counted are those that our own reader was given: the end of a log is that of its marks.
        """
        sources = sources_of(stage, self.topics)
        return sum(
            message.offset >= committed.get(message.partition, 0) and message.content_type != codec.BEAT
            for topic, committed in asyncio.run(committed_by(self, stage, sources)).items()
            for message in self.heard.messages[topic]
        )


def sources_of(stage: str, topics: Topics) -> tuple[str, ...]:
    """Return the topics that a stage reads."""
    return {
        "features": (topics.telemetry,),
        "risk": (topics.features, topics.outcomes),
        "cases": (topics.alerts, topics.case_commands),
        "delivery": (topics.notices,),
        "sink": (
            *(topics.scores, topics.alerts, topics.cases, topics.drift),
            *(topics.events, topics.deliveries, topics.record),
        ),
        "landing": (topics.features, topics.outcomes),
    }[stage]


async def committed_by(run: Run, stage: str, sources: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return the offsets from which a stage would go on."""
    out: dict[str, dict[int, int]] = {}
    for topic in sources:
        log = KafkaLog(run.connection, topic, run.topics.group(stage))
        try:
            out[topic] = {p: await log.committed(p) or 0 for p in range(PARTITIONS)}
        finally:
            await log.stop()
    return out


def judge(run: Run, fault: str, supervisors: Sequence[Supervisor]) -> list[Outcome]:
    """Wait until nothing is left to do, and compare each stage with the undisturbed run."""
    topics = {"features": [run.topics.features], "risk": [run.topics.scores]}
    ends = [topic for stage in run.stages for topic in topics.get(stage, ())]
    deadline = time.monotonic() + _END_S
    while not run.heard.has_ended(*ends) and time.monotonic() < deadline:
        run.watch(supervisors, 0.5)
    lags, more = dict.fromkeys(run.stages, 1), True
    tellings = run.tellings if "delivery" in run.stages else None
    while (more or any(lags.values()) or (tellings and not tellings.is_done)) and time.monotonic() < deadline:
        heard = run.heard.count
        run.watch(supervisors, 1.5)  # acknowledgements are committed once a second
        lags = {stage: run.lag(stage) for stage in run.stages}
        more = run.heard.count > heard
    moved = run.heard.assignments(), run.heard.moves(), run.heard.notices(), run.heard.findings()
    expected = undisturbed(poisoned=run.poisoned).said(*moved)
    for stage, key, value in run.tellings.expected():
        expected[stage][key][value] += 1
    found, kind = run.said(), "kafka" if run.exactly_once else "embedded"
    return [
        Outcome(fault, kind, stage, *compared(expected[stage], found[stage]), lags[stage])
        for stage in run.stages
    ]


def compared(
    expected: Mapping[Key, Counter[bytes]], found: Mapping[Key, Counter[bytes]]
) -> tuple[int, int, int, int]:
    """Return how many elements were expected, and how many are missing, wrong, and came again.

    Wrong is whatever the undisturbed run does not say, be it of something else; what stands in the place of
    a right one leaves none missing.
    """
    missing = wrong = duplicate = 0
    for key in expected.keys() | found.keys():
        wanted, got = expected.get(key, Counter()), found.get(key, Counter())
        more, less = got - wanted, (wanted - got).total()
        strange = sum(n for value, n in more.items() if value not in wanted)
        wrong += strange
        duplicate += more.total() - strange
        missing += max(less - strange, 0)
    return sum(c.total() for c in expected.values()), missing, wrong, duplicate


def _is_finding(message: Incoming) -> bool:
    return message.content_type == codec.EVENT and codec.parsed_event(message.value or b"").kind in RELAYED


def _assigns(message: Incoming) -> bool:
    return message.content_type == codec.ASSIGNMENT
