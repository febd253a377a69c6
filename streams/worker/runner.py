"""Runs a stage over one partition without a gap: what was missed is read from the log again."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from models.errors import StateError
from streams.alarms import alarm
from streams.stage import (
    Counting,
    Deciding,
    Flushing,
    Incoming,
    Outgoing,
    Remembering,
    Stage,
    StageCounts,
    check_capabilities,
)
from streams.state.alternating import AlternatingSnapshots
from streams.state.snapshots import Position, Snapshots, TwoPlacesError
from streams.wire.codec import dead_letter, letter

log = logging.getLogger(__name__)

_PROGRESS_S = 5.0


class PartitionedLog(Protocol):
    """A partitioned log as a runner needs it: where it begins and ends, and what stands in it."""

    topic: str

    async def begin(self, partition: int) -> int:
        """Return the first offset that retention has left."""

    async def end(self, partition: int) -> int:
        """Return the offset after the last message."""

    async def committed(self, partition: int) -> int | None:
        """Return the offset from which the group is to go on, None for a new group."""

    async def all(self, partition: int) -> list[Incoming]:
        """Return every message there is."""

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        """Yield messages from ``start`` on until ``end`` is reached; some beyond it may come along."""


@dataclass(frozen=True, slots=True)
class Logs:
    """The input of a stage, and the topics of its snapshots and turns, which may be left out.

    ``accept_loss``: begin with what the log still holds if the state is lost, instead of refusing.
    ``dead_letters`` is the topic for what cannot be read. ``clock`` is monotonic, in seconds.
    ``is_atomic``: a snapshot is written as one act, so that what is read is whole.
    """

    source: PartitionedLog
    state: PartitionedLog | None = None
    accept_loss: bool = False
    assignments: PartitionedLog | None = None
    dead_letters: str = ""
    clock: Callable[[], float] = time.monotonic
    is_atomic: bool = True


class Runner:
    """One partition's stage, and the one place that knows which of its messages were seen, saved and missed.

    ``position`` is the offset of the next message that the stage has to see. From ``unseen`` on no other
    runner can have processed a message.
    """

    def __init__(
        self,
        stage: Stage,
        partition: int,
        position: int,
        snapshots: Snapshots | None = None,
        dead_letters: str = "",
    ) -> None:
        self.stage, self.partition, self.position = stage, partition, position
        self.snapshots, self.dead_letters = snapshots, dead_letters
        check_capabilities(stage)
        self.remembering = stage if isinstance(stage, Remembering) else None
        self.saved = self.whole = position
        self.reread = self.unseen = 0

    def take(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Process what the stage has not seen yet; the messages must not leave a gap.

        A damaged batch is a dead letter that no stage sees.
        """
        new = [m for m in messages if m.offset >= self.position]
        if not new:
            return []
        out = list(self.stage.process([m for m in new if not m.damage]))
        letters = [letter(m, m.damage) for m in new if m.damage]
        out += [dead_letter(self.dead_letters, one) for one in letters]
        self.position = new[-1].offset + 1
        return out

    def take_missed(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Process messages that were not delivered, and read from the log instead; they are counted."""
        self.reread += sum(not m.damage for m in messages)
        return self.take(messages)

    def reach(self, offset: int) -> None:
        """Note that there is no message between the position and ``offset``."""
        self.position = max(self.position, offset)

    def unseen_from(self, offset: int) -> None:
        """Note that a former owner may have spoken of any message before ``offset``, and of none after it."""
        self.unseen = offset

    def before_batch(self) -> Sequence[Outgoing]:
        """Return what the stage decides that is to hold from here on."""
        if not isinstance(self.stage, Deciding):
            return ()
        return self.stage.before_batch(self.position, seen=self.position < self.unseen)

    async def flush(self) -> Iterable[Outgoing]:
        """Make durable what the stage keeps outside the log."""
        return await self.stage.flush() if isinstance(self.stage, Flushing) else ()

    def counts(self) -> StageCounts:
        """Return what the stage has counted since the last call."""
        return self.stage.counts() if isinstance(self.stage, Counting) else StageCounts()

    def take_reread(self) -> int:
        """Return how many messages were not delivered since the last call."""
        out, self.reread = self.reread, 0
        return out

    def freeze(self) -> Iterator[Outgoing] | None:
        """Return the records of what has changed since the last snapshot, None if nothing has.

        They are made as they are taken, of what is remembered now, whatever is processed meanwhile; the last
        makes the others count. If one is not written, this must not be asked again: what was taken from what
        has changed is not given back, and the partition has to be opened anew.
        """
        if self.snapshots is None or self.remembering is None or self.saved == self.position:
            return None
        self.saved = self.position
        return self.snapshots.write(self.remembering.delta(), self.position)


async def open_runner(logs: Logs, make_stage: Callable[[], Stage], partition: int, first: int) -> Runner:
    """Open a partition whose next delivered message has offset ``first``.

    The stage gets its last snapshot, and sees silently what was processed after it. If the committed offset
    lies before ``first``, messages were passed over in a rebalance (a known hole of the client library): the
    runner stands before them, for `catch_up`. If it lies behind, a former owner went on after this worker had
    asked: what it has done is not done again. A group that committed nothing begins with the log. A snapshot
    or an offset beyond the end is of a topic that was deleted and made anew.

    Raises StateError if the state is lost for good.
    """
    begin, committed = await logs.source.begin(partition), await logs.source.committed(partition)
    if committed is not None and first < committed and committed > await logs.source.end(partition):
        committed = first
    done = begin if committed is None else committed
    was_cut = begin > 0 and committed is not None
    end = max(first, await logs.source.end(partition))  # the embedded broker names one before its end
    runner, loss = await _restored(logs, make_stage, partition, _Reach(begin, end, was_cut))
    if runner.remembering is None:
        runner.reach(done)
    if runner.position < done:
        log.info("partition %d: seeing offsets %d to %d again", partition, runner.position, done - 1)
    async for messages in logs.source.read(partition, runner.position, done):
        runner.take([m for m in messages if m.offset < done])
    runner.reach(done)
    suffices = runner.remembering is None or runner.remembering.self_contained()
    if loss and was_cut and not (suffices or logs.accept_loss):
        raise StateError(_refusal(logs.source.topic, partition, loss))
    return runner


async def catch_up(source: PartitionedLog, runner: Runner, first: int) -> list[Outgoing]:
    """Process what lies between the runner's position and the message at ``first``.

    If that is nothing but the marks of transactions, or what compaction left out, nothing comes of it.
    """
    out: list[Outgoing] = []
    if runner.position < first:
        async for messages in source.read(runner.partition, runner.position, first):
            out += runner.take_missed([m for m in messages if m.offset < first])
        runner.reach(first)
    return out


def contiguous(messages: Sequence[Incoming]) -> list[Sequence[Incoming]]:
    """Cut messages, in order of offset, where an offset is missing between two of them."""
    cuts = [i for i in range(1, len(messages)) if messages[i].offset != messages[i - 1].offset + 1]
    edges = [0, *cuts, len(messages)]
    return [messages[i:j] for i, j in itertools.pairwise(edges) if j > i]


def portions(messages: Sequence[Incoming], most_bytes: int) -> Iterator[Sequence[Incoming]]:
    """Cut messages into parts of at most ``most_bytes`` each, or of one message."""
    start = size = 0
    for i, message in enumerate(messages):
        more = len(message.value or b"")
        if i > start and size + more > most_bytes:
            yield messages[start:i]
            start, size = i, 0
        size += more
    yield messages[start:]


class _Reach(NamedTuple):
    """The offsets [begin, end) of a log; ``was_cut``: messages that the group has seen may lie before it."""

    begin: int
    end: int
    was_cut: bool


async def _restored(
    logs: Logs, make_stage: Callable[[], Stage], partition: int, reach: _Reach
) -> tuple[Runner, str]:
    """Return a runner with the last snapshot, else one at the start of the log; and what was lost with it."""
    stage = make_stage()
    if logs.state is None or not isinstance(stage, Remembering):
        return Runner(stage, partition, reach.begin, None, logs.dead_letters), ""
    snapshots = (Snapshots if logs.is_atomic else AlternatingSnapshots)(logs.state.topic, stage.identity)
    try:
        position, loss = await _loaded(logs, snapshots, stage, partition)
    except TwoPlacesError:  # of a time without transactions: it goes on as it was begun
        return await _restored(replace(logs, is_atomic=False), make_stage, partition, reach)
    loss = loss or _gap(position, reach)
    if position is not None and not loss:
        return Runner(stage, partition, position.offset, snapshots, logs.dead_letters), ""
    if loss:
        alarm(f"partition {partition}: {loss}; building it from the log again")
    return Runner(make_stage(), partition, reach.begin, snapshots.anew(), logs.dead_letters), loss


async def _loaded(
    logs: Logs, snapshots: Snapshots, stage: Remembering, partition: int
) -> tuple[Position | None, str]:
    """Give a stage its last snapshot; return its position, and what makes it of no use."""
    try:
        await _load(logs, snapshots, stage, partition)
        position = snapshots.verify()
        if position is not None:
            stage.restored()
    except StateError as error:
        return None, str(error)
    return position, ""


async def _load(logs: Logs, snapshots: Snapshots, stage: Remembering, partition: int) -> None:
    """Read all snapshots, saying now and then how far that has come."""
    state = logs.state
    if state is None:
        return
    begin, end = await state.begin(partition), await state.end(partition)
    reported = logs.clock()
    async for messages in state.read(partition, begin, end):
        for message in messages:
            snapshots.read(message, stage)
        if messages and logs.clock() - reported > _PROGRESS_S:
            reported = logs.clock()
            share = (messages[-1].offset - begin) / max(end - begin, 1)
            log.warning("partition %d: state %.0f %% loaded", partition, 100 * share)
    snapshots.complete(stage)


def _gap(position: Position | None, reach: _Reach) -> str:
    """Say what is missing between a snapshot and the log it continues; empty if nothing is."""
    begin, end, was_cut = reach
    if position is None:
        return f"there is no state, and the log begins at offset {begin} only" if was_cut else ""
    if position.offset < begin:
        return f"the state ends at offset {position.offset}, the log begins at {begin}"
    if position.offset > end:
        return f"the state ends at offset {position.offset}, the log at {end}: its topic was made anew"
    return ""


def _refusal(topic: str, partition: int, loss: str) -> str:
    return (
        f"partition {partition} of {topic}: {loss}; what the log still holds does not suffice to build "
        "it again. Bring the state topic back, or the version that wrote it (docs/upgrade.md), or start once "
        "with CHILLCAST_STATE_LOSS=accept: what reaches back further than the log will lack what is gone"
    )
