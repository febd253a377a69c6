"""What a stage remembers is cut into records that a broker takes, and put together again."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StateError
from streams.stage import Incoming, Outgoing
from streams.state.alternating import AlternatingSnapshots
from streams.state.snapshots import POSITION, Snapshots
from tests.support.kept import Kept, compacted

WAYS = pytest.mark.parametrize("way", [Snapshots, AlternatingSnapshots])
BROKER_TAKES = 1_000_000


def read(way: type[Snapshots], topic: Iterable[Outgoing]) -> tuple[Snapshots, Kept]:
    snapshots, stage = way("state", "kept"), Kept()
    for i, record in enumerate(topic):
        snapshots.read(Incoming("state", 0, i, record.key, record.value, ""), stage)
    snapshots.complete(stage)
    return snapshots, stage


def some(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@WAYS
def test_what_no_broker_takes_is_written_in_parts_and_what_is_small_as_it_is(way: type[Snapshots]) -> None:
    state = {b"small": b"1", b"large": some(10_000_000), b"large2": some(786_433, 1)}
    topic = list(way("state", "kept").write(state.items(), 1))
    assert max(len(record.value) for record in topic) < BROKER_TAKES
    assert [len(record.key) for record in topic].count(len(b"small")) == 1
    for left in (topic, compacted(topic)):
        found, stage = read(way, left)
        assert found.verify() is not None
        assert stage.values == state


@WAYS
@given(st.lists(st.dictionaries(st.sampled_from([b"1:a", b"1:b", b"2:a"]), st.integers(0, 25)), max_size=6))
def test_however_it_grows_shrinks_and_goes_the_last_of_it_is_remembered(
    way: type[Snapshots], sizes: list[dict[bytes, int]]
) -> None:
    """A size of 0 says that all of the first number is gone."""
    state: dict[bytes, bytes] = {}
    topic: list[Outgoing] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.state.snapshots.CUT_BYTES", 4)
        snapshots = way("state", "kept")
        for i, some_sizes in enumerate(sizes):
            delta = {key: some(size, i) for key, size in some_sizes.items() if size}
            gone = {b"1:": b""} if 0 in some_sizes.values() else {}
            delta = {key: value for key, value in delta.items() if not (gone and key.startswith(b"1:"))}
            topic += snapshots.write([*gone.items(), *delta.items()], i + 1)
            state = {key: v for key, v in state.items() if not (gone and key.startswith(b"1:"))} | delta
            for left in (topic, compacted(topic)):
                found, stage = read(way, left)
                assert found.verify() is not None
                assert {key: stage.values[key] for key in state} == state
            assert stage.values == state
            snapshots, topic = found, compacted(topic)


@pytest.mark.parametrize("lost", range(3))
def test_what_lacks_a_part_is_not_believed(lost: int) -> None:
    topic = list(Snapshots("state", "kept").write([(b"large", some(2_000_000))], 1))
    assert [record.key for record in topic[-1:]] == [POSITION]
    del topic[lost]
    with pytest.raises(StateError, match="the 2 records found are not the 3 written"):
        read(Snapshots, topic)[0].verify()


def test_a_part_that_is_none_is_deleted_with_the_next_snapshot() -> None:
    stray = Outgoing("state", b"\x02stray", b"\xc1", "")
    topic = [stray, *Snapshots("state", "kept").write([(b"a", b"1")], 1)]
    found, _ = read(Snapshots, topic)
    with pytest.raises(StateError, match="not a StateRecord"):
        found.verify()
    topic += found.anew().write([(b"a", b"2")], 2)
    again, stage = read(Snapshots, topic)
    assert again.verify() is not None
    assert stage.values == {b"a": b"2"}
