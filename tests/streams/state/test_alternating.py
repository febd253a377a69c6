"""Without transactions a snapshot leaves the one before whole, until it is whole itself."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from models.errors import StateError
from streams.stage import Incoming, Outgoing
from streams.state.alternating import AlternatingSnapshots
from streams.state.snapshots import POSITION, Snapshots
from tests.support.kept import Kept, compacted


def read(topic: Iterable[Outgoing], identity: str = "kept") -> tuple[AlternatingSnapshots, Kept]:
    snapshots, stage = AlternatingSnapshots("state", identity), Kept()
    for i, record in enumerate(topic):
        snapshots.read(Incoming("state", 0, i, record.key, record.value, ""), stage)
    snapshots.complete(stage)
    return snapshots, stage


def written(*states: dict[bytes, bytes]) -> list[Outgoing]:
    """Return the records of a snapshot of each of these, at the offsets 1, 2 and so on."""
    snapshots = AlternatingSnapshots("state", "kept")
    return [r for i, state in enumerate(states) for r in snapshots.write(state.items(), i + 1)]


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_snapshot_that_broke_off_anywhere_leaves_the_one_before(lost: int) -> None:
    old, new = {b"a": b"1", b"b": b"1"}, {b"a": b"2", b"b": b"2"}
    topic = compacted(written(old, old, new)[:-lost])
    snapshots, stage = read(topic)
    found = snapshots.verify()
    assert found is not None
    assert (stage.values, found.offset) == (old, 2)


def test_one_of_which_nothing_but_a_part_was_ever_written_is_none() -> None:
    snapshots, stage = read(written({b"a": b"1", b"b": b"1"})[:-1])
    assert (stage.values, snapshots.verify()) == ({}, None)


def test_what_was_left_by_one_that_broke_off_never_counts_whatever_is_written_later() -> None:
    topic = written({b"a": b"1", b"b": b"1"}, {b"a": b"torn"})[:-1]
    for i in range(2, 6):
        snapshots, _ = read(topic)
        topic += snapshots.write([(b"b", b"%d" % i)], i)
        successor, stage = read(topic)
        assert successor.verify() is not None
        assert stage.values == {b"a": b"1", b"b": b"%d" % i}
        topic = compacted(topic)
    assert b"torn" not in b"".join(record.value for record in topic)


def test_that_of_another_form_is_deleted_in_both_places_before_the_new_one_counts() -> None:
    topic = written({b"old": b"1", b"a": b"1"}, {b"old": b"2", b"a": b"2"}, {b"old": b"3"})[:-1]
    other, _ = read(topic, "another")
    with pytest.raises(StateError, match="written as"):
        other.verify()
    records = list(other.anew().write([(b"a", b"3")], 1))
    assert records[-1].key == POSITION
    left = compacted([*topic, *records])
    assert [record.key for record in left if record.key != POSITION] == [b"a"]


def test_what_was_written_without_alternating_is_taken_up_and_continued() -> None:
    topic = list(Snapshots("state", "kept").write([(b"a", b"1"), (b"b", b"1")], 1))
    snapshots, stage = read(topic)
    assert snapshots.verify() is not None
    topic += list(snapshots.write([(b"a", b"2")], 2))[:-1]
    assert stage.values == read(topic)[1].values == {b"a": b"1", b"b": b"1"}


@pytest.mark.parametrize("lost", range(7))
def test_keys_that_are_gone_stay_gone_wherever_a_later_snapshot_breaks_off(lost: int) -> None:
    snapshots = AlternatingSnapshots("state", "kept")
    deltas = [[(b"1:a", b"1"), (b"2:a", b"1")], [(b"1:a", b"2")], [(b"1:", b"")], [(b"2:a", b"2")]]
    topic = [r for i, delta in enumerate(deltas) for r in snapshots.write(delta, i + 1)]
    again = list(snapshots.write([(b"1:a", b"again"), (b"2:a", b"3")], 5))
    left = compacted([*topic, *again[: len(again) - lost]])
    found, stage = read(left)
    whole = {b"1:a": b"again", b"2:a": b"3"} if not lost else {b"2:a": b"2"}
    assert found.verify() is not None
    assert stage.values == whole
    successor = compacted([*left, *found.write([(b"2:a", b"4")], 6), *found.write([(b"2:a", b"5")], 7)])
    assert read(successor)[1].values == {**whole, b"2:a": b"5"}


@pytest.mark.parametrize("lost", range(3))
def test_a_snapshot_that_breaks_off_before_a_key_is_gone_leaves_it(lost: int) -> None:
    topic = written({b"1:a": b"1"}, {b"1:a": b"2"}, {b"1:": b""})
    found, stage = read(compacted(topic[: len(topic) - lost]))
    assert found.verify() is not None
    assert stage.values == ({b"1:a": b"2"} if lost else {})


def test_nothing_is_left_of_keys_that_are_gone() -> None:
    snapshots = AlternatingSnapshots("state", "kept")
    deltas = [[(b"1:a", b"1")], [(b"1:a", b"2")], [(b"1:", b"")], [(b"2:a", b"1")], [(b"2:a", b"2")], []]
    topic = [r for i, delta in enumerate(deltas) for r in snapshots.write(delta, i + 1)]
    assert {record.key for record in compacted(topic)} == {b"2:a", b"\x012:a", POSITION}


def test_a_record_that_was_changed_is_noticed() -> None:
    topic = written({b"a": b"1"}, {b"a": b"2"})
    topic[-2] = next(iter(AlternatingSnapshots("state", "kept").write([(b"a", b"3")], 2)))
    with pytest.raises(StateError, match="not the 1 written"):
        read(topic)[0].verify()
