"""A worker: one Faust app that runs one stage over the partitions it is given, and loses nothing.

Faust delivers; everything that has to survive a crash is done here, by hand: raw bytes in, `noack_take`, one
commit per batch and partition, then acknowledged. An exception ends the process, and its supervisor starts
another.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import faust
from aiokafka.errors import ProducerFenced

from models.errors import ChillcastError
from streams.alarms import alarm
from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog, incoming
from streams.stage import Incoming, Outgoing, Stage
from streams.state.snapshot_schedule import SaveSchedule
from streams.wire.codec import DEAD_LETTER
from streams.wire.validation import MAX_BYTES
from streams.worker.commit import CommitBatch, Committer, LostPartitionError, client_id
from streams.worker.faust_consumer import QuietMonitor, SteadyConsumer, UncommittingConsumer
from streams.worker.metrics import Metrics
from streams.worker.runner import Logs, Runner, catch_up, contiguous, open_runner, portions

log = logging.getLogger(__name__)

OpenStage = Callable[[str, int, Sequence[Incoming]], Stage]
"""Opens the stage of a topic's partition, given what was decided of it at earlier turns."""
_BATCH_BYTES = MAX_BYTES  # what comes of it, and waits for the broker, may be ten times as much
FENCED = 75  # another worker has the partition: nothing may be tidied up


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker reaches its broker, how much it takes at once, and how often it saves its state."""

    connection: Connection
    group: str
    sources: tuple[str, ...]
    state_topic: str | None = None
    assignments_topic: str | None = None
    accept_loss: bool = False
    batch: int = 512
    within_s: float = 0.02
    state_interval_s: float = 60.0
    session_timeout_s: float = 10.0
    data_folder: str = ""
    dead_letters: str = ""


class Worker:
    """Runs one stage; `run` returns when the process is told to stop, and raises SystemExit on a crash."""

    def __init__(
        self, options: WorkerOptions, open_stage: OpenStage, committer: Committer, metrics: Metrics
    ) -> None:
        self.options, self.open_stage, self.committer, self.metrics = options, open_stage, committer, metrics
        self.app = create_app(options, commits=not committer.exactly_once)
        self.lanes = [Lane(self, source) for source in options.sources]
        for lane in self.lanes:
            self._add_agent(lane)
        self.app.on_before_shutdown.connect(self._disconnect)
        metrics.set_exactly_once(exactly_once=committer.exactly_once)

    def run(self) -> None:
        """Start the app and block; logging stays as it was configured."""
        worker = faust.Worker(self.app, quiet=True, redirect_stdouts=False, override_logging=False)
        worker.execute_from_commandline()

    def is_ours(self, topic: str, partition: int, generation: int) -> bool:
        """Return whether a partition that was given in a generation of the group is still this worker's."""
        place = faust.types.TP(topic, partition)
        return self.app.consumer_generation_id == generation and place in self.app.consumer.assignment()

    def _add_agent(self, lane: Lane) -> None:
        topic = self.app.topic(lane.source, key_type=bytes, value_type=bytes)

        async def run(stream: Any) -> None:
            async for events in stream.noack_take(self.options.batch, within=self.options.within_s):
                await self._guarded(lane, events)

        self.app.agent(topic, name=f"{self.options.group}.{lane.source}", concurrency=1)(run)

    async def _guarded(self, lane: Lane, events: Sequence[Any]) -> None:
        """Handle a batch; where that fails, end the process at once.

        While Faust unwinds a crashed agent it acknowledges what is left in the stream, unprocessed, and may
        take half a minute: 105 of 3,840 windows were lost so on a broker without transactions.
        """
        try:
            await lane.handle(events)
        except ProducerFenced:
            alarm(f"another worker took over a partition of {lane.source}: ending at once")
            _leave(FENCED)
        except ChillcastError as error:
            alarm(str(error))
            _leave(1)
        except Exception:
            log.exception("a batch of %s could not be processed", lane.source)
            _leave(1)

    async def _disconnect(self, *_: Any, **__: Any) -> None:
        for lane in self.lanes:
            await lane.close()
        await self.committer.close()


def _leave(code: int) -> None:
    logging.shutdown()
    os._exit(code)


class Lane:
    """One source topic of a worker: a runner per partition, and the logs to restore them from."""

    def __init__(self, worker: Worker, source: str) -> None:
        self.worker, self.source = worker, source
        self.metrics = worker.metrics.of_topic(source)
        self.runners: dict[int, Runner] = {}
        self.generation = -1
        self._saves = SaveSchedule(worker.options.state_interval_s)
        self._logs: Logs | None = None

    async def handle(self, events: Sequence[Any]) -> None:
        """Process a batch; what was committed is acknowledged, what belongs to others now is dropped."""
        await self._follow(self.worker.app.consumer_generation_id)
        parts: dict[int, list[Any]] = defaultdict(list)
        for event in events:
            parts[event.message.partition].append(event)
        for partition, part in parts.items():
            given = [e for e in part if e.message.generation_id == self.generation]
            if not (given and self._is_ours(partition, self.generation)):
                continue
            await self._process_all(partition, given)

    async def _process_all(self, partition: int, events: Sequence[Any]) -> None:
        """Process and acknowledge events of a partition, of large ones a few at a time."""
        messages, done = [incoming(event.message) for event in events], 0
        for part in portions(messages, _BATCH_BYTES):
            if not await self._process(partition, part):
                return
            for event in events[done : done + len(part)]:
                event.ack()
            done += len(part)

    async def close(self) -> None:
        """Disconnect from the logs."""
        if self._logs is not None:
            for one in (self._logs.source, self._logs.state, self._logs.assignments):
                if isinstance(one, KafkaLog):
                    await one.stop()

    async def _follow(self, generation: int) -> None:
        """Forget everything at a new generation of the group: others may have had the partitions since."""
        if generation == self.generation:
            return
        self.generation = generation
        for partition in self.runners:
            self.metrics.closed(partition)
        self.runners.clear()
        await self.worker.committer.close_source(self.source)

    def _is_ours(self, partition: int, generation: int | None) -> bool:
        return generation == self.generation and self.worker.is_ours(self.source, partition, self.generation)

    async def _process(self, partition: int, messages: Sequence[Incoming]) -> bool:
        """Return whether the messages of a partition are processed and committed."""
        started = time.monotonic()
        runner = self.runners.get(partition) or await self._opened(partition, messages[0].offset)
        decided = runner.stage.before_batch(runner.position, seen=runner.position < runner.unseen)
        if decided and not await self._commit(runner, decided):
            return False
        outputs: list[Outgoing] = []
        source = self._connected().source
        # A damaged batch is fetched once more, by another connection, before it is given up.
        for run in contiguous([m for m in messages if not m.damage]):
            outputs += [*await catch_up(source, runner, run[0].offset), *runner.take(run)]
        outputs += await catch_up(source, runner, messages[-1].offset + 1)
        outputs += await runner.stage.flush()
        self._observe(runner, outputs, len(messages), time.monotonic() - started)
        return await self._commit(runner, outputs)

    def _observe(self, runner: Runner, outputs: Sequence[Outgoing], messages: int, step_s: float) -> None:
        metrics, partition, counts = self.metrics, runner.partition, runner.stage.counts()
        metrics.observe_step(partition, step_s, messages, counts.readings)
        metrics.late(partition, counts.late)
        metrics.dropped(partition, counts.too_late, "too_late")
        metrics.dropped(partition, counts.duplicates, "duplicate")
        for level, windows in counts.scored.items():
            metrics.scored(partition, windows, level)
        metrics.holes(partition, runner.reread)
        runner.reread = 0
        metrics.dead_letters(partition, sum(o.content_type == DEAD_LETTER for o in outputs))
        if counts.watermark_ms:
            metrics.set_watermark(partition, counts.watermark_ms)

    async def _commit(self, runner: Runner, outputs: Sequence[Outgoing]) -> bool:
        started, partition, generation = time.monotonic(), runner.partition, self.generation
        saves = self._saves.is_due(partition, started)
        state = runner.snapshot() if saves else ()
        batch = CommitBatch(self.source, partition, runner.position, outputs, state)
        try:
            await self.worker.committer.commit(batch, lambda: self._is_ours(partition, generation))
        except LostPartitionError:
            log.warning("partition %d of %s was lost before its batch was committed", partition, self.source)
            del self.runners[partition]
            return False
        if saves:
            self._saves.saved(partition, started, time.monotonic())
        self._count(runner, batch, time.monotonic() - started)
        return True

    def _count(self, runner: Runner, batch: CommitBatch, commit_s: float) -> None:
        partition, metrics = runner.partition, self.metrics
        metrics.observe_commit(commit_s)
        place = faust.types.TP(self.source, partition)
        monitor: Any = self.worker.app.monitor
        monitor.on_batch(place)
        highwater = self.worker.app.consumer.highwater(place)
        metrics.set_lag(partition, max((highwater or 0) - batch.next_offset, 0))
        if runner.snapshots is not None:
            metrics.set_state_bytes(partition, runner.snapshots.nbytes)

    async def _opened(self, partition: int, first: int) -> Runner:
        # First of all: from here on a former owner can commit nothing more, so that what is read stays true.
        await self.worker.committer.open(self.source, partition)
        log = self._connected().assignments
        assignments = await log.all(partition) if log else []
        make_stage = partial(self.worker.open_stage, self.source, partition, assignments)
        runner = self.runners[partition] = await open_runner(self._connected(), make_stage, partition, first)
        if not self.worker.committer.exactly_once:
            # A former owner may have written outputs of anything there is, and died before it said so.
            runner.unseen = await self._connected().source.end(partition)
        self.metrics.opened(partition)
        return runner

    def _connected(self) -> Logs:
        if self._logs is None:
            options = self.worker.options
            source = KafkaLog(options.connection, self.source, options.group)
            state = KafkaLog(options.connection, options.state_topic) if options.state_topic else None
            assignments = (
                KafkaLog(options.connection, options.assignments_topic) if options.assignments_topic else None
            )
            self._logs = Logs(source, state, options.accept_loss, assignments, options.dead_letters)
        return self._logs


def create_app(options: WorkerOptions, *, commits: bool = True) -> faust.App:
    """Return a Faust app with the settings under which no message was lost (see docs/decisions).

    ``commits``: Faust commits what is acknowledged.
    """
    app = faust.App(
        options.group,
        broker_client_id=client_id(options.group, exactly_once=not commits),
        broker=options.connection.faust_broker(),
        broker_credentials=options.connection.faust_credentials(),
        datadir=options.data_folder or None,
        agent_supervisor="mode.CrashingSupervisor",
        stream_wait_empty=False,
        stream_buffer_maxsize=128,
        broker_commit_interval=1.0,
        broker_max_poll_interval=21600.0,
        broker_session_timeout=options.session_timeout_s,
        broker_heartbeat_interval=options.session_timeout_s / 5,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_BYTES,
        key_serializer="raw",
        value_serializer="raw",
        table_standby_replicas=0,
        web_enabled=False,
        Monitor=QuietMonitor,
        topic_disable_leader=True,
        topic_allow_declare=False,
        worker_redirect_stdouts=False,
    )
    app.transport.Consumer = SteadyConsumer if commits else UncommittingConsumer  # type: ignore[misc]
    return app
