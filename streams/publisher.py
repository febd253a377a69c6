"""Publishing: a bounded number of messages under way, and no failure unseen."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.errors import UnavailableError
from streams.stage import Outgoing

_IN_FLIGHT = 256
_FLUSH_S = 120.0


class Publisher:
    """Writes messages to partitions; use it in a ``with``, which flushes.

    kafka-python bounds no memory and shows a failure only in its future: here ``send`` blocks while too many
    are under way, and raises UnavailableError as soon as one has failed.
    """

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.sent = 0
        self._slots = threading.BoundedSemaphore(_IN_FLIGHT)
        self._failure: BaseException | None = None
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=False,
            linger_ms=5,
            batch_size=262_144,
            max_request_size=4 * 1024 * 1024,
            delivery_timeout_ms=int(_FLUSH_S * 1000),
        )

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._producer.close(timeout=5)

    def send(self, partition: int, message: Outgoing) -> None:
        """Hand a message over; it may not be written yet."""
        self._raise_failure()
        self._slots.acquire()
        headers = [("content-type", message.content_type.encode())]
        future = self._producer.send(message.topic, message.value, message.key or None, headers, partition)
        future.add_callback(self._written)
        future.add_errback(self._failed)

    def flush(self) -> None:
        """Return when every message is written; raise UnavailableError where one was not."""
        try:
            self._producer.flush(timeout=_FLUSH_S)
        except KafkaError as error:
            raise UnavailableError(f"Kafka broker {self.bootstrap}: messages not written: {error}") from error
        self._raise_failure()

    def _written(self, _: Any) -> None:
        self.sent += 1
        self._slots.release()

    def _failed(self, error: BaseException) -> None:
        self._failure = error
        self._slots.release()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise UnavailableError(
                f"Kafka broker {self.bootstrap}: a message was not written: {self._failure}"
            )
