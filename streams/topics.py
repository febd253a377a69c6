"""The topics: their names, their partitions, and how they come into being."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2

from models.errors import ConfigError, UnavailableError

NAMES = ("telemetry", "events", "features", "scores", "alerts", "drift", "dead-letters")
_RETRY_S = 2.0


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
    def all(self) -> tuple[str, ...]:
        """Every topic."""
        return tuple(self.prefix + name for name in NAMES)


def partition_of(asset: str, partitions: int) -> int:
    """Return the partition of an asset: that which Kafka's clients choose for the key ``asset``.

    >>> partition_of("CH-0001", 1)
    0
    """
    return int((murmur2(asset.encode()) & 0x7FFFFFFF) % partitions)


def wait_for_broker(
    bootstrap: str,
    alarm: Callable[[str], None],
    give_up_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the broker answers; until then raise an alarm that names it every two seconds.

    Raises UnavailableError after ``give_up_s``, never where that is None.
    """
    started = clock()
    while True:
        try:
            with _admin(bootstrap) as admin:
                admin.list_topics()
            return
        except (KafkaError, OSError) as error:
            text = f"Kafka broker {bootstrap} does not answer ({type(error).__name__})"
        if give_up_s is not None and clock() - started >= give_up_s:
            raise UnavailableError(
                f"{text}: gave up after {give_up_s:g} s; start it or correct CHILLCAST_BROKER"
            )
        alarm(f"{text}; trying again")
        sleep(_RETRY_S)


def create_topics(bootstrap: str, topics: Topics, partitions: int) -> None:
    """Create the topics that do not exist yet.

    Raises ConfigError where one exists with another number of partitions: the stages would not meet.
    """
    with _admin(bootstrap) as admin:
        existing = set(admin.list_topics())
        missing = [name for name in topics.all if name not in existing]
        if missing:
            wanted = {name: {"num_partitions": partitions, "replication_factor": -1} for name in missing}
            with contextlib.suppress(TopicAlreadyExistsError):
                admin.create_topics(wanted)
        described = admin.describe_topics(list(topics.all))
    for topic in described:
        found = len(topic["partitions"])
        if found != partitions:
            expected = f"{found} as topic {topic['name']} has, or a new topic_prefix"
            raise ConfigError("environment", "CHILLCAST_PARTITIONS", partitions, expected)


@contextlib.contextmanager
def _admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(
        bootstrap_servers=bootstrap.split(","), request_timeout_ms=10_000, bootstrap_timeout_ms=5_000
    )
    try:
        yield admin
    finally:
        admin.close()
