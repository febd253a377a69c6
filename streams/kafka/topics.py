"""The topics: their names, their partitions, and how they come into being."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError as AiokafkaError
from aiokafka.errors import SaslAuthenticationFailed
from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2

from models.errors import ConfigError, UnavailableError
from streams.kafka.connection import Connection

NAMES = (
    "telemetry",
    "events",
    "features",
    "scores",
    "alerts",
    "drift",
    "dead-letters",
    "promotions",
    "shadow",
    "control",
    "case-commands",
    "cases",
    "case-replies",
    "outcomes",
    "notices",
    "deliveries",
    "record",
)
STATES = ("state-features", "state-risk", "state-cases", "state-delivery")
NOTICES_HOME = 0
"""The partition of all that moves delivery: what is told together has to be on one log."""
RECORD_HOME = 0
"""The partition of the record of changes: what was done first stands first."""
_KEPT = ("promotions", "cases", "outcomes", "record")
_RETRY_S = 2.0
_ANSWER_S = 5.0
_AGAIN_S, _TRIES = 0.2, 25


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics, each behind one common prefix."""

    prefix: str = ""

    @property
    def telemetry(self) -> str:
        """Samples, blocks, controller events and watermarks: one ordered log per asset."""
        return self.prefix + "telemetry"

    @property
    def events(self) -> str:
        """Events that were understood."""
        return self.prefix + "events"

    @property
    def features(self) -> str:
        """Windows, with events and watermarks in between."""
        return self.prefix + "features"

    @property
    def scores(self) -> str:
        """Risks, with watermarks in between."""
        return self.prefix + "scores"

    @property
    def alerts(self) -> str:
        """Cases as they open, are explained again, and close."""
        return self.prefix + "alerts"

    @property
    def drift(self) -> str:
        """Changes in scores and in data quality."""
        return self.prefix + "drift"

    @property
    def dead_letters(self) -> str:
        """What could not be used, with the reason."""
        return self.prefix + "dead-letters"

    @property
    def promotions(self) -> str:
        """Which version is promoted, and from which offset each partition scores with it."""
        return self.prefix + "promotions"

    @property
    def shadow(self) -> str:
        """Risks of the challenger, which nobody is alerted by."""
        return self.prefix + "shadow"

    @property
    def control(self) -> str:
        """What a running replay is told: pause, resume, seek, speed, stop."""
        return self.prefix + "control"

    @property
    def case_commands(self) -> str:
        """What moves cases, in one order: what people ask, and alerts as they are passed on."""
        return self.prefix + "case-commands"

    @property
    def cases(self) -> str:
        """Cases as they stand, and the entries of their histories."""
        return self.prefix + "cases"

    @property
    def case_replies(self) -> str:
        """What became of what people asked."""
        return self.prefix + "case-replies"

    @property
    def outcomes(self) -> str:
        """What was found at machines, as labels."""
        return self.prefix + "outcomes"

    @property
    def notices(self) -> str:
        """What moves delivery, in one order: news of cases, the clock, silences, how attempts ended."""
        return self.prefix + "notices"

    @property
    def deliveries(self) -> str:
        """How attempts to deliver a notice ended."""
        return self.prefix + "deliveries"

    @property
    def record(self) -> str:
        """Who decided and changed what, and what came of it."""
        return self.prefix + "record"

    def state(self, stage: str) -> str | None:
        """What a stage remembers, by key; None for a stage without a memory."""
        return self.prefix + f"state-{stage}" if f"state-{stage}" in STATES else None

    def group(self, stage: str) -> str:
        """The consumer group of a stage's workers."""
        return f"{self.prefix}chillcast-{stage}"

    @property
    def states(self) -> tuple[str, ...]:
        """What stages remember."""
        return tuple(self.prefix + name for name in STATES)

    @property
    def compacted(self) -> tuple[str, ...]:
        """Topics of which only the newest message of each key is of use, and none is ever too old."""
        return tuple(self.prefix + name for name in (*STATES, *_KEPT))

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic."""
        return tuple(self.prefix + name for name in (*NAMES, *STATES))


def partition_of(asset: str, partitions: int) -> int:
    """Return the partition of an asset: that which Kafka's clients choose for the key ``asset``.

    >>> partition_of("CH-0001", 1)
    0
    """
    return int((murmur2(asset.encode()) & 0x7FFFFFFF) % partitions)


def wait_for_broker(
    connection: Connection,
    alarm: Callable[[str], None],
    give_up_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    answer_s: float = _ANSWER_S,
) -> None:
    """Return when the broker answers; before each new try, call ``alarm`` with a line that names it.

    Raises UnavailableError after ``give_up_s``, never if that is None. A try takes up to ``answer_s``.
    """
    started = clock()
    while True:
        error = _probe(connection, answer_s)
        if error is None:
            return
        if connection.security.protocol != "PLAINTEXT":
            _refuse_identity(connection, asyncio.run(_refusal(connection)))
        text = f"Kafka broker {connection} does not answer ({type(error).__name__})"
        if give_up_s is not None and clock() - started >= give_up_s:
            raise UnavailableError(
                f"{text}: gave up after {give_up_s:g} s; start it or correct CHILLCAST_BROKER"
            )
        alarm(f"{text}; trying again")
        sleep(_RETRY_S)


def _probe(connection: Connection, answer_s: float) -> KafkaError | OSError | None:
    try:
        with admin_client(connection, answer_s) as admin:
            admin.list_topics()
    except (KafkaError, OSError) as error:
        return error
    return None


async def _refusal(connection: Connection) -> BaseException | None:
    """Return what a broker answers to who we are; the clients would say no more than that it hung up."""
    host, _, port = connection.bootstrap.split(",")[0].rpartition(":")
    options = {k: v for k, v in connection.aiokafka().items() if k != "bootstrap_servers"}
    try:
        conn = await create_conn(host, int(port), request_timeout_ms=5000, **options)
    except (KafkaError, AiokafkaError, OSError) as error:
        return error
    conn.close()
    return None


def _refuse_identity(connection: Connection, error: BaseException | None) -> None:
    """Raise ConfigError if waiting will not help: who we are, or who the broker is, is not believed."""
    if isinstance(error, SaslAuthenticationFailed):
        expected = f"a user and password that {connection} knows (authentication failed)"
        name = connection.security.username
        raise ConfigError("environment", "CHILLCAST_BROKER_USERNAME", name, expected) from error
    if isinstance(error, ssl.SSLCertVerificationError):
        expected = f"the authority that signed the certificate of {connection} ({error})"
        file = connection.security.ca_file
        raise ConfigError("environment", "CHILLCAST_BROKER_CA_FILE", file, expected) from error


def create_topics(
    connection: Connection, topics: Topics, partitions: int, answer_s: float = _ANSWER_S
) -> None:
    """Create the topics that do not exist yet.

    Raises ConfigError if one exists with another number of partitions: the stages would not meet. Raises
    UnavailableError if the broker does not answer or refuses to create one.
    """
    try:
        described = _created(connection, topics, partitions, answer_s)
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"Kafka broker {connection}: topics not created: {error}") from error
    for topic in described:
        found = len(topic["partitions"])
        if found != partitions:
            expected = f"{found} as topic {topic['name']} has, or a new topic_prefix"
            raise ConfigError("environment", "CHILLCAST_PARTITIONS", partitions, expected)


def _created(
    connection: Connection, topics: Topics, partitions: int, answer_s: float
) -> list[dict[str, Any]]:
    """Create what is missing and return the description of every topic."""
    with admin_client(connection, answer_s) as admin:
        existing = set(admin.list_topics())
        for name in topics.all:
            # One by one: if another process creates the same topics now, the rest is still created.
            if name not in existing:
                wanted = {name: _wanted(name, topics, partitions)}
                with contextlib.suppress(TopicAlreadyExistsError):
                    admin.create_topics(wanted)
        # A broker answers before all its metadata knows the new topics; of a cluster, each for itself.
        admin.wait_for_topics(list(topics.all))
        return _described(admin, topics.all)


def _described(
    admin: KafkaAdminClient, names: Sequence[str], sleep: Callable[[float], None] = time.sleep
) -> list[dict[str, Any]]:
    """Return the description of topics, once the broker that is asked knows the partitions of each."""
    described: list[dict[str, Any]] = admin.describe_topics(list(names))
    for _ in range(_TRIES):
        if all(topic["partitions"] for topic in described):
            break
        sleep(_AGAIN_S)
        described = admin.describe_topics(list(names))
    return described


def _wanted(name: str, topics: Topics, partitions: int) -> dict[str, Any]:
    wanted: dict[str, Any] = {"num_partitions": partitions, "replication_factor": -1}
    if name == topics.telemetry:
        # Times of samples are held against their arrival, of which a gateway's clock knows nothing.
        wanted["configs"] = {"message.timestamp.type": "LogAppendTime"}
    if name in topics.compacted:
        # A zombie's late record must not be all that compaction leaves before it is noticed.
        wanted["configs"] = {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000"}
    return wanted


@contextlib.contextmanager
def admin_client(connection: Connection, answer_s: float = _ANSWER_S) -> Iterator[KafkaAdminClient]:
    """Yield a client that administers a cluster; raises KafkaError if that does not answer."""
    admin = KafkaAdminClient(
        **connection.kafka_python(),
        request_timeout_ms=10_000,
        bootstrap_timeout_ms=int(answer_s * 1000),
    )
    try:
        yield admin
    finally:
        admin.close()
