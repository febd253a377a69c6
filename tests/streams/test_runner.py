"""Partitions are opened and followed without a gap, whatever the client library leaves out."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runner import Runner, catch_up, contiguous, open_runner
from streams.stage import Incoming, Outgoing


def message(offset: int) -> Incoming:
    return Incoming("in", 0, offset, b"k", str(offset).encode(), "text/plain")


@dataclass
class Sums:
    """A stage whose outputs tell everything it has seen."""

    remembers: bool = True
    seen: list[int] = field(default_factory=list)

    def process(self, message: Incoming) -> Iterable[Outgoing]:
        self.seen.append(message.offset)
        return [Outgoing("out", b"k", str(self.seen).encode(), "text/plain")]

    async def settle(self) -> Iterable[Outgoing]:
        return ()


@dataclass
class FakeLog:
    """A log of one partition: retention took what is before ``first``, compaction what is in ``holes``."""

    first: int = 0
    committed_at: int | None = None
    holes: frozenset[int] = frozenset()
    batch: int = 3
    reads: list[tuple[int, int]] = field(default_factory=list)

    async def begin(self, partition: int) -> int:
        return self.first

    async def committed(self, partition: int) -> int | None:
        return self.committed_at

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        self.reads.append((start, end))
        there = [message(i) for i in range(max(start, self.first), end) if i not in self.holes]
        for i in range(0, len(there), self.batch):
            yield there[i : i + self.batch]


def opened(log: FakeLog, first: int, *, remembers: bool = True) -> tuple[Runner, Sums, list[int]]:
    """Open the partition; return how many messages had been seen at each output."""
    stage = Sums(remembers)
    runner, outputs = asyncio.run(open_runner(log, stage, 0, first))
    return runner, stage, [len(numbers(o.value)) for o in outputs]


def numbers(text: bytes) -> list[int]:
    return [int(part) for part in text.decode().strip("[]").split(",")]


def test_state_is_rebuilt_silently_up_to_the_committed_offset() -> None:
    runner, stage, outputs = opened(FakeLog(committed_at=7), first=7)
    assert (stage.seen, outputs, runner.position) == (list(range(7)), [], 7)


def test_after_the_rebuild_it_speaks_with_the_whole_state() -> None:
    runner, _stage, _ = opened(FakeLog(committed_at=7), first=7)
    (out,) = runner.take([message(7)])
    assert numbers(out.value) == list(range(8))


def test_what_a_rebalance_passed_over_is_processed_and_speaks(caplog: pytest.LogCaptureFixture) -> None:
    runner, stage, outputs = opened(FakeLog(committed_at=4), first=7)
    assert (stage.seen, outputs, runner.position) == (list(range(7)), [5, 6, 7], 7)
    assert "reading offsets 4–6 again" in caplog.text


def test_messages_delivered_again_after_the_rebuild_are_not_seen_twice() -> None:
    """A worker may get what another had committed, when its own view is older."""
    runner, stage, outputs = opened(FakeLog(committed_at=9), first=5)
    assert (stage.seen, outputs) == (list(range(5)), [])
    runner.take([message(i) for i in (3, 4, 5, 6)])
    assert stage.seen == list(range(7))


def test_a_new_group_starts_at_the_message_it_is_given() -> None:
    _runner, stage, outputs = opened(FakeLog(), first=3)
    assert (stage.seen, outputs) == (list(range(3)), [])


def test_a_stage_without_memory_reads_only_the_hole() -> None:
    log = FakeLog(committed_at=4)
    runner, stage, outputs = opened(log, first=6, remembers=False)
    assert (stage.seen, outputs, runner.position) == ([4, 5], [1, 2], 6)
    assert opened(FakeLog(committed_at=6), first=6, remembers=False)[1].seen == []


def test_a_truncated_history_is_used_from_where_it_begins_and_said(caplog: pytest.LogCaptureFixture) -> None:
    runner, stage, outputs = opened(FakeLog(first=5, committed_at=9), first=9)
    assert (stage.seen, outputs, runner.position) == ([5, 6, 7, 8], [], 9)
    assert "history before offset 5 is gone" in caplog.text


def test_a_log_that_was_emptied_up_to_the_next_message_opens_with_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runner, stage, outputs = opened(FakeLog(first=9, committed_at=4), first=9)
    assert (stage.seen, outputs, runner.position) == ([], [], 9)


def test_a_whole_history_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        opened(FakeLog(committed_at=7), first=7)
    assert caplog.text == ""


def test_offsets_that_transactions_or_compaction_left_out_are_no_gap() -> None:
    log = FakeLog(committed_at=6, holes=frozenset({2, 5, 7}))
    runner, stage, outputs = opened(log, first=8)
    assert (stage.seen, outputs, runner.position) == ([0, 1, 3, 4, 6], [5], 8)


def test_a_gap_between_deliveries_is_read_from_the_log() -> None:
    log, stage = FakeLog(), Sums()
    runner = Runner(stage, 0, 0)
    runner.take([message(0), message(1)])
    outputs = asyncio.run(catch_up(log, runner, 5))
    assert [numbers(o.value)[-1] for o in outputs] == [2, 3, 4]
    assert (log.reads, runner.position) == ([(2, 5)], 5)


def test_without_a_gap_the_log_is_not_read() -> None:
    log, runner = FakeLog(), Runner(Sums(), 0, 5)
    assert asyncio.run(catch_up(log, runner, 5)) == []
    assert asyncio.run(catch_up(log, runner, 3)) == []
    assert (log.reads, runner.position) == ([], 5)


@given(st.sets(st.integers(0, 60)).map(sorted))
def test_contiguous_runs_hold_every_message_in_order_and_are_as_long_as_can_be(offsets: list[int]) -> None:
    runs = [[m.offset for m in run] for run in contiguous([message(i) for i in offsets])]
    assert [i for run in runs for i in run] == offsets
    for run in runs:
        assert run == list(range(run[0], run[0] + len(run))) if run else not offsets
    for before, after in itertools.pairwise(runs):
        assert before[-1] + 1 < after[0]


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, list[list[int]]]:
    """Return committed offset, end of the log, and deliveries that leave out, repeat and overlap."""
    end = draw(st.integers(1, 25))
    committed = draw(st.integers(0, end))
    spans = draw(st.lists(st.tuples(st.integers(0, end - 1), st.integers(1, 6)), max_size=8))
    return committed, end, [list(range(a, min(a + n, end))) for a, n in spans]


@given(histories())
def test_however_messages_are_delivered_each_is_seen_once_and_in_order(
    history: tuple[int, int, list[list[int]]],
) -> None:
    committed, end, deliveries = history
    log, stage = FakeLog(committed_at=committed), Sums()
    spoken = asyncio.run(deliver(log, stage, [*deliveries, [end]]))
    assert stage.seen == list(range(end + 1))
    assert spoken[-1] == end
    assert set(range(committed, end + 1)) <= set(spoken)


async def deliver(log: FakeLog, stage: Sums, deliveries: list[list[int]]) -> list[int]:
    """Do as a worker does; return the offsets whose outputs were sent."""
    runner, out = await open_runner(log, stage, 0, deliveries[0][0])
    for offsets in deliveries:
        for run in contiguous([message(i) for i in offsets]):
            out += await catch_up(log, runner, run[0].offset)
            out += runner.take(run)
    return [numbers(o.value)[-1] for o in out]
