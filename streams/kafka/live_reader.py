"""A live view of topics for one reader, outside any consumer group."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from kafka import TopicPartition

from streams.kafka.committed import kafka_python_consumer
from streams.kafka.connection import Connection
from streams.kafka.log_reader import incoming
from streams.stage import Incoming


class Feed:
    """Reads all partitions of some topics from where they stood at the start; use it in a ``with``."""

    def __init__(
        self, connection: Connection, topics: Sequence[str], partitions: int, *, from_start: bool
    ) -> None:
        self._consumer = kafka_python_consumer(connection, fetch_max_wait_ms=100, check_crcs=False)
        places = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
        self._consumer.assign(places)
        if from_start:
            self._consumer.seek_to_beginning(*places)
        else:
            self._consumer.seek_to_end(*places)
            for place in places:
                self._consumer.position(place)

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def poll(self, timeout_s: float) -> list[Incoming]:
        """Return what has come, in order per partition; nothing after ``timeout_s``."""
        batches = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=500)
        return [incoming(record) for records in batches.values() for record in records]
