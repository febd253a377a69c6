from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from models.errors import ConfigError
from models.features.kernel import Kernel
from models.telemetry.samples import Event, Samples, TimeSlice
from simulators.replay.replay import batch_ms_of, batches, replay
from streams.kafka.topics import partition_of
from streams.records import Watermark
from streams.stage import Outgoing
from tests.support.collected import collect, decoded
from tests.support.hours import FLEET, ROWS, START_MS, raw_of, slices
from tests.support.toy_fleet import HOP, MINUTE, samples_of


def sent(partitions: int, source: list[TimeSlice] | None = None) -> list[tuple[int, object]]:
    out: list[tuple[int, object]] = []

    def send(partition: int, message: Outgoing) -> None:
        out.append((partition, decoded(message.value, message.content_type, FLEET).record))

    replay(
        slices() if source is None else source,
        FLEET,
        partitions=partitions,
        telemetry="t",
        send=send,
        pace=lambda _: None,
    )
    return out


def test_every_sample_is_sent_once_to_the_partition_of_its_asset() -> None:
    found = [(p, r) for p, r in sent(4) if isinstance(r, Samples)]
    assert sum(len(r) for _, r in found) == len(ROWS)
    for partition, samples in found:
        assert {partition_of(name, 4) for name in samples.assets} == {partition}


def test_a_watermark_follows_all_that_lies_before_it_and_an_event_nothing_later() -> None:
    for partition in range(4):
        reached = START_MS
        for record in (r for p, r in sent(4) if p == partition):
            if isinstance(record, Watermark):
                assert record.time_ms >= reached
                reached = record.time_ms
            elif isinstance(record, Event):
                assert reached <= record.time_ms < reached + HOP
            else:
                assert isinstance(record, Samples)
                assert (record.time_ms >= reached).all()


def test_every_partition_is_told_the_end_also_one_without_assets() -> None:
    ends = [p for p, r in sent(8) if isinstance(r, Watermark) and r.end]
    assert sorted(ends) == list(range(8))


def test_a_replay_gives_the_windows_of_the_batch() -> None:
    kernel = Kernel(FLEET)
    expected: dict[tuple[str, int], bytes] = {}
    state = kernel.start()
    collect(expected, kernel.step(state, samples_of(ROWS))[0])
    collect(expected, kernel.close(state, 10**9)[0])
    found: dict[tuple[str, int], bytes] = {}
    states = {p: kernel.start() for p in range(3)}
    for partition, record in sent(3):
        if isinstance(record, Samples):
            collect(found, kernel.step(states[partition], record)[0])
        elif isinstance(record, Watermark):
            collect(found, kernel.close(states[partition], record.time_ms)[0])
    assert found == expected


def test_pace_is_asked_before_each_batch_is_sent() -> None:
    asked: list[int] = []
    replay(slices(), FLEET, partitions=1, telemetry="t", send=lambda *_: None, pace=asked.append)
    assert asked == [START_MS + (n + 1) * MINUTE for n in range(24)]


def test_a_slice_that_ends_within_a_batch_ends_there() -> None:
    short = [TimeSlice(0, HOP + MINUTE, samples_of([(0, 0, 1.0)]), ())]
    assert [part[0].end_ms for part in batches(short, 1, HOP)] == [HOP, HOP + MINUTE]
    assert [len(part[0].samples) for part in batches(short, 1, HOP)] == [1, 0]


def test_a_batch_has_to_divide_the_hop() -> None:
    assert batch_ms_of(FLEET) == MINUTE
    assert batch_ms_of(FLEET, 120) == 2 * MINUTE
    for wrong in (0, 50, 480):
        with pytest.raises(ConfigError, match=f"--batch = {wrong}: expected a divisor of 240 s"):
            batch_ms_of(FLEET, wrong)


def dirty(span_ms: int) -> list[TimeSlice]:
    """Rows by asset, some late, cut into slices of one or several hops."""
    rng = np.random.default_rng(4)
    whole = samples_of(sorted(ROWS))
    late = np.where(rng.random(len(whole)) < 0.2, rng.integers(0, 3 * HOP, len(whole)), 0)
    came = np.minimum(whole.time_ms + late, START_MS + 6 * HOP - 1)
    out = []
    for start_ms in range(START_MS, START_MS + 6 * HOP, span_ms):
        rows = np.flatnonzero((came >= start_ms) & (came < start_ms + span_ms))
        rows = rows[np.argsort(came[rows], kind="stable")]
        out.append(TimeSlice(start_ms, start_ms + span_ms, whole.take(rows), (), came[rows]))
    return out


def raw(source: Iterable[TimeSlice], batch_s: int | None = None) -> list[tuple[int, Outgoing]]:
    return raw_of(source, FLEET, batch_s)


def test_messages_do_not_depend_on_how_the_source_is_cut() -> None:
    whole = raw(dirty(6 * HOP))
    assert whole == raw(dirty(HOP)) == raw(dirty(2 * HOP))
    assert whole != raw(dirty(HOP), batch_s=240)


def test_a_late_sample_is_sent_when_it_arrives_and_none_is_lost() -> None:
    found = [r for _, r in sent(2, dirty(6 * HOP)) if isinstance(r, Samples)]
    assert sum(len(r) for r in found) == len(ROWS)
    times = np.concatenate([r.time_ms for r in found])
    assert (np.diff(times) < 0).any()


def test_an_event_from_before_its_slice_is_sent_with_it() -> None:
    old = TimeSlice(START_MS, START_MS + HOP, samples_of([]), (Event(START_MS - HOP, "a", "shutdown"),))
    assert [r for _, r in sent(1, [old]) if isinstance(r, Event)] == list(old.events)


def test_rows_by_asset_come_in_the_order_of_arrival() -> None:
    part = TimeSlice(START_MS, START_MS + 6 * HOP, samples_of(sorted(ROWS)))
    ordered = part.in_order()
    assert ordered.samples.time_ms.tolist() == sorted(part.samples.time_ms.tolist())
    assert ordered.arrivals is ordered.arrival_ms
    assert ordered.in_order() is ordered
