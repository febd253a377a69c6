"""What a Kafka cluster says of its topics and groups; nothing is changed by asking."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, KafkaError

from models.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topics import admin_client


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """How far a group is behind; ``state`` is the broker's word (Stable, Empty …), None if it has none.

    A group that committed nothing has ``committed`` False, and a lag of 0.
    """

    name: str
    committed: bool
    lag: int
    state: str | None


class Cluster:
    """Reads; raises UnavailableError, with the reason, where the cluster does not answer or forbids it."""

    def __init__(self, admin: KafkaAdminClient, address: str) -> None:
        self._admin, self.address = admin, address

    def topics(self) -> set[str]:
        """Return the names of all topics that may be seen."""
        with self._answering("topics not listed"):
            return set(self._admin.list_topics())

    def partitions(self, names: Sequence[str]) -> dict[str, int]:
        """Return the number of partitions of each of these topics; one that does not exist is left out."""
        with self._answering("topics not described"):
            described = self._admin.describe_topics(list(names))
        return {t["name"]: len(t["partitions"]) for t in described if t["partitions"]}

    def config(self, topic: str) -> dict[str, str]:
        """Return the configuration of a topic, as far as the broker tells it."""
        with self._answering(f"configuration of topic {topic} not read"):
            resource = ConfigResource("topic", topic)
            found = self._admin.describe_configs([resource], config_filter="all")
        return {key: entry["value"] for key, entry in found["topic"][topic].items()}

    def group(self, name: str) -> GroupStatus:
        """Return how far a group is behind the ends of the topics that it has committed to."""
        with self._answering(f"group {name} not read"):
            states = {g["group_id"]: g.get("group_state") for g in self._admin.list_groups()}
            committed = self._committed(name)
            ends = self._offsets(committed, OffsetSpec.LATEST)
        lag = sum(max(0, end - committed[place]) for place, end in ends.items())
        return GroupStatus(name, bool(committed), lag, states.get(name))

    def since(self, topic: str, partitions: int, time_ms: int) -> dict[int, tuple[int, int]]:
        """Return, by partition, the offsets [start, end) of what was written to a topic since a moment."""
        places = [TopicPartition(topic, i) for i in range(partitions)]
        with self._answering(f"offsets of topic {topic} not read"):
            ends = self._offsets(places, OffsetSpec.LATEST)
            starts = self._admin.list_partition_offsets(dict.fromkeys(places, time_ms))
        found = {p: starts[p].offset if p in starts else -1 for p in places}
        return {p.partition: (ends[p] if n < 0 else n, ends[p]) for p, n in found.items()}

    def members(self, group: str) -> list[str]:
        """Return the ids of the running members of a group, which begin with their client ids."""
        # The embedded broker describes rights that there are not; others start without a coordinator.
        unknown = contextlib.suppress(ValueError, CoordinatorNotAvailableError)
        with self._answering(f"members of group {group} not read"), unknown:
            found = self._admin.describe_groups([group])[group]
            return [member["member_id"] for member in found["members"]]
        return []

    def _committed(self, group: str) -> dict[TopicPartition, int]:
        """Return committed offsets; a partition without one counts from its beginning, as a worker would."""
        try:
            found = self._admin.list_group_offsets([group]).get(group, {})
        except CoordinatorNotAvailableError:  # a cluster in which no group ever committed
            return {}
        known = {place: at.offset for place, at in found.items() if at.offset >= 0}
        counts = self.partitions(sorted({place.topic for place in known}))
        all_ = {TopicPartition(topic, i) for topic, count in counts.items() for i in range(count)}
        return {**self._offsets(all_ - known.keys(), OffsetSpec.EARLIEST), **known}

    def _offsets(self, places: Any, spec: OffsetSpec) -> dict[TopicPartition, int]:
        if not places:
            return {}
        found = self._admin.list_partition_offsets(dict.fromkeys(places, spec))
        return {place: at.offset for place, at in found.items()}

    @contextlib.contextmanager
    def _answering(self, failure: str) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:
            raise UnavailableError(f"Kafka broker {self.address}: {failure}: {error}") from error


@contextlib.contextmanager
def connected(connection: Connection) -> Iterator[Cluster]:
    """Yield the cluster at ``connection``; raises UnavailableError if it does not answer in time."""
    with contextlib.ExitStack() as stack:
        try:
            admin = stack.enter_context(admin_client(connection))
        except (KafkaError, OSError) as error:
            raise UnavailableError(f"Kafka broker {connection} does not answer: {error}") from error
        yield Cluster(admin, str(connection))
