"""Features change while telemetry comes: two versions beside each other, and a swap at a recorded mark."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelError, StateError
from models.features.kernel import Windows
from models.registry.promotion import CHALLENGER, CHAMPION, Role
from streams.records import DeadLetter, FeatureMark, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.feature_versions import FeatureVersions
from streams.stages.features import FeatureStage
from streams.wire import codec
from tests.support.changing_features import Changing, HeldFeatures, Turn, Turning, known, log_of
from tests.support.feature_telemetry import TOPICS

Row = tuple[str, int, int, bytes]
HOURS = 70  # the longest window has 22, and 1.5 may come late


def rows(outputs: Sequence[Outgoing], version: str, *, beside: bool) -> list[Row]:
    """Return the windows of a version, bit by bit, in the order in which they were said."""
    out = list[Row]()
    for one in outputs:
        if one.content_type == codec.WINDOWS:
            found = codec.decode_any_features(one.value, one.content_type)
            if (found.fingerprint, found.beside) == (known()[version].fingerprint, beside):
                assert isinstance(found.record, Windows)
                out += rows_of(found.record)
    return out


def rows_of(record: Windows) -> Iterator[Row]:
    keys = zip(record.asset.tolist(), record.end_ms.tolist(), record.revision.tolist(), strict=True)
    for i, (asset, end, revision) in enumerate(keys):
        yield record.assets[asset], end, revision, record.values[i].tobytes()


def alone(version: str, log: Sequence[Incoming], other: str = "", since: int = 0) -> list[Outgoing]:
    """Return what is said by a version that was computed from the first message on, each by itself.

    From the message ``since`` on it understands what gateways of the ``other`` send.
    """
    features, out = known()[version], list[Outgoing]()
    stage = FeatureStage(features.fleet, TOPICS, 1, features.expectation)
    for message in log:
        if other and message.offset >= since and known()[other].fleet != features.fleet:
            stage.decoder.kin = (known()[other].fleet,)
        out += stage.process([message])
    return out


def lived(log: Sequence[Incoming], turns: Sequence[Turn]) -> tuple[list[Outgoing], list[FeatureMark]]:
    """Return what is said of a log if these turns come before their messages, and the marks."""
    world = Changing()
    one, out = world.born(), list[Outgoing]()
    due = {turn.offset: turn for turn in turns}
    for message in log:
        if message.offset in due:
            one.act(due[message.offset])
        out += one.stage.process([message])
    return out, world.marks()


def swapped(log: Sequence[Incoming], version: str) -> tuple[list[Outgoing], list[FeatureMark]]:
    """Promote a version after ten hours; whoever scores has it at once; it is looked every ten messages."""
    at = [m.offset for m in log][::10]
    begun = at[len(at) // 7]
    turns = [
        Turn(i, offset, version if offset >= begun else "1", "", version if offset >= begun else "1")
        for i, offset in enumerate(at)
    ]
    return lived(log, turns)


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_promoted_version_takes_over_once_its_longest_window_is_full(version: str) -> None:
    log = log_of(4, HOURS)
    _, marks = swapped(log, version)
    _, both, last = marks
    assert [[one.version for one in mark.features] for mark in marks] == [["1"], ["1", version], [version]]
    assert [one.since for one in last.features] == [both.offset]
    watermarks = [
        codec.decode_json(m.value, Watermark).time_ms
        for m in log[both.offset : last.offset]
        if m.content_type == codec.WATERMARK
    ]
    assert watermarks[-1] - both.features[1].since_ms >= (22 + 1.5) * 3_600_000


@pytest.mark.parametrize("version", ["2", "3"])
def test_what_is_scored_after_the_swap_is_bit_for_bit_as_if_it_had_been_computed_from_the_start(
    version: str,
) -> None:
    log = log_of(4, HOURS)
    said, (_, both, last) = swapped(log, version)
    first, full = alone("1", log[: last.offset], version, both.offset), alone(version, log, "1")
    assert rows(said, "1", beside=False) == rows(first, "1", beside=False)
    before = alone(version, log[: last.offset], "1")
    expected = rows(full, version, beside=False)[len(rows(before, version, beside=False)) :]
    assert sorted(rows(said, version, beside=False)) == sorted(expected) != []
    assert marks_of(said)[len(marks_of(first)) :] == marks_of(full)[len(marks_of(before)) :]


def marks_of(outputs: Sequence[Outgoing]) -> list[Outgoing]:
    """Return the watermarks and events."""
    return [one for one in outputs if one.content_type in (codec.WATERMARK, codec.EVENT)]


@pytest.mark.parametrize("version", ["2", "3"])
def test_every_window_is_said_once_by_whoever_is_first(version: str) -> None:
    log = log_of(4, HOURS)
    said, (_, both, _) = swapped(log, version)
    found = [row[:3] for of in ("1", version) for row in rows(said, of, beside=False)]
    expected = [row[:3] for row in rows(alone("1", log, version, both.offset), "1", beside=False)]
    assert sorted(found) == sorted(expected)
    assert len(set(found)) == len(found)


def test_what_is_computed_beside_says_nothing_but_windows_that_are_marked() -> None:
    log = log_of(4, HOURS)
    shadowed, marks = lived(log, [Turn(0, 0, "1", "", "1"), Turn(1, 30, "1", "2", "1")])
    plain = alone("1", log)
    assert len(marks) == 2
    assert [one for one in shadowed if not is_beside(one)] == plain
    assert len(rows(shadowed, "2", beside=True)) > 100


def is_beside(one: Outgoing) -> bool:
    is_windows = one.content_type == codec.WINDOWS
    return is_windows and codec.decode_any_features(one.value, one.content_type).beside


@pytest.mark.parametrize(
    ("roles", "scores", "expected"),
    [
        ({CHAMPION: "1"}, "1", ["1"]),
        ({CHAMPION: "1", CHALLENGER: "2"}, "1", ["1", "2"]),
        ({CHAMPION: "3", CHALLENGER: "2"}, "1", ["1", "3"]),
        ({CHALLENGER: "1"}, "1", ["1"]),
    ],
)
def test_the_champion_is_computed_before_the_challenger_and_never_more_than_two(
    roles: dict[Role, str], scores: str, expected: list[str]
) -> None:
    held = HeldFeatures()
    stage = FeatureVersions(held, TOPICS, 1, 0)
    stage.before_batch(0, seen=False)
    log = log_of(4, 5)
    list(stage.process(log[:20]))
    held.roles, held.scores = dict(roles), scores
    stage.before_batch(20, seen=False)
    list(stage.process(log[20:25]))
    assert [one.version for one in stage.schedule.at(24)] == expected


def test_who_scores_decides_when_the_first_is_dropped() -> None:
    """A version that is full waits, as long as the partition's windows are scored by another's model."""
    log = log_of(4, HOURS)
    offsets = [m.offset for m in log][::10]
    turns = [Turn(i, o, "2" if o >= 50 else "1", "", "1") for i, o in enumerate(offsets)]
    said, marks = lived(log, turns)
    assert [len(mark.features) for mark in marks] == [1, 2]
    assert rows(said, "2", beside=False) == []


@pytest.mark.parametrize("unknown", [CHAMPION, CHALLENGER])
def test_what_is_computed_beside_stays_until_it_is_known_for_whom_it_is_not(unknown: Role) -> None:
    log, world = log_of(4, 5), Changing()
    old = world.born()
    old.act(Turn(0, 0, "1", "", "1"))
    list(old.stage.process(log[:10]))
    old.act(Turn(1, 10, "1", "2", "1"))
    list(old.stage.process(log[10:20]))
    held = HeldFeatures(roles={CHAMPION: "1"}, unknown={unknown})
    new = FeatureVersions(held, TOPICS, 1, 0, world.marks())
    list(new.process(log[:20]))
    assert new.before_batch(20, seen=False) == []
    held.unknown.clear()
    (mark,) = new.before_batch(20, seen=False)
    assert [one.version for one in codec.decode_json(mark.value, FeatureMark).features] == ["1"]


def test_nothing_changes_where_a_predecessor_may_have_spoken() -> None:
    held = HeldFeatures()
    stage = FeatureVersions(held, TOPICS, 1, 0)
    assert len(stage.before_batch(0, seen=True)) == 1
    list(stage.process(log_of(4, 5)[:10]))
    held.roles[CHAMPION] = "2"
    assert stage.before_batch(10, seen=True) == []
    assert len(stage.before_batch(10, seen=False)) == 1


def test_without_a_topic_to_record_it_on_nothing_changes() -> None:
    held = HeldFeatures()
    stage = FeatureVersions(held, TOPICS, 1, 0, records=False)
    held.roles[CHAMPION] = "2"
    assert stage.before_batch(0, seen=False) == []
    log = log_of(4, 5)
    assert [out for message in log for out in stage.process([message])] == alone("1", log)


@given(st.integers(0, 2**31), st.lists(st.integers(1, 60), min_size=1, max_size=6))
@settings(max_examples=5, deadline=None)
def test_what_is_said_does_not_depend_on_how_messages_are_cut_into_batches(
    seed: int, sizes: list[int]
) -> None:
    log = log_of(seed, 15)
    marks = [FeatureMark(offset=0, features=(known()["1"].begins(0, 0),))]
    marks.append(FeatureMark(offset=40, features=(*marks[0].features, known()["3"].begins(40, 0))))
    marks.append(FeatureMark(offset=len(log) - 60, features=marks[1].features[1:]))
    one_by_one = FeatureVersions(HeldFeatures(), TOPICS, 1, 0, marks)
    batched = FeatureVersions(HeldFeatures(), TOPICS, 1, 0, marks)
    said = [out for message in log for out in one_by_one.process([message])]
    together, rest = list[Outgoing](), log
    for size in itertools.cycle(sizes):
        together += batched.process(rest[:size])
        rest = rest[size:]
        if not rest:
            break
    for version, beside in (("1", False), ("3", True), ("3", False)):
        assert sorted(rows(said, version, beside=beside)) == sorted(rows(together, version, beside=beside))
    others = [out for out in said if out.content_type != codec.WINDOWS]
    assert sorted(map(repr, others)) == sorted(repr(o) for o in together if o.content_type != codec.WINDOWS)
    assert dict(one_by_one.delta()) == dict(batched.delta())


def both(log: Sequence[Incoming]) -> tuple[FeatureVersions, list[FeatureMark]]:
    """Return a stage that has computed the second version beside the first since message 20, and marks."""
    world = Changing()
    one = world.born()
    for at, challenger in ((0, ""), (20, "2")):
        one.act(Turn(at, at, "1", challenger, "1"))
        list(one.stage.process(log[at : at + 20]))
    return one.stage, world.marks()


def succeeded(saved: dict[bytes, bytes], held: HeldFeatures, marks: Sequence[FeatureMark]) -> FeatureVersions:
    """Return a stage that goes on from what another has saved."""
    stage = FeatureVersions(held, TOPICS, 1, 0, marks)
    for key, value in saved.items():
        stage.restore(key, value)
    stage.restored()
    return stage


def without(*versions: str) -> HeldFeatures:
    """Return a pool that lacks the bundles of these."""
    held = HeldFeatures()
    for version in versions:
        del held.features[version]
    return held


@pytest.mark.parametrize("has_state", [True, False])
def test_if_the_bundle_of_the_version_beside_is_gone_the_first_goes_on_alone(*, has_state: bool) -> None:
    log = log_of(4, 10)
    before, marks = both(log)
    if has_state:
        saved = dict(before.delta())
        stage = succeeded(saved, without("2"), marks)
        assert any(key.startswith(b"20:") for key in saved)
        assert [key for key, value in stage.delta() if not value] == [b"20:"]
        said = list[Outgoing]()
    else:
        stage = FeatureVersions(without("2"), TOPICS, 1, 0, marks)
        said = list(stage.process(log[:40]))
    (mark,) = stage.before_batch(40, seen=True)
    assert [one.version for one in codec.decode_json(mark.value, FeatureMark).features] == ["1"]
    said += stage.process(log[40:])
    found, expected = (rows(out, "1", beside=False) for out in (said, alone("1", log)))
    assert found == expected[-len(found) :]
    assert rows(said, "2", beside=True) == []
    assert stage.before_batch(len(log), seen=False) == []


def test_if_the_bundle_of_what_is_to_be_said_is_gone_nothing_else_is_said_in_its_place() -> None:
    log = log_of(4, 10)
    before, marks = both(log)
    with pytest.raises(ModelError, match=r"'1', computed from message 0 on: .*; bring the bundle"):
        succeeded(dict(before.delta()), without("1"), marks)
    swapped = [*marks, FeatureMark(offset=30, features=marks[-1].features[1:])]
    stage = FeatureVersions(without("2"), TOPICS, 1, 0, swapped)
    assert rows(list(stage.process(log[:30])), "1", beside=False) != []
    stage.pool = HeldFeatures()
    with pytest.raises(ModelError, match="version '2', computed from message 20 on: given up"):
        list(stage.process(log[30:]))
    with pytest.raises(ModelError, match="version '2', computed from message 20 on: bundle 2: No such file"):
        list(FeatureVersions(without("2"), TOPICS, 1, 0, swapped).process(log[30:]))


@pytest.mark.parametrize("records", [True, False])
def test_if_no_mark_is_left_it_goes_on_with_what_it_remembers(*, records: bool) -> None:
    log = log_of(4, 10)
    before, marks = both(log)
    stage = succeeded(dict(before.delta()), HeldFeatures(roles={CHAMPION: "3"}), [])
    stage.records = records
    found = [codec.decode_json(one.value, FeatureMark) for one in stage.before_batch(40, seen=False)]
    assert [one.features for one in found] == ([marks[-1].features] if records else [])
    assert list(stage.process(log[40:])) == list(before.process(log[40:]))


def test_the_first_goes_on_whichever_version_with_its_features_a_mark_names() -> None:
    log = log_of(4, 10)
    before, other = FeatureVersions(HeldFeatures(), TOPICS, 1, 0), HeldFeatures()
    other.features["1b"] = replace(known()["1"], version="1b")
    marks = [FeatureMark(offset=7, features=(other.features["1b"].begins(7, 0),))]
    list(before.process(log[:20]))
    saved = dict(before.delta())
    stage = succeeded(saved, other, marks)
    assert list(stage.process(log[20:40])) == list(before.process(log[20:40]))
    saved |= dict(stage.delta())
    assert {key.partition(b":")[0] for key in saved} == {b"0", b"together"}
    assert list(succeeded(saved, other, marks).process(log[40:])) == list(before.process(log[40:]))


def test_features_of_a_fleet_file_alone_that_has_changed_since_are_built_anew() -> None:
    plain, held, log = replace(known()["1"], version=""), HeldFeatures(roles={}), log_of(4, 5)
    held.features |= {"1": plain, "": plain}
    before = FeatureVersions(held, TOPICS, 1, 0)
    (mark,) = before.before_batch(0, seen=False)
    list(before.process(log))
    marks, now = [codec.decode_json(mark.value, FeatureMark)], HeldFeatures(roles={CHAMPION: "2"})
    with pytest.raises(StateError, match="those of a fleet file that has changed"):
        succeeded(dict(before.delta()), now, marks)
    said = list(FeatureVersions(now, TOPICS, 1, 0, marks).process(log))
    assert rows(said, "2", beside=False) != []


def test_marks_that_hold_no_more_need_no_bundle() -> None:
    log = log_of(4, 10)
    stage, marks = both(log)
    marks = [*marks, FeatureMark(offset=40, features=marks[-1].features[1:])]
    stage.schedule.add(marks[-1])
    saved = list(stage.delta())
    list(stage.process(log[40:60]))
    saved += stage.delta()
    later, fresh = (FeatureVersions(without("1"), TOPICS, 1, 0, marks) for _ in range(2))
    for key, value in saved:
        if value:
            later.restore(key, value)
    later.restored()
    assert list(later.process(log[60:])) == list(stage.process(log[60:]))
    assert rows(list(fresh.process(log[40:])), "2", beside=False) != []


@pytest.mark.parametrize(("begin", "suffices"), [(100, True), (280, False), (310, False)])
def test_a_log_suffices_if_it_reaches_back_to_where_the_version_beside_began(
    *, begin: int, suffices: bool
) -> None:
    log, since = log_of(4, HOURS), 300
    first, second = known()["1"].begins(0, 0), known()["2"].begins(since, 0)
    marks = [FeatureMark(offset=0, features=(first,)), FeatureMark(offset=since, features=(first, second))]
    stage = FeatureVersions(HeldFeatures(), TOPICS, 1, 0, marks)
    list(stage.process(log[begin:-30]))
    assert [one.self_contained() for one in stage._stages.values()] == [suffices, False]
    assert stage.self_contained() == suffices


def test_of_a_dropped_version_nothing_is_remembered_any_more() -> None:
    log, world = log_of(4, HOURS), Changing()
    one: Turning = world.born()
    keys: set[bytes] = set()
    for message in log:
        if message.offset % 10 == 0:
            version = "2" if message.offset >= 50 else "1"
            one.act(Turn(message.offset, message.offset, version, "", version))
            for key, value in one.stage.delta():
                keys = {k for k in keys if value or not k.startswith(key)} | ({key} if value else set())
        list(one.stage.process([message]))
    assert len(world.marks()) == 3
    since = world.marks()[-1].features[0].since
    assert {key.partition(b":")[0] for key in keys} == {b"together", b"%d" % since}


def test_messages_of_another_version_are_understood_as_far_as_they_go_once_it_is_computed() -> None:
    log = log_of(4, 10)
    schema = known()["3"].fleet.schema.encode()
    foreign = [m.offset for m in log if m.content_type == codec.BLOCK and schema in (m.value or b"")]
    lonely, _ = lived(log, [Turn(0, 0, "1", "", "1")])
    both, marks = lived(log, [Turn(0, 0, "1", "", "1"), Turn(1, 20, "1", "3", "1")])
    assert (refused(lonely), refused(both)) == (foreign, [at for at in foreign if at < marks[-1].offset])
    assert {row[0] for row in rows(both, "3", beside=True)} == {"a1", "a2"}


def refused(outputs: Sequence[Outgoing]) -> list[int]:
    """Return the offsets of the messages that were in a schema that nobody knows."""
    letters = [codec.decode_json(o.value, DeadLetter) for o in outputs if o.topic == TOPICS.dead_letters]
    return [one.offset for one in letters if one.reason.startswith("schema")]
