"""Faust's consumer, made steady: it waits for room in a full buffer, and hands messages over without detours.

Faust would sleep for a second if the buffer is full, and starts four tasks for every message it delivers.
And it delivers what was committed, and nothing else: Faust does that only within transactions of its own.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterator
from inspect import iscoroutine
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from mode.services import WaitResults

from streams.alarms import alarm
from streams.kafka.committed import ISOLATION, mend_client
from streams.wire.validation import MAX_BYTES

_FETCH_WAIT_MS = 100  # Faust's 1,500 pass whole at a broker that answers a fetch only then


class CommittedThread(AIOKafkaConsumerThread):
    """Reads no message of a transaction that is open, or was aborted; a damaged batch is one message."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        mend_client()
        consumer = super()._create_worker_consumer(transport)
        # They are read when it is started.
        consumer._isolation_level, consumer._fetch_max_wait_ms = ISOLATION, _FETCH_WAIT_MS
        consumer._fetch_max_bytes = 2 * MAX_BYTES  # of all partitions: a backlog comes bit by bit
        return consumer

    def highwater(self, tp: Any) -> Any:
        """Return the offset up to which messages may be read: what lies beyond it is not committed yet.

        None if nothing was fetched yet, or the partition was given to another meanwhile.
        """
        consumer = self._ensure_consumer()
        try:
            stable = consumer.last_stable_offset(tp)
            return consumer.highwater(tp) if stable is None or stable < 0 else stable
        except (AssertionError, KeyError):  # what aiokafka says of a partition that is not assigned
            return None

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Raise an alarm if messages wait and none was processed for as long as Faust has patience.

        Faust would look at messages that are not committed yet, too, and at the time of the last message even
        if there has been nothing to do since. ``now`` is monotonic.
        """
        progress = self.consumer.app.monitor.stream_inbound_time
        if not self.is_behind(tp):
            progress[tp] = now
        idle_s = now - progress.setdefault(tp, now)
        if idle_s >= self.tp_stream_timeout_secs:
            progress[tp] = now
            alarm(
                f"{tp.topic}/{tp.partition}: nothing was processed for {idle_s:.0f} s, though messages wait"
            )

    def is_behind(self, tp: Any) -> bool:
        """Return whether messages of a partition lie at the broker, or here."""
        if any(message.tp == tp for message in self.consumer.unacked):
            return True
        end = self.highwater(tp)
        try:
            state = self._ensure_consumer()._subscription._assigned_state(tp)
        except (AssertionError, KeyError, IllegalStateError):  # not assigned, or not any more
            return False
        return bool(end is not None and state.has_valid_position and state.position < end)


class SteadyConsumer(Consumer):
    """Delivers messages in order, as fast as whoever takes them.

    Committed is what `done` was told, and not, as in Faust, what was acknowledged without a gap: a message
    that was never delivered, and was read from the log instead, leaves one for ever.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._done: dict[Any, tuple[int, int]] = {}

    def done(self, tp: Any, next_offset: int) -> None:
        """Note that a partition was processed up to ``next_offset``, exclusive, and all of it is durable."""
        self._done[tp] = (self.app.consumer_generation_id, next_offset)

    def ack(self, message: Any) -> bool:
        """Let a message go; return whether it was held."""
        was_held = not message.acked
        message.acked = True
        self._unacked_messages.discard(message)
        return was_held

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[Any]:
        return (tp for tp in self._done if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: Any) -> int | None:
        """Return where a partition stands, None if another worker may have had it since."""
        generation, next_offset = self._done[tp]
        return next_offset if generation == self.app.consumer_generation_id else None

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Do nothing: gaps are those of acknowledgements."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def is_behind(self, tp: Any) -> bool:
        """Return whether messages of a partition lie at the broker, or here."""
        return cast(CommittedThread, self._thread).is_behind(tp)

    def on_buffer_full(self, tp: Any) -> None:
        """Do nothing: whoever delivers waits until there is room.

        All partitions of an agent share one buffer: to pause one of them, as Faust does, helps no other.
        """

    async def wait_first(self, *waits: Any, timeout: Any = None) -> WaitResults:
        """Wait for the first of several; at once where that is a delivery for which there is room."""
        first, others = waits[0], waits[1:]
        if not iscoroutine(first):
            return await super().wait_first(*waits, timeout=timeout)
        begun = Begun(first)
        if not begun.is_done:
            return await super().wait_first(begun, *others, timeout=timeout)
        for other in others:
            if iscoroutine(other):
                other.close()
        return WaitResults([first], [begun.result], stopped=False)


class UncommittingConsumer(SteadyConsumer):
    """Leaves the group's offsets to the transactions which belong to them."""

    async def _commit(self, offsets: Any) -> bool:  # noqa: ARG002
        return True


class QuietMonitor(Monitor):
    """Counts no single messages, which a worker counts by the batch; all else that Faust asks of it stays."""

    def on_batch(self, tp: Any) -> None:
        """Learn that a batch of a partition is done."""
        self.stream_inbound_time[tp] = self.time()

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Do nothing."""

    def on_stream_event_out(self, *_: Any) -> None:
        """Do nothing."""


class Begun:
    """A coroutine that was run up to its first wait: ``is_done`` if it had nothing to wait for.

    Else await it. Errors before the first wait are raised by the constructor.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.is_done, self.result = False, None
        self._coroutine = coroutine
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as end:
            self.is_done, self.result = True, end.value

    def __await__(self) -> Generator[Any, Any, Any]:
        """Go on from the first wait."""
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:  # noqa: BLE001  (a cancellation, too, belongs to the coroutine)
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration as end:
            return end.value
