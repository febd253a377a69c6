from __future__ import annotations

import numpy as np

from models.frames import Event, Frames, Slice
from models.kernel import Kernel
from simulators.replay import hops, replay
from streams.messages import Watermark
from streams.stage import Outgoing
from streams.topics import partition_of
from tests.collected import collect, decoded
from tests.models.test_kernel import HOP, MINUTE, fleet_of, frames_of

FLEET = fleet_of()
START_MS = 10 * HOP
ROWS = [(a, m, float(a * 100 + m)) for m in range(40, 64) for a in range(3)]


def slices() -> list[Slice]:
    trip = Event(START_MS + 5 * MINUTE, "a", "shutdown", "x")
    events = (trip, Event(START_MS + 13 * MINUTE, "b", "restart", "x"))
    return [Slice(START_MS, START_MS + 6 * HOP, frames_of(ROWS), events)]


def sent(partitions: int, source: list[Slice] | None = None) -> list[tuple[int, object]]:
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
    found = [(p, r) for p, r in sent(4) if isinstance(r, Frames)]
    assert sum(len(r) for _, r in found) == len(ROWS)
    for partition, frames in found:
        assert {partition_of(name, 4) for name in frames.assets} == {partition}


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
                assert isinstance(record, Frames)
                assert (record.time_ms >= reached).all()


def test_every_partition_is_told_the_end_also_one_without_assets() -> None:
    ends = [p for p, r in sent(8) if isinstance(r, Watermark) and r.end]
    assert sorted(ends) == list(range(8))


def test_a_replay_gives_the_windows_of_the_batch() -> None:
    kernel = Kernel(FLEET)
    expected: dict[tuple[str, int], bytes] = {}
    state = kernel.start()
    collect(expected, kernel.step(state, frames_of(ROWS))[0])
    collect(expected, kernel.close(state, 10**9)[0])
    found: dict[tuple[str, int], bytes] = {}
    states = {p: kernel.start() for p in range(3)}
    for partition, record in sent(3):
        if isinstance(record, Frames):
            collect(found, kernel.step(states[partition], record)[0])
        elif isinstance(record, Watermark):
            collect(found, kernel.close(states[partition], record.time_ms)[0])
    assert found == expected


def test_pace_is_asked_before_each_hop_is_sent() -> None:
    asked: list[int] = []
    replay(slices(), FLEET, partitions=1, telemetry="t", send=lambda *_: None, pace=asked.append)
    assert asked == [START_MS + (n + 1) * HOP for n in range(6)]


def test_a_slice_that_ends_within_a_hop_ends_there() -> None:
    short = [Slice(0, HOP + MINUTE, frames_of([(0, 0, 1.0)]), ())]
    assert [part[0].end_ms for part in hops(short, FLEET, 1)] == [HOP, HOP + MINUTE]
    assert np.all([len(part[0].frames) <= 1 for part in hops(short, FLEET, 1)])
