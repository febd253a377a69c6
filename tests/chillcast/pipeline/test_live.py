from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import msgspec
import numpy as np
import pytest

from chillcast.pipeline.live import Gathered, await_sink, follow
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics
from streams.records import Alert, Drift, Redriven, Scores, Watermark
from streams.stage import Incoming, Outgoing
from streams.stores.selection import Selected, Selection
from streams.stores.store import Row
from streams.wire import codec
from tests.support.sunk import OPEN

TOPICS = Topics("t.")
HOUR_MS = 3_600_000


def arrive(out: Outgoing, partition: int = 0) -> Incoming:
    return Incoming(out.topic, partition, 0, out.key, out.value, out.content_type)


def mark(time_ms: int, partition: int, end: bool = False) -> Incoming:
    return arrive(codec.watermark(TOPICS.scores, Watermark(time_ms, end)), partition)


def score(rows: Sequence[tuple[str, int, int, float]]) -> Incoming:
    """Encode rows of (asset, hour, revision, risk); the adapted risk is half of it."""
    names = tuple(dict.fromkeys(asset for asset, *_ in rows))
    risk = np.array([[r] for *_, r in rows])
    record = Scores(
        "3",
        (7.0,),
        names,
        np.array([names.index(asset) for asset, *_ in rows], np.int32),
        np.array([hour * HOUR_MS for _, hour, _, _ in rows]),
        np.array([revision for _, _, revision, _ in rows], np.int32),
        risk,
        risk[:, 0] / 2,
    )
    return arrive(codec.scores(TOPICS.scores, record))


@pytest.fixture
def gathered() -> Gathered:
    return Gathered(TOPICS, partitions=2)


def test_time_has_come_as_far_as_the_slowest_partition(gathered: Gathered) -> None:
    gathered.take(mark(5 * HOUR_MS, 0))
    assert gathered.watermark_ms == 0
    gathered.take(mark(3 * HOUR_MS, 1))
    assert gathered.watermark_ms == 3 * HOUR_MS
    gathered.take(mark(7 * HOUR_MS, 1))
    assert gathered.watermark_ms == 5 * HOUR_MS


def test_it_has_ended_when_every_partition_has(gathered: Gathered) -> None:
    gathered.take(mark(HOUR_MS, 0, end=True))
    gathered.take(mark(HOUR_MS, 0, end=True))
    assert not gathered.ended
    gathered.take(mark(HOUR_MS, 1, end=True))
    assert gathered.ended


def test_opened_and_closed_cases_are_told_and_daily_updates_are_not() -> None:
    told: list[Alert] = []
    gathered = Gathered(TOPICS, 1, told.append)
    for stage in ("open", "update", "closed"):
        gathered.take(arrive(codec.alert(TOPICS.alerts, msgspec.structs.replace(OPEN, stage=stage))))
    gathered.report_due(all_due=True)
    assert [a.stage for a in told] == ["open", "closed"]
    assert gathered.alerts == told


def case(hour: int, asset: str, partition: int) -> Incoming:
    alert = msgspec.structs.replace(OPEN, time_ms=hour * HOUR_MS, asset=asset)
    return arrive(codec.alert(TOPICS.alerts, alert), partition)


def test_cases_of_several_partitions_are_told_in_order_of_event_time() -> None:
    told: list[tuple[int, str]] = []
    gathered = Gathered(TOPICS, 2, lambda a: told.append((a.time_ms // HOUR_MS, a.asset)))
    batches = [
        [case(1, "b", 0), case(5, "d", 0), mark(6 * HOUR_MS, 0)],
        [case(1, "a", 1), mark(2 * HOUR_MS, 1)],
        [case(2, "c", 1)],  # what its watermark promised, read after it
        [],
        [case(7, "f", 1), mark(7 * HOUR_MS, 1, end=True), mark(7 * HOUR_MS, 0, end=True)],
        [case(6, "e", 0)],  # read after the end of every partition
        [],
    ]
    seen: list[int] = []
    follow(cast(Feed, FakeFeed(batches)), gathered, lambda: seen.append(len(told)))
    assert told == [(1, "a"), (1, "b"), (2, "c"), (5, "d"), (6, "e"), (7, "f")]
    assert seen[:4] == [0, 0, 3, 3]
    assert len(gathered.alerts) == 6


def test_drift_and_dead_letters_are_kept(gathered: Gathered) -> None:
    drift = Drift(detector="adwin", time_ms=1, value=1.0, text="moved")
    letter = codec.letter(Incoming("t.telemetry", 0, 3, b"a", b"x", ""), "no good")
    gathered.take(arrive(codec.drift(TOPICS.drift, drift)))
    gathered.take(arrive(codec.dead_letter(TOPICS.dead_letters, letter)))
    assert (gathered.drift, gathered.dead_letters) == ([drift], [letter])


def test_the_first_dead_letter_of_each_reason_is_told() -> None:
    told: list[str] = []
    gathered = Gathered(TOPICS, 1, on_dead_letter=told.append)
    for reason in ("no good", "no good", "worse"):
        letter = codec.letter(Incoming("t.telemetry", 0, 3, b"a", b"x", ""), reason)
        gathered.take(arrive(codec.dead_letter(TOPICS.dead_letters, letter)))
    assert told == ["dead letter from t.telemetry/0: no good", "dead letter from t.telemetry/0: worse"]
    assert len(gathered.dead_letters) == 3


def test_a_note_that_a_dead_letter_was_sent_again_is_none(gathered: Gathered) -> None:
    note = Redriven((3,))
    gathered.take(arrive(codec.redriven(TOPICS.dead_letters, note)))
    assert gathered.dead_letters == []


def test_columns_join_messages_whatever_order_their_machines_have(gathered: Gathered) -> None:
    gathered.take(score([("b", 2, 0, 0.2), ("a", 1, 0, 0.1)]))
    gathered.take(score([("a", 2, 0, 0.3), ("b", 1, 0, 0.4)]))
    found = gathered.columns()
    hours, risk = (found.end_ms // HOUR_MS).tolist(), found.risk[:, 0]
    rows = list(zip(found.asset.tolist(), hours, risk.tolist(), strict=True))
    assert found.assets == ["a", "b"]
    assert rows == [(0, 1, 0.1), (0, 2, 0.3), (1, 1, 0.4), (1, 2, 0.2)]
    np.testing.assert_array_equal(found.adapted, risk / 2)


def test_of_a_corrected_window_the_last_revision_stays_also_where_it_came_first(gathered: Gathered) -> None:
    gathered.take(score([("a", 1, 2, 0.9), ("a", 2, 0, 0.5)]))
    gathered.take(score([("a", 1, 0, 0.1), ("a", 1, 1, 0.2)]))
    found = gathered.columns()
    assert (found.end_ms.tolist(), found.risk[:, 0].tolist()) == ([HOUR_MS, 2 * HOUR_MS], [0.9, 0.5])


@dataclass
class FakeFeed:
    """Gives one batch at each poll."""

    batches: list[list[Incoming]]
    timeouts: list[float] = field(default_factory=list)

    def poll(self, timeout_s: float) -> list[Incoming]:
        self.timeouts.append(timeout_s)
        return self.batches.pop(0)


def test_following_ends_when_every_partition_has_and_no_more_comes(
    gathered: Gathered,
) -> None:
    ticks: list[int] = []
    batches = [[mark(1, 0)], [], [mark(2, 0, end=True)], [mark(2, 1, end=True)], [], [mark(9, 1)]]
    feed = FakeFeed(batches)
    follow(cast(Feed, feed), gathered, lambda: ticks.append(1), timeout_s=0.0)
    assert (len(ticks), len(feed.batches), gathered.watermark_ms) == (4, 1, 2)


@dataclass
class FakeReader:
    """Holds the scores of an earlier replay by version 2; version 3 overwrites one machine's at each look."""

    assets: list[str]
    looks: int = 0
    led_after: int = 0

    def version(self) -> None:
        return None

    def stamp(self, measurement: str) -> str:
        raise NotImplementedError(measurement)

    def select(self, selection: Selection) -> Selected:
        raise NotImplementedError(selection)

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        return [Row(HOUR_MS, {"partition": p}, {"end": 1.0}) for p in "01"]

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        assert end_ms - start_ms == 1
        self.looks += 1
        if measurement == "case_history":
            return [Row(start_ms, {"asset": asset}, {"version": 1})] if self.looks > self.led_after else []
        assert measurement == "scores"
        written = self.assets[: self.looks - 1]
        return [Row(start_ms, {"asset": asset}, {"model": "3" if asset in written else "2"})]


def awaited(
    reader: FakeReader, gathered: Gathered, tick: Callable[[], None], give_up_s: float = 60.0
) -> tuple[bool, list[float]]:
    """Let time pass by sleeping only; return whether the sink is done, and the pauses."""
    slept: list[float] = []
    done = await_sink(
        reader, gathered, tick, give_up_s=give_up_s, clock=lambda: sum(slept), sleep=slept.append
    )
    return done, slept


def test_the_sink_is_done_when_the_store_has_what_was_scored_last_in_every_partition(
    gathered: Gathered,
) -> None:
    gathered.take(score([("a", 1, 0, 0.1), ("a", 2, 0, 0.1)]))
    gathered.take(replace(score([("b", 2, 0, 0.1)]), partition=1))
    reader = FakeReader(["a", "b"])
    done, slept = awaited(reader, gathered, lambda: None)
    assert (done, reader.looks, len(slept)) == (True, 3, 1)


def test_the_sink_is_done_when_the_store_has_the_cases_that_opened(gathered: Gathered) -> None:
    gathered.take(score([("a", 1, 0, 0.1)]))
    gathered.take(case(1, "a", 0))
    reader = FakeReader(["a"], led_after=5)
    done, slept = awaited(reader, gathered, lambda: None)
    assert (done, reader.looks) == (True, 7)
    assert len(slept) == 3


def test_a_sink_that_never_writes_is_given_up_also_where_an_earlier_replay_ended(
    gathered: Gathered,
) -> None:
    ticks: list[int] = []
    gathered.take(score([("a", 1, 0, 0.1)]))
    done, slept = awaited(FakeReader([]), gathered, lambda: ticks.append(1), give_up_s=10.0)
    assert not done
    assert sum(slept) == pytest.approx(10.0, abs=0.3)
    assert len(ticks) == len(slept)


def test_windows_are_counted_by_message_and_their_watermarks_count_as_progress(gathered: Gathered) -> None:
    gathered.take(Incoming(TOPICS.features, 0, 0, b"a", b"\x80", codec.WINDOWS))
    gathered.take(arrive(codec.watermark(TOPICS.features, Watermark(4)), 0))
    gathered.take(arrive(codec.watermark(TOPICS.features, Watermark(4)), 1))
    assert (gathered.windows, gathered.watermark_ms) == (1, 4)
