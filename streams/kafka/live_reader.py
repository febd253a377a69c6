"""A live view of topics for one reader, outside any consumer group."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from models.errors import UnavailableError
from streams.kafka.committed import aiokafka_consumer
from streams.kafka.connection import Connection
from streams.kafka.log_reader import incoming, sounded
from streams.stage import Incoming

T = TypeVar("T")


class Feed:
    """Reads all partitions of some topics from where they stood at the start; use it in a ``with``.

    Messages are fetched by a thread, also while nobody polls. A batch that cannot be decoded is an alarm, and
    left out. Raises UnavailableError if the broker does not answer, or forbids it.
    """

    def __init__(
        self, connection: Connection, topics: Sequence[str], partitions: int, *, from_start: bool
    ) -> None:
        self.connection = connection
        self._places = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._fetch, name="feed", daemon=True)
        self._thread.start()
        try:
            self._consumer = self._run(self._started(from_start=from_start))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(CancelledError):  # that of a fetch, while the broker is away
                self._run(self._consumer.stop())
        finally:
            self._end()

    def poll(self, timeout_s: float) -> list[Incoming]:
        """Return what has come, in order per partition; nothing after ``timeout_s``."""
        batches = self._run(self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=500))
        messages = [sounded(incoming(record)) for records in batches.values() for record in records]
        return [message for message in messages if not message.damage]

    async def _started(self, *, from_start: bool) -> Any:
        consumer = aiokafka_consumer(self.connection, fetch_max_wait_ms=100)
        try:
            await consumer.start()
            consumer.assign(self._places)
            if not from_start:
                await consumer.seek_to_end(*self._places)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    def _run(self, asked: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        except KafkaError as error:
            raise UnavailableError(f"Kafka broker {self.connection}: not read: {error}") from error

    def _fetch(self) -> None:
        with self._runner:  # which ends what is left when the loop stops
            self._loop.run_forever()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
