"""Snapshots are written beside processing, one at a time, and what is given up is never saved after all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced

from models.errors import UnavailableError
from streams.stage import Incoming, Outgoing
from streams.state.snapshots import POSITION, Snapshots
from streams.worker.commit import CommitBatch, LostPartitionError, SnapshotParts
from streams.worker.grant import SNAPSHOT_S
from streams.worker.runner import Runner
from streams.worker.write_behind import WriteBehind, parts


class Counter:
    """A stage that counts its messages."""

    identity = "count"

    def __init__(self) -> None:
        self.count = 0

    def process(self, received: Sequence[Incoming]) -> Iterable[Outgoing]:
        self.count += len(received)
        return ()

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        return [(b"n", b"%d" % self.count)]

    def restore(self, key: bytes, value: bytes) -> None:
        self.count = int(value)

    def restored(self) -> None:
        pass

    def self_contained(self) -> bool:
        return True


class Gate:
    """A committer that writes a part of a snapshot each time it is let."""

    exactly_once = True

    def __init__(self) -> None:
        self.written: list[Outgoing] = []
        self.may = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def open(self, source: str, partition: int, *, remembers: bool) -> None:
        pass

    async def commit(self, batch: CommitBatch, is_ours: Callable[[], bool]) -> None:
        pass

    async def save(self, snapshot: SnapshotParts, is_ours: Callable[[], bool]) -> None:
        for part in snapshot.parts:
            await self.may.acquire()
            if self.error is not None:
                raise self.error
            if not is_ours():
                raise LostPartitionError
            self.written += part

    async def close_source(self, source: str) -> None:
        pass

    async def close(self) -> None:
        pass


def runner(partition: int = 0, count: int = 1) -> Runner:
    """Return one that has seen some messages."""
    out = Runner(Counter(), partition, 0, Snapshots("state", "count"))
    see(out, count)
    return out


def see(one: Runner, count: int) -> None:
    one.take([Incoming("in", one.partition, one.position + i, b"k", b"v", "") for i in range(count)])


def run(
    body: Callable[[WriteBehind, Gate], Awaitable[None]], clock: Callable[[], float] | None = None
) -> None:
    ticks = itertools.count()

    async def go() -> None:
        gate = Gate()
        await body(WriteBehind("in", gate, 0.0, clock or (lambda: 0.001 * next(ticks))), gate)

    asyncio.run(go())


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_is_written_is_of_the_moment_at_which_it_was_begun() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        one = runner(count=3)
        behind.begin(one, lambda: True)
        see(one, 4)
        gate.may = asyncio.Semaphore(9)
        await turns()
        assert behind.settle() is None
        assert b"3" in gate.written[0].value
        behind.begin(one, lambda: True)
        await turns()
        assert b"7" in gate.written[2].value
        assert [r.key for r in gate.written] == [b"n", POSITION] * 2

    run(body)


def test_one_is_written_at_a_time() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        first, second = runner(0), runner(1)
        behind.begin(first, lambda: True)
        behind.begin(second, lambda: True)
        assert (first.saved, second.saved) == (1, 0)
        for _ in range(2):
            gate.may.release()
        await turns()
        behind.settle()
        behind.begin(second, lambda: True)
        assert second.saved == 1
        await behind.give_up()

    run(body)


def test_what_it_fails_with_is_raised_when_it_is_asked_of_and_once() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        gate.error = RuntimeError("no room")
        behind.begin(runner(), lambda: True)
        gate.may.release()
        await turns()
        with pytest.raises(RuntimeError, match="no room"):
            behind.settle()
        assert behind.settle() is None

    run(body)


@pytest.mark.parametrize("fenced", [True, False])
def test_a_partition_that_was_lost_is_named(fenced: bool) -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        gate.error = ProducerFenced() if fenced else None
        behind.begin(runner(3), lambda: False)
        gate.may.release()
        await turns()
        assert behind.settle() == 3

    run(body)


def test_who_is_fenced_and_does_not_know_why_ends() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        gate.error = ProducerFenced()
        behind.begin(runner(), lambda: True)
        gate.may.release()
        await turns()
        with pytest.raises(ProducerFenced):
            behind.settle()

    run(body)


def test_what_is_given_up_is_not_written_any_further_and_others_may_begin() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        behind.begin(runner(0), lambda: True)
        gate.may.release()
        await turns()
        await behind.give_up(1)  # another partition
        assert behind.settle() is None
        await behind.give_up(0)
        gate.may = asyncio.Semaphore(9)
        behind.begin(runner(1), lambda: True)
        await turns()
        assert [r.key for r in gate.written] == [b"n", b"n", POSITION]

    run(body)


def test_one_that_never_ends_is_an_error() -> None:
    now_s = [0.0]

    async def body(behind: WriteBehind, gate: Gate) -> None:
        behind.begin(runner(2), lambda: True)
        now_s[0] = SNAPSHOT_S - 1.0
        assert behind.settle() is None
        now_s[0] = SNAPSHOT_S + 1.0
        with pytest.raises(UnavailableError, match="in/2: a snapshot was not written within 600 s"):
            behind.settle()
        await behind.give_up()

    run(body, lambda: now_s[0])


def test_nothing_begins_once_it_is_closed_and_what_was_just_begun_ends() -> None:
    async def body(behind: WriteBehind, gate: Gate) -> None:
        behind.begin(runner(0), lambda: True)
        await behind.give_up()
        one = runner(0)
        behind.begin(one, lambda: True)
        assert one.saved == 1
        await behind.close()
        see(one, 1)
        behind.begin(one, lambda: True)
        assert one.saved == 1
        assert not gate.written

    run(body)


def record(i: int) -> Outgoing:
    return Outgoing("state", b"%d" % i, b"", "")


def test_parts_hold_all_records_in_order_and_the_last_one_stands_alone() -> None:
    for count in range(8):
        ticks = itertools.count()
        found = list(parts(map(record, range(count)), lambda: 0.004 * next(ticks)))  # noqa: B023
        assert [r.key for part in found for r in part] == [b"%d" % i for i in range(count)]
        assert [len(part) for part in found[-1:]] == [1] * bool(count)
        assert all(0 < len(part) <= 4 for part in found)


def test_who_waits_long_for_others_makes_larger_parts_up_to_a_bound() -> None:
    now_s = [0.0]

    def made() -> Any:
        for i in range(200):
            now_s[0] += 0.005
            yield record(i)

    sizes = []
    for part in parts(made(), lambda: now_s[0]):
        sizes.append(len(part))
        now_s[0] += 0.4
    assert sizes[0] <= 3
    assert set(sizes[1:-2]) <= {6, 7}  # a slow broker, too, is waited for: parts must not grow with it
