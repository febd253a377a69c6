"""Writes snapshots behind: one at a time, a few milliseconds' worth at a time, while processing goes on."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from aiokafka.errors import ProducerFenced

from models.errors import UnavailableError
from streams.stage import Outgoing
from streams.state.snapshot_schedule import SaveSchedule
from streams.worker.commit import Committer, LostPartitionError, SnapshotParts
from streams.worker.grant import SNAPSHOT_S
from streams.worker.runner import Runner

log = logging.getLogger(__name__)

_PART_S = 0.004  # how long processing waits for a part to be made, if there is anything to process
_SHARE, _LARGEST_S = 0.25, 0.03  # of the time, if there is always something to process
_LATE_S = SNAPSHOT_S / 2  # from then on parts are as large as their share of the time
_GIVE_UP_S = 5.0


class _UnderWay(NamedTuple):
    """A snapshot that is being written, of what a runner had seen before ``offset``."""

    task: asyncio.Task[None]
    runner: Runner
    offset: int
    began_s: float


class WriteBehind:
    """Saves the partitions of one source in turn; ``clock`` is monotonic, in seconds."""

    def __init__(
        self, source: str, committer: Committer, interval_s: float, clock: Callable[[], float]
    ) -> None:
        self.source, self.committer, self.clock = source, committer, clock
        self._schedule = SaveSchedule(interval_s)
        self._under_way: _UnderWay | None = None
        self._is_closed = False

    def begin(self, runner: Runner, is_ours: Callable[[], bool]) -> None:
        """Freeze a partition that is due, and begin to write it. All before its position is committed."""
        now_s, partition = self.clock(), runner.partition
        is_due = self._schedule.is_due(partition, now_s) and self._under_way is None and not self._is_closed
        records = runner.freeze() if is_due else None
        if records is None:
            return
        self._schedule.began(partition, now_s)
        snapshot = SnapshotParts(self.source, partition, parts(records, self.clock))
        task = asyncio.create_task(self._write(snapshot, is_ours))
        self._under_way = _UnderWay(task, runner, runner.position, now_s)

    def settle(self) -> int | None:
        """Take note if a snapshot has ended. Raises what it failed with, UnavailableError if it never ends.

        Return the partition if it was lost meanwhile: what its runner remembers must not be saved any more.
        """
        one = self._under_way
        if one is None:
            return None
        if not one.task.done():
            self._check_time(one)
            return None
        self._under_way = None
        try:
            one.task.result()
        except LostPartitionError:
            self._schedule.given_up()
            return one.runner.partition
        self._schedule.ended(self.clock())
        one.runner.whole = one.offset
        return None

    async def give_up(self, partition: int | None = None) -> None:
        """End the snapshot under way, or that of a partition alone; its runner is of no use any more."""
        one = self._under_way
        if one is None or partition not in (None, one.runner.partition):
            return
        self._under_way = None
        self._schedule.given_up()
        one.task.add_done_callback(_given_up)
        one.task.cancel()
        await asyncio.wait({one.task}, timeout=_GIVE_UP_S)

    async def close(self) -> None:
        """Give up, and begin nothing any more."""
        self._is_closed = True
        await self.give_up()

    def _check_time(self, one: _UnderWay) -> None:
        if self.committer.exactly_once and self.clock() - one.began_s > SNAPSHOT_S:
            place = f"{self.source}/{one.runner.partition}"
            raise UnavailableError(f"{place}: a snapshot was not written within {SNAPSHOT_S} s")

    async def _write(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        try:
            await self.committer.save(snapshot, is_ours)
        except ProducerFenced:
            if is_ours():
                raise
            raise LostPartitionError from None  # it was given away, as both know


def _given_up(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.info("a snapshot was given up: %r", error)


def parts(records: Iterable[Outgoing], clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
    """Cut records into parts that take some milliseconds to make; the last record is a part of its own.

    A part may take longer if the one before had to wait for long, since others were processing.
    """
    part: list[Outgoing] = []
    newest: list[Outgoing] = []
    began_s = clock()
    until_s = began_s + _PART_S
    for record in records:
        part += newest
        newest = [record]
        if part and clock() >= until_s:
            sent_s = clock()
            yield part
            now_s = clock()
            largest_s = _LARGEST_S if now_s - began_s < _LATE_S else math.inf
            part, until_s = [], now_s + min(max(_PART_S, _SHARE * (now_s - sent_s)), largest_s)
    yield from filter(None, (part, newest))
