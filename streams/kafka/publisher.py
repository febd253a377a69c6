"""Publishing: a bounded amount of bytes under way, and no failure unseen."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from models.errors import UnavailableError
from streams.alarms import alarm
from streams.kafka.connection import Connection
from streams.stage import Outgoing
from streams.wire.validation import MAX_BYTES

_IN_FLIGHT_BYTES = 16 * 1024 * 1024
_MESSAGE_BYTES = 512  # what a message costs the client beside its value
_CLOSE_S = 5.0
_PATIENCE_S = 10.0
_FOR_EVER_MS = 2**31 - 1

T = TypeVar("T")


class Publisher:
    """Writes messages to partitions, in order; use it in a ``with``, which flushes.

    kafka-python bounds no memory and shows a failure only in its future: here ``send`` waits while more than
    16 MiB are under way, and once a message could not be written within ``give_up_s`` every call raises
    UnavailableError. If that is None a broker that is away is waited for, with an alarm every ten seconds.
    The producer is idempotent, since otherwise a retry could overtake, or double, what came after.
    """

    def __init__(
        self,
        connection: Connection,
        give_up_s: float | None = 120.0,
        alarm: Callable[[str], None] = alarm,
    ) -> None:
        self.connection, self.give_up_s, self.alarm = connection, give_up_s, alarm
        self.sent = self.failed = self._bytes = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        try:
            self._producer = _producer(connection, give_up_s)
        except KafkaError as error:
            raise self._unavailable(error) from error

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            # What cannot be written any more has been raised already, or is about to be.
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=0 if self._failure else _CLOSE_S)

    def send(self, partition: int, message: Outgoing) -> None:
        """Hand a message over; it may not be written yet.

        Raises UnavailableError if this message cannot be taken, or an earlier one was not written.
        """
        size = len(message.value) + _MESSAGE_BYTES
        self._reserve(size)
        headers = [("content-type", message.content_type.encode())]
        try:
            future = self._patiently(
                self._producer.send, message.topic, message.value, message.key or None, headers, partition
            )
        except KafkaError as error:
            self._failed(size, error)
            raise self._unavailable(error) from error
        future.add_callback(functools.partial(self._written, size))
        future.add_errback(functools.partial(self._failed, size))

    @property
    def mean_bytes(self) -> float:
        """Return the mean size of the messages that were written."""
        return self._bytes / max(self.sent, 1)

    def flush(self) -> None:
        """Return when every message is written; raise UnavailableError if one was not."""
        try:
            self._patiently(self._producer.flush, timeout=(self.give_up_s or _PATIENCE_S) + _CLOSE_S)
        except KafkaError as error:
            raise self._unavailable(error) from error
        self._raise_failure()

    def _patiently(self, act: Callable[..., T], *args: Any, **options: Any) -> T:
        """Do what raises in time if it cannot be done; do it again if patience has no end."""
        while True:
            try:
                return act(*args, **options)
            except KafkaTimeoutError as error:
                if self.give_up_s is not None:
                    raise
                self._wait_on(error)

    def _wait_on(self, error: object) -> None:
        self.alarm(f"Kafka broker {self.connection} takes nothing ({error}); trying again")

    def _reserve(self, size: int) -> None:
        with self._changed:
            while not self._changed.wait_for(self._has_room, _PATIENCE_S):
                self._wait_on(f"{self._under_way} bytes are under way")
            self._raise_failure()
            self._under_way += size

    def _has_room(self) -> bool:
        return self._under_way < _IN_FLIGHT_BYTES or self._failure is not None

    def _written(self, size: int, _: Any) -> None:
        with self._changed:
            self.sent += 1
            self._bytes += size
            self._under_way -= size
            self._changed.notify()

    def _failed(self, size: int, error: BaseException) -> None:
        with self._changed:
            self.failed += 1
            self._failure = self._failure or error
            self._under_way -= size
            self._changed.notify()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._unavailable(self._failure)

    def _unavailable(self, error: BaseException) -> UnavailableError:
        unwritten = f"{self.failed} messages not written" if self.failed else "cannot be written to"
        return UnavailableError(f"Kafka broker {self.connection}: {unwritten}: {error}")


def _producer(connection: Connection, give_up_s: float | None) -> KafkaProducer:
    patience_ms = int(1000 * (_PATIENCE_S if give_up_s is None else give_up_s))
    return KafkaProducer(
        **connection.kafka_python(),
        acks="all",
        enable_idempotence=True,
        linger_ms=20,
        batch_size=262_144,
        max_request_size=MAX_BYTES + 65_536,
        bootstrap_timeout_ms=patience_ms,
        max_block_ms=patience_ms,
        request_timeout_ms=30_000 if give_up_s is None else patience_ms // 2,
        delivery_timeout_ms=_FOR_EVER_MS if give_up_s is None else patience_ms,
    )
