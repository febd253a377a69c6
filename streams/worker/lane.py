"""One source topic of a worker: a runner for each partition it is given, and the logs to restore them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.delivery.notice import Delivery
from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog, incoming
from streams.records import DeadLetter
from streams.stage import Incoming, Outgoing, Stage
from streams.wire.codec import DEAD_LETTER, DELIVERY, decode_json
from streams.wire.validation import MAX_BYTES
from streams.worker.commit import CommitBatch, Committer, LostPartitionError
from streams.worker.membership import Membership
from streams.worker.metrics import Metrics
from streams.worker.runner import Logs, Runner, catch_up, contiguous, open_runner, portions
from streams.worker.write_behind import WriteBehind

log = logging.getLogger(__name__)

OpenStage = Callable[[str, int, Sequence[Incoming]], Stage]
"""Opens the stage of a topic's partition, given what was decided of it at earlier turns."""
_QUIET_S = 5.0
_FINISH_S = 5.0  # for the batch at hand, of the time that whoever ends a worker has patience
_FETCH_BYTES = 256 * 1024  # for a batch of messages at most; all that a fetch brings becomes objects
_BATCH_BYTES = MAX_BYTES  # what comes of it, and waits for the broker, may be ten times as much


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker reaches its broker, how much it takes at once, and how often it saves its state.

    ``member`` names it within its group for good: started again soon enough, it keeps its partitions.
    """

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
    member: str = ""
    dead_letters: str = ""


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What the lanes of a worker share; ``clock`` is monotonic, in seconds."""

    options: WorkerOptions
    open_stage: OpenStage
    committer: Committer
    metrics: Metrics
    group: Membership
    clock: Callable[[], float] = time.monotonic


class Lane:
    """Processes what is delivered of one topic, partition by partition."""

    def __init__(self, context: LaneContext, source: str) -> None:
        self.context, self.source = context, source
        self.metrics = context.metrics.of_topic(source)
        self.runners: dict[int, Runner] = {}
        self.generation = -1
        interval_s = context.options.state_interval_s
        self._behind = WriteBehind(source, context.committer, interval_s, context.clock)
        self._logs: Logs | None = None
        self._turn = asyncio.Lock()
        self._is_closed = False
        self._handled = self._followed = context.clock()
        self._last: dict[int, float] = {}  # when a partition was handled in this generation
        self._searched: dict[int, int] = {}

    async def handle(self, events: Sequence[Any]) -> None:
        """Process a batch; what was committed is acknowledged, what belongs to others now is dropped."""
        async with self._turn:
            self._settle()
            await self._handle(events)
            self._handled = self.context.clock()
            self._last.update(dict.fromkeys({e.message.partition for e in events}, self._handled))

    async def search(self) -> None:
        """Process what was never delivered, though it may be read, of partitions that are quiet for a while.

        What is passed over in the middle of a partition is seen by the next message: this is for its end.
        """
        async with self._turn:
            self._settle()
            await self._follow(self.context.group.generation())
            for partition in self._quiet():
                end = self.context.group.end(self.source, partition)
                if end and self._searched.get(partition) != end and not self._is_closed:
                    await self._search(partition, end)

    def _quiet(self) -> Sequence[int]:
        """Return the partitions of which nothing was delivered for a while.

        If others are busy, one whose messages wait behind theirs is not quiet.
        """
        group, since = self.context.group, self.context.clock() - _QUIET_S
        own = group.partitions(self.source)
        if self._handled <= since:
            return own
        idle = [p for p in own if self._last.get(p, self._followed) <= since]
        return [p for p in idle if not group.is_coming(self.source, p)]

    async def _search(self, partition: int, end: int) -> None:
        """Process a partition up to its end, a batch at a time."""
        runner = self.runners.get(partition)
        source = self._connected().source
        committed = runner.position if runner else await source.committed(partition)
        start = await source.begin(partition) if committed is None else committed
        for until in [*range(start + self.context.options.batch, end, self.context.options.batch), end]:
            if start < end and not await self._process(partition, [], until):
                return
        self._searched[partition] = end

    async def _handle(self, events: Sequence[Any]) -> None:
        await self._follow(self.context.group.generation())
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
            if not await self._process(partition, part, part[-1].offset + 1):
                return
            for event in events[done : done + len(part)]:
                event.ack()
            done += len(part)

    def waiting(self) -> Sequence[int]:
        """Return the partitions this worker has of which messages wait, and whose state is not loaded."""
        group = self.context.group
        own = [p for p in group.partitions(self.source) if p not in self.runners]
        return [p for p in own if group.end(self.source, p) not in (0, self._searched.get(p))]

    def stuck_since(self) -> float | None:
        """Return since when nothing was processed though messages wait, monotonic; None if none do."""
        is_behind = any(
            (self.context.group.end(self.source, partition) or 0) > runner.position
            for partition, runner in list(self.runners.items())
        )
        return self._handled if is_behind or self.waiting() else None

    async def close(self) -> None:
        """Take nothing up any more, and disconnect from the logs once what is at hand is done, or takes long.

        A snapshot that is under way is given up.
        """
        self._is_closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S), self._turn:
                log.debug("%s: nothing is at hand any more", self.source)
        await self._behind.close()
        if self._logs is not None:
            for one in (self._logs.source, self._logs.state, self._logs.assignments):
                if isinstance(one, KafkaLog):
                    await one.stop()

    async def _follow(self, generation: int) -> None:
        """Forget everything at a new generation of the group: others may have had the partitions since."""
        if generation == self.generation:
            return
        self.generation, self._followed = generation, self.context.clock()
        self._last.clear()
        await self._behind.give_up()
        for partition in self.runners:
            self.metrics.closed(partition)
        self.runners.clear()
        self._searched.clear()
        await self.context.committer.close_source(self.source)

    def _is_ours(self, partition: int, generation: int | None) -> bool:
        return generation == self.generation and self.context.group.is_ours(
            self.source, partition, self.generation
        )

    async def _process(self, partition: int, messages: Sequence[Incoming], until: int) -> bool:
        """Return whether all up to ``until`` is processed and committed; ``messages`` are the last of it."""
        if self._is_closed:
            return False
        started = self.context.clock()
        first = messages[0].offset if messages else until
        runner = self.runners.get(partition) or await self._opened(partition, first)
        decided = runner.before_batch()
        if decided and not await self._commit(runner, decided):
            return False
        outputs: list[Outgoing] = []
        source = self._connected().source
        # A damaged batch is fetched once more, by another connection, before it is given up.
        for run in contiguous([m for m in messages if not m.damage]):
            outputs += [*await catch_up(source, runner, run[0].offset), *runner.take(run)]
        outputs += await catch_up(source, runner, until)
        outputs += await runner.flush()
        self._observe(runner, outputs, len(messages), self.context.clock() - started)
        return await self._commit(runner, outputs)

    def _observe(self, runner: Runner, outputs: Sequence[Outgoing], messages: int, step_s: float) -> None:
        metrics, partition, counts = self.metrics, runner.partition, runner.counts()
        metrics.observe_step(partition, step_s, messages, counts.readings)
        metrics.late(partition, counts.late)
        metrics.dropped(partition, counts.too_late, "too_late")
        metrics.dropped(partition, counts.duplicates, "duplicate")
        for level, windows in counts.scored.items():
            metrics.scored(partition, windows, level)
        metrics.unsaid(partition, counts.unsaid)
        metrics.holes(partition, runner.take_reread())
        for output in outputs:
            if output.content_type == DEAD_LETTER:
                metrics.dead_letter(partition, decode_json(output.value, DeadLetter).reason)
            elif output.content_type == DELIVERY:
                attempt = decode_json(output.value, Delivery)
                metrics.delivery(partition, attempt.channel, attempt.ending)
        if counts.watermark_ms:
            metrics.set_watermark(partition, counts.watermark_ms)

    async def _commit(self, runner: Runner, outputs: Sequence[Outgoing]) -> bool:
        started, partition = self.context.clock(), runner.partition
        is_ours = partial(self._is_ours, partition, self.generation)
        batch = CommitBatch(self.source, partition, runner.position, outputs)
        try:
            await self.context.committer.commit(batch, is_ours)
        except LostPartitionError:
            log.warning("partition %d of %s was lost before its batch was committed", partition, self.source)
            await self._behind.give_up(partition)
            self.runners.pop(partition, None)
            return False
        self._count(runner, batch, self.context.clock() - started)
        self._settle()
        # Not sooner: a snapshot ahead of what was said would have a successor keep silent of it.
        if self.runners.get(partition) is runner:
            self._behind.begin(runner, is_ours)
        return self.runners.get(partition) is runner

    def _settle(self) -> None:
        """Take note of a snapshot that has ended."""
        lost = self._behind.settle()
        if lost is not None:
            log.warning("partition %d of %s was lost before its snapshot was committed", lost, self.source)
            self.runners.pop(lost, None)

    def _count(self, runner: Runner, batch: CommitBatch, commit_s: float) -> None:
        partition, metrics = runner.partition, self.metrics
        metrics.observe_commit(commit_s)
        self.context.group.on_batch(self.source, partition, batch.next_offset)
        end = self.context.group.end(self.source, partition)
        metrics.set_lag(partition, max((end or 0) - batch.next_offset, 0))
        if runner.snapshots is not None:
            metrics.set_state_bytes(partition, runner.snapshots.nbytes)
            metrics.set_state_unsaved(partition, runner.position - runner.whole)

    async def _opened(self, partition: int, first: int) -> Runner:
        # First of all: from here on a former owner can commit nothing more, so that what is read stays true.
        remembers = self.context.options.state_topic is not None
        await self.context.committer.open(self.source, partition, remembers=remembers)
        log = self._connected().assignments
        assignments = await log.all(partition) if log else []
        make_stage = partial(self.context.open_stage, self.source, partition, assignments)
        runner = self.runners[partition] = await open_runner(self._connected(), make_stage, partition, first)
        if not self.context.committer.exactly_once:
            # A former owner may have written outputs of anything there is, and died before it said so.
            runner.unseen_from(await self._connected().source.end(partition))
        self.metrics.opened(partition)
        return runner

    def _connected(self) -> Logs:
        if self._logs is None:
            options = self.context.options
            source = KafkaLog(options.connection, self.source, options.group, _FETCH_BYTES)
            state = KafkaLog(options.connection, options.state_topic) if options.state_topic else None
            assignments = (
                KafkaLog(options.connection, options.assignments_topic) if options.assignments_topic else None
            )
            self._logs = Logs(
                source=source,
                state=state,
                accept_loss=options.accept_loss,
                assignments=assignments,
                dead_letters=options.dead_letters,
                clock=self.context.clock,
                is_atomic=self.context.committer.exactly_once,
            )
        return self._logs
