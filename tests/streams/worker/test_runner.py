"""Partitions are opened and followed without a gap, whatever the client library leaves out."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StateError
from streams.stage import Incoming, Outgoing
from streams.state.alternating import AlternatingSnapshots
from streams.state.snapshots import POSITION, Position, Snapshots, StateRecord
from streams.worker.runner import Logs, Runner, catch_up, contiguous, open_runner, portions


def message(offset: int) -> Incoming:
    return Incoming("in", 0, offset, b"k", str(offset).encode(), "text/plain")


@dataclass
class Sums:
    """A stage whose outputs tell everything it has seen."""

    identity: str = "sums"
    whole: bool = False
    seen: list[int] = field(default_factory=list)

    def process(self, received: Sequence[Incoming]) -> Iterable[Outgoing]:
        for message in received:
            self.seen.append(message.offset)
            yield Outgoing("out", b"k", str(self.seen).encode(), "text/plain")

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        return [(b"seen", ",".join(map(str, self.seen)).encode())]

    def restore(self, key: bytes, value: bytes) -> None:
        try:
            self.seen = numbers(value)
        except ValueError as error:
            raise StateError(str(error)) from error

    def restored(self) -> None:
        pass

    def self_contained(self) -> bool:
        return self.whole


class Plain:
    """A stage that can do nothing but process."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def process(self, received: Sequence[Incoming]) -> Iterable[Outgoing]:
        self.seen += [message.offset for message in received]
        return [Outgoing("out", b"k", str(m.offset).encode(), "text/plain") for m in received]


class Forgetful(Plain):
    """A stage whose memory lacks a method."""

    identity = "forgetful"

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        return ()


@dataclass
class FakeLog:
    """A log of one partition: retention took what is before ``first``, compaction what is in ``holes``."""

    first: int = 0
    committed_at: int | None = None
    ends_at: int = 20
    holes: frozenset[int] = frozenset()
    batch: int = 3
    reads: list[tuple[int, int]] = field(default_factory=list)
    topic: str = "in"
    written: list[Incoming] = field(default_factory=list)

    async def end(self, partition: int) -> int:
        return len(self.written) if self.topic == "state" else self.ends_at

    async def begin(self, partition: int) -> int:
        return self.first

    async def committed(self, partition: int) -> int | None:
        return self.committed_at

    async def all(self, partition: int) -> list[Incoming]:
        return self.written

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        self.reads.append((start, end))
        if self.written:
            yield self.written[start:end]
            return
        there = [message(i) for i in range(max(start, self.first), end) if i not in self.holes]
        for i in range(0, len(there), self.batch):
            yield there[i : i + self.batch]


def opened(
    log: FakeLog,
    first: int,
    *,
    identity: str = "sums",
    state: Sequence[Outgoing] = (),
    whole: bool = False,
    accept_loss: bool = False,
    is_atomic: bool = True,
) -> tuple[Runner, Sums, list[int]]:
    """Open the partition; return how many messages had been seen at each output."""
    kept = FakeLog(topic="state", written=stored(state))
    logs = Logs(log, kept, accept_loss=accept_loss, is_atomic=is_atomic)
    runner = asyncio.run(open_runner(logs, lambda: Sums(identity, whole), 0, first))
    outputs = asyncio.run(catch_up(log, runner, first))
    assert isinstance(runner.stage, Sums)
    return runner, runner.stage, [len(numbers(o.value)) for o in outputs]


def stored(records: Sequence[Outgoing]) -> list[Incoming]:
    return [Incoming(r.topic, 0, i, r.key, r.value, r.content_type) for i, r in enumerate(records)]


def snapshot_at(offset: int) -> list[Outgoing]:
    stage = Sums(seen=list(range(offset)))
    return list(Snapshots("state", stage.identity).write(stage.delta(), offset))


def numbers(text: bytes) -> list[int]:
    return [int(part) for part in text.decode().strip("[]").split(",")]


def test_state_is_rebuilt_silently_up_to_the_committed_offset() -> None:
    runner, stage, outputs = opened(FakeLog(committed_at=7), first=7)
    assert (stage.seen, outputs, runner.position) == (list(range(7)), [], 7)


def test_after_the_rebuild_it_speaks_with_the_whole_state() -> None:
    runner, _stage, _ = opened(FakeLog(committed_at=7), first=7)
    (out,) = runner.take([message(7)])
    assert numbers(out.value) == list(range(8))


def test_what_a_rebalance_passed_over_is_processed_and_speaks() -> None:
    runner, stage, outputs = opened(FakeLog(committed_at=4), first=7)
    assert (stage.seen, outputs, runner.position) == (list(range(7)), [5, 6, 7], 7)


def test_what_a_former_owner_committed_is_not_said_again_when_older_messages_are_delivered() -> None:
    """A worker may get what another had committed, when its own view is older."""
    runner, stage, outputs = opened(FakeLog(committed_at=9), first=5)
    assert (stage.seen, outputs, runner.position) == (list(range(9)), [], 9)
    assert runner.take([message(i) for i in (5, 6, 7, 8)]) == []
    assert [numbers(out.value)[-1] for out in runner.take([message(8), message(9)])] == [9]


def test_an_offset_beyond_the_end_is_of_a_topic_that_was_made_anew() -> None:
    runner, stage, outputs = opened(FakeLog(committed_at=99), first=5)
    assert (stage.seen, outputs, runner.position) == (list(range(5)), [], 5)


@pytest.mark.parametrize(("committed", "first"), [(None, 0), (99, 0), (99, 5)])
def test_a_state_beyond_the_end_is_of_a_topic_that_was_made_anew_and_is_built_again(
    committed: int | None, first: int, caplog: pytest.LogCaptureFixture
) -> None:
    runner, stage, _ = opened(FakeLog(committed_at=committed), first=first, state=snapshot_at(50))
    runner.take([message(i) for i in range(first, 8)])
    assert (stage.seen, runner.position) == (list(range(8)), 8)
    assert "the state ends at offset 50, the log at 20: its topic was made anew; building" in caplog.text
    successor = opened(FakeLog(committed_at=8), first=8, state=list(runner.freeze() or ()))[0]
    assert successor.position == 8


def test_a_state_that_reaches_to_the_end_is_of_this_topic() -> None:
    for end in (20, 17):  # the embedded broker names one of its last batch
        log = FakeLog(committed_at=20, ends_at=end)
        _runner, stage, _ = opened(log, first=20, state=snapshot_at(20))
        assert (stage.seen, log.reads) == (list(range(20)), [(20, 20)])


def test_a_new_group_starts_with_the_log_whatever_it_is_given_first() -> None:
    _runner, stage, outputs = opened(FakeLog(), first=3)
    assert (stage.seen, outputs) == (list(range(3)), [1, 2, 3])
    _runner, stage, outputs = opened(FakeLog(), first=3, identity="")
    assert (stage.seen, outputs) == (list(range(3)), [1, 2, 3])


def test_a_stage_without_memory_reads_only_the_hole() -> None:
    for committed, hole in ((4, [4, 5]), (6, [])):
        log = FakeLog(committed_at=committed)
        runner = asyncio.run(open_runner(Logs(log, FakeLog(topic="state")), Plain, 0, 6))
        outputs = asyncio.run(catch_up(log, runner, 6))
        assert ([int(o.value) for o in outputs], runner.position) == (hole, 6)
        assert isinstance(runner.stage, Plain)
        assert runner.stage.seen == hole


def test_a_stage_with_a_part_of_a_memory_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="Remembering: restore, restored, self_contained missing"):
        asyncio.run(open_runner(Logs(FakeLog()), Forgetful, 0, 0))


def test_a_snapshot_is_taken_up_and_only_what_came_after_it_is_seen_again() -> None:
    log = FakeLog(committed_at=9)
    runner, stage, outputs = opened(log, first=9, state=snapshot_at(6))
    assert (stage.seen, outputs, runner.position) == (list(range(9)), [], 9)
    assert log.reads == [(6, 9)]


def test_a_snapshot_of_a_time_without_transactions_is_taken_up_with_them_and_goes_on() -> None:
    snapshots, stage, records = AlternatingSnapshots("state", "sums"), Sums(), list[Outgoing]()
    for offset in (4, 6):
        stage.seen = list(range(offset))
        records += snapshots.write(stage.delta(), offset)
    for before, offset in ((6, 7), (7, 8)):
        log = FakeLog(committed_at=offset)
        runner, found, outputs = opened(log, first=offset, state=records)
        assert (found.seen, outputs, log.reads) == (list(range(offset)), [], [(before, offset)])
        records += runner.freeze() or ()
    assert any(record.key.startswith(b"\x01") for record in records)


def test_a_snapshot_ahead_of_the_committed_offset_is_not_fed_twice() -> None:
    runner, stage, _ = opened(FakeLog(committed_at=4), first=4, state=snapshot_at(6))
    runner.take([message(i) for i in range(4, 8)])
    assert stage.seen == list(range(8))


@pytest.mark.parametrize("lost", [0, -1])
def test_a_snapshot_that_lacks_a_part_is_not_believed_and_built_again(
    lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    records = snapshot_at(6)
    del records[lost]
    runner, stage, _ = opened(FakeLog(committed_at=9), first=9, state=records)
    assert (stage.seen, runner.position) == (list(range(9)), 9)
    assert "building it from the log again" in caplog.text


def test_a_record_that_was_changed_under_the_same_offset_is_not_believed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = snapshot_at(6)
    changed = msgspec.structs.replace(
        msgspec.msgpack.decode(records[0].value, type=StateRecord), payload=b"[7]"
    )
    records[0] = Outgoing("state", records[0].key, msgspec.msgpack.encode(changed), "")
    assert opened(FakeLog(committed_at=9), first=9, state=records)[1].seen == list(range(9))
    assert "the 1 records found are not the 1 written; building it from the log again" in caplog.text


def test_a_position_that_was_moved_is_not_believed() -> None:
    records = snapshot_at(6)
    moved = msgspec.structs.replace(msgspec.msgpack.decode(records[-1].value, type=Position), offset=7)
    records[-1] = Outgoing("state", POSITION, msgspec.msgpack.encode(moved), "")
    assert opened(FakeLog(committed_at=9), first=9, state=records)[1].seen == list(range(9))


def test_what_a_zombie_writes_late_at_the_same_offset_is_not_believed() -> None:
    records = snapshot_at(6)
    late = next(iter(Snapshots("state", "sums").write([(b"seen", b"[7]")], 6)))
    assert opened(FakeLog(committed_at=9), first=9, state=[*records, late])[1].seen == list(range(9))


def test_a_lost_state_that_the_log_does_not_cover_is_refused_with_what_to_do() -> None:
    with pytest.raises(StateError, match=r"begins at offset 5 only.*CHILLCAST_STATE_LOSS=accept"):
        opened(FakeLog(first=5, committed_at=9), first=9)


def test_a_lost_state_is_built_from_what_is_left_where_that_suffices_or_is_accepted() -> None:
    for whole in (True, False):
        log = FakeLog(first=5, committed_at=9)
        runner, stage, outputs = opened(log, first=9, whole=whole, accept_loss=not whole)
        assert (stage.seen, outputs, runner.position) == ([5, 6, 7, 8], [], 9)


def test_a_log_that_was_cut_beyond_the_snapshot_is_refused() -> None:
    with pytest.raises(StateError, match="state ends at offset 3, the log begins at 5"):
        opened(FakeLog(first=5, committed_at=9), first=9, state=snapshot_at(3))


def test_a_group_that_never_committed_starts_on_a_cut_log_without_complaint() -> None:
    _runner, stage, _ = opened(FakeLog(first=5), first=5)
    assert stage.seen == []


def test_the_state_of_another_form_is_built_anew_and_its_keys_are_deleted() -> None:
    old = list(Snapshots("state", "other").write([(b"old", b"1"), (b"seen", b"2")], 6))
    runner, stage, _ = opened(FakeLog(committed_at=9), first=9, state=old)
    assert stage.seen == list(range(9))
    runner.take([message(9)])
    written = {r.key: r.value for r in runner.freeze() or ()}
    assert written[b"old"] == b""
    later = [*old, *(Outgoing("state", k, v, "") for k, v in written.items())]
    assert opened(FakeLog(committed_at=10), first=10, state=later)[1].seen == list(range(10))


@pytest.mark.parametrize("key", [b"stray", b"seen", POSITION])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("is_atomic", [True, False])
def test_a_stray_record_spoils_one_start_and_no_other_though_nothing_is_compacted(
    key: bytes, place: int, *, is_atomic: bool
) -> None:
    records = snapshot_at(6)
    records.insert(place, Outgoing("state", key, b"\xc1 is not MessagePack", ""))
    runner, stage, _ = opened(FakeLog(committed_at=9), first=9, state=records, is_atomic=is_atomic)
    assert stage.seen == list(range(9))
    runner.take([message(9)])
    records += runner.freeze() or ()
    log = FakeLog(committed_at=10)
    assert opened(log, first=10, state=records, is_atomic=is_atomic)[1].seen == list(range(10))
    assert log.reads == [(10, 10)]


def test_a_stray_record_is_named_by_its_place_also_if_there_is_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for state in ([], snapshot_at(6)):
        caplog.clear()
        opened(FakeLog(), first=0, state=[*state, Outgoing("state", b"stray", b"\xc1", "")])
        assert f"state/0 offset {len(state)}: not a StateRecord" in caplog.text


def test_a_record_that_the_stage_did_not_understand_is_forgiven_once_it_was_written_anew() -> None:
    old = list(Snapshots("state", "sums").write([(b"seen", b"none")], 6))
    runner, stage, _ = opened(FakeLog(committed_at=9), first=9, state=old)
    assert stage.seen == list(range(9))
    runner.take([message(9)])
    log = FakeLog(committed_at=10)
    opened(log, first=10, state=[*old, *(runner.freeze() or ())])
    assert log.reads == [(10, 10)]


def test_a_snapshot_is_written_only_where_something_was_seen_since_the_last() -> None:
    runner, _, _ = opened(FakeLog(), first=0)
    assert runner.freeze() is None
    runner.take([message(0)])
    assert [r.key for r in runner.freeze() or ()] == [b"seen", POSITION]
    assert runner.freeze() is None


def test_what_is_frozen_is_as_of_its_offset_whatever_is_processed_before_it_is_written() -> None:
    runner, _, _ = opened(FakeLog(), first=0)
    runner.take([message(0)])
    frozen = runner.freeze()
    runner.take([message(1)])
    records = list(frozen or ())
    assert opened(FakeLog(committed_at=1), first=1, state=records)[1].seen == [0]
    assert opened(FakeLog(committed_at=9), first=9, state=records)[1].seen == list(range(9))


def test_without_transactions_a_snapshot_that_broke_off_leaves_the_one_before() -> None:
    runner, _, _ = opened(FakeLog(), first=0, is_atomic=False)
    runner.take([message(i) for i in range(4)])
    records = list(runner.freeze() or ())
    runner.take([message(i) for i in range(4, 8)])
    torn = [*records, *list(runner.freeze() or ())[:-1]]
    log = FakeLog(committed_at=9)
    successor, stage, outputs = opened(log, first=9, state=torn, is_atomic=False)
    assert (stage.seen, outputs, log.reads) == (list(range(9)), [], [(4, 9)])
    whole = [*torn, *(successor.freeze() or ())]
    log = FakeLog(committed_at=9)
    assert opened(log, first=9, state=whole, is_atomic=False)[1].seen == list(range(9))
    assert log.reads == [(9, 9)]


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
    assert (log.reads, runner.position, runner.reread) == ([(2, 5)], 5, 3)


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


@given(st.lists(st.integers(0, 12), min_size=1), st.integers(1, 20))
def test_portions_hold_every_message_in_order_and_no_more_bytes_than_allowed(
    sizes: list[int], most: int
) -> None:
    parts = list(portions([Incoming("in", 0, i, b"k", bytes(n), "") for i, n in enumerate(sizes)], most))
    assert [m.offset for part in parts for m in part] == list(range(len(sizes)))
    for part in parts:
        assert part
        assert len(part) == 1 or sum(len(m.value or b"") for m in part) <= most


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
    runner = await open_runner(Logs(log), lambda: stage, 0, deliveries[0][0])
    out: list[Outgoing] = []
    for offsets in deliveries:
        for run in contiguous([message(i) for i in offsets]):
            out += await catch_up(log, runner, run[0].offset)
            out += runner.take(run)
    return [numbers(o.value)[-1] for o in out]
