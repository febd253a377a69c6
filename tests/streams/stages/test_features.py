"""The feature stage message by message, without a broker."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples
from streams.kafka.topics import Topics, partition_of
from streams.records import DeadLetter, Drift, Sample, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.features import FeatureStage
from streams.wire import codec
from tests.support.toy_fleet import HOP, MINUTE, fleet_of

TOPICS = Topics("t.")
START_MS = 20_000 * DAY_MS
HOME = {name: partition_of(name, 2) for name in (f"a{i}" for i in range(20))}
HERE, OTHER = (next(n for n in HOME if HOME[n] == p) for p in (0, 1))


def toy(lateness_s: int = 0) -> Fleet:
    return replace(fleet_of(lateness_s), asset_pattern="a[0-9]+")


@pytest.fixture
def stage() -> FeatureStage:
    return FeatureStage(toy(), TOPICS, partitions=2)


def arrive(out: Outgoing, partition: int = 0, offset: int = 0) -> Incoming:
    return Incoming("t.telemetry", partition, offset, out.key, out.value, out.content_type)


def sample(minute: int, value: float | None = 1.0, asset: str = HERE, **more: float) -> Incoming:
    values = {"s0": value, "s1": value, **more}
    record = Sample(asset=asset, time=START_MS + minute * MINUTE, values=values)
    return arrive(codec.sample("t.telemetry", record))


def watermark(time_ms: int, end: bool = False) -> Incoming:
    return arrive(codec.watermark("t.telemetry", Watermark(time_ms, end)))


def feed(stage: FeatureStage, *incoming: Incoming) -> list[Outgoing]:
    return [out for message in incoming for out in stage.process([message])]


def windows(stage: FeatureStage, outputs: Iterable[Outgoing]) -> list[Windows]:
    found = []
    for out in outputs:
        if out.content_type == codec.WINDOWS:
            assert out.topic == "t.features"
            record = codec.decode_features(out.value, out.content_type, stage.kernel.schema.fingerprint)
            assert isinstance(record, Windows)
            found.append(record)
    return found


def letters(outputs: Iterable[Outgoing]) -> list[DeadLetter]:
    return [codec.decode_json(o.value, DeadLetter) for o in outputs if o.topic == "t.dead-letters"]


def test_a_window_comes_out_when_the_next_pane_begins(stage: FeatureStage) -> None:
    outputs = feed(stage, *(sample(m) for m in range(4)))
    assert outputs == []
    (found,) = windows(stage, feed(stage, sample(4)))
    assert (found.assets, found.end_ms.tolist()) == ((HERE,), [START_MS + HOP])


def test_windows_are_those_of_the_kernel_bit_for_bit(stage: FeatureStage) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(20, 2, (60, 2)).astype(np.float32)
    time_ms = START_MS + np.arange(60) * MINUTE
    samples = Samples((HERE,), np.zeros(60, np.int32), time_ms, values)
    outputs = feed(stage, arrive(codec.block("t.telemetry", samples, stage.fleet.schema)))
    streamed = np.concatenate([w.values for w in windows(stage, outputs)])
    direct, _ = stage.kernel.step(stage.kernel.start(), samples)
    assert streamed.tobytes() == direct.values.tobytes()


def test_a_watermark_closes_windows_and_follows_them(stage: FeatureStage) -> None:
    feed(stage, sample(0))
    outputs = feed(stage, watermark(START_MS + HOP))
    assert [o.content_type for o in outputs if o.topic == "t.features"] == [
        codec.WINDOWS,
        codec.WATERMARK,
    ]
    assert codec.decode_json(outputs[-1].value, Watermark) == Watermark(START_MS + HOP)


def test_an_event_is_passed_on_to_those_who_keep_it_and_those_who_learn_from_it(stage: FeatureStage) -> None:
    trip = Event(START_MS, HERE, "shutdown", "high-condenser-pressure")
    outputs = feed(stage, arrive(codec.event("t.telemetry", trip)))
    assert [o.topic for o in outputs] == ["t.events", "t.features"]
    assert {codec.decode_json(o.value, Event) for o in outputs} == {trip}


def raw(value: bytes | None, content_type: str = "") -> Incoming:
    return Incoming("t.telemetry", 0, 42, HERE.encode(), value, content_type)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (raw(None), "empty message"),
        (raw(b"{"), "truncated"),
        (raw(b"\xff\xfe"), "not a Sample in JSON"),
        (raw(b"{}", "text/plain"), "content-type 'text/plain': expected one of"),
        (raw(b"\x81", codec.BLOCK), "truncated"),
        (raw(b'{"time_ms": -1}', codec.WATERMARK), "time_ms -1: expected"),
        (raw(b'{"time_ms": 1, "asset": "b", "kind": "shutdown"}', codec.EVENT), "asset 'b': expected"),
        (sample(0, asset="stranger"), "stranger"),
        (sample(0, value=None), "no finite value of a known sensor"),
        (sample(0, asset=OTHER), "on partition 0: key .* belongs to 1"),
    ],
)
def test_whatever_makes_no_sense_becomes_one_dead_letter(
    stage: FeatureStage, message: Incoming, reason: str
) -> None:
    outputs = feed(stage, message)
    (letter,) = letters(outputs)
    assert [o.topic for o in outputs] == ["t.dead-letters", "t.drift"]
    assert re.search(reason, letter.reason)
    assert (letter.topic, letter.partition, letter.offset) == ("t.telemetry", 0, message.offset)
    assert base64.b64decode(letter.payload) == (message.value or b"")


def test_an_event_of_a_machine_of_another_partition_is_refused(stage: FeatureStage) -> None:
    trip = Event(START_MS, OTHER, "shutdown")
    (letter,) = letters(feed(stage, arrive(codec.event("t.telemetry", trip))))
    assert f"asset {OTHER!r} on partition 0" in letter.reason


def test_one_machine_of_another_partition_refuses_its_whole_block(stage: FeatureStage) -> None:
    samples = Samples(
        (HERE, OTHER), np.array([0, 1], np.int32), np.full(2, START_MS), np.ones((2, 2), np.float32)
    )
    outputs = feed(stage, arrive(codec.block("t.telemetry", samples, stage.fleet.schema)))
    assert len(letters(outputs)) == 1
    assert feed(stage, watermark(START_MS + HOP))[-1].content_type == codec.WATERMARK
    assert stage.state.assets == []


def test_an_unknown_sensor_is_reported_and_the_rest_of_its_sample_used(stage: FeatureStage) -> None:
    outputs = feed(stage, sample(0, surprise=3.0), sample(4))
    assert [x.reason for x in letters(outputs)] == ["values: not sensors of fleet toy: 'surprise'"]
    assert len(windows(stage, outputs)) == 1


def test_a_sample_that_is_too_late_is_a_dead_letter_that_says_how_late_it_may_be() -> None:
    stage = FeatureStage(toy(lateness_s=240), TOPICS, partitions=2)
    outputs = feed(stage, sample(0), sample(30), sample(1))
    assert [x.reason for x in letters(outputs)] == ["1 samples came later than lateness_s = 240"]


def test_a_message_has_one_letter_whatever_is_wrong_with_it() -> None:
    stage = FeatureStage(toy(lateness_s=240), TOPICS, partitions=2)
    outputs = feed(stage, sample(0), sample(30), sample(1, surprise=1.0))
    (letter,) = letters(outputs)
    assert letter.reason == (
        "values: not sensors of fleet toy: 'surprise'; 1 samples came later than lateness_s = 240"
    )


def test_a_letter_does_not_multiply_its_message(stage: FeatureStage) -> None:
    unknown: dict[str, Any] = {f"building_7.chiller_{i}.supply_temp": 12.5 for i in range(40)}
    message = sample(0, **unknown)
    (letter,) = [o for o in feed(stage, message) if o.topic == "t.dead-letters"]
    assert len(letter.value) <= 2 * len(message.value or b"")


def test_a_flood_is_said_as_it_grows_and_a_successor_goes_on_counting(stage: FeatureStage) -> None:
    def refused(outputs: Iterable[Outgoing]) -> list[tuple[str, float]]:
        found = [codec.decode_json(o.value, Drift) for o in outputs if o.topic == "t.drift"]
        return [(d.reason, d.value) for d in found if d.detector == "dead-letters"]

    bad = [raw(b"{")] * 60
    assert refused(feed(stage, *bad)) == [("form", 1), ("form", 10)]
    assert refused(feed(stage, sample(0, surprise=1.0))) == [("point", 1)]
    successor = FeatureStage(stage.fleet, TOPICS, partitions=2)
    for key, value in stage.delta():
        successor.restore(key, value)
    successor.restored()
    assert refused(feed(successor, *bad)) == [("form", 100)]
    next_day = watermark(START_MS + DAY_MS)
    assert refused(feed(successor, next_day, *bad[:2])) == [("form", 1)]


def test_a_late_sample_sends_its_window_again_with_a_higher_revision() -> None:
    stage = FeatureStage(toy(lateness_s=600), TOPICS, partitions=2)
    found = windows(stage, feed(stage, sample(0), sample(5), sample(2)))
    assert [(w.end_ms.tolist(), w.revision.tolist()) for w in found] == [
        ([START_MS + HOP], [0]),
        ([START_MS + HOP], [1]),
    ]


def quality(outputs: Iterable[Outgoing]) -> list[Drift]:
    found = [codec.decode_json(o.value, Drift) for o in outputs if o.topic == "t.drift"]
    return [d for d in found if d.detector == "quality"]


def test_once_a_day_the_missing_and_implausible_values_of_a_sensor_are_reported(stage: FeatureStage) -> None:
    feed(stage, watermark(START_MS))
    feed(stage, sample(0), sample(1, s1=9999.0), sample(2), sample(3))
    assert quality(feed(stage, watermark(START_MS + DAY_MS - 1))) == []
    (report,) = quality(feed(stage, watermark(START_MS + DAY_MS)))
    assert (report.detector, report.sensor, report.time_ms) == ("quality", "s1", START_MS + DAY_MS)
    assert (report.missing, report.implausible, report.expected, report.value) == (1, 1, 4, 0.25)
    assert quality(feed(stage, watermark(START_MS + 2 * DAY_MS))) == []


def test_the_last_day_is_reported_at_the_end_though_it_is_not_over(stage: FeatureStage) -> None:
    feed(stage, watermark(START_MS), sample(0), sample(2))
    reports = quality(feed(stage, watermark(START_MS + HOP, end=True)))
    assert [(r.sensor, r.missing, r.expected) for r in reports] == [("s0", 2, 4), ("s1", 2, 4)]


def test_many_windows_are_cut_into_messages_a_broker_takes() -> None:
    fleet = replace(fleet_of(sensors=60), asset_pattern="a[0-9]+")
    stage, n = FeatureStage(fleet, TOPICS, partitions=1), 400
    samples = Samples(
        tuple(f"a{i}" for i in range(n)),
        np.arange(n, dtype=np.int32),
        np.full(n, START_MS),
        np.ones((n, 60), np.float32),
    )
    feed(stage, arrive(codec.block("t.telemetry", samples, fleet.schema)))
    outputs = feed(stage, watermark(START_MS + HOP))
    found = windows(stage, outputs)
    assert len(found) > 1
    assert max(len(o.value) for o in outputs) < 1_000_000
    assert sorted(w.assets[i] for w in found for i in w.asset.tolist()) == sorted(samples.assets)


def test_windows_of_many_machines_with_long_names_are_cut_so_that_each_message_names_its_own() -> None:
    names = [f"a{i:032d}" for i in range(8192)]
    stage = FeatureStage(toy(), TOPICS, partitions=1)
    for some in (names[:4096], names[4096:]):
        samples = Samples(
            tuple(some), np.arange(4096, dtype=np.int32), np.full(4096, START_MS), np.ones((4096, 2), "f4")
        )
        feed(stage, arrive(codec.block("t.telemetry", samples, stage.fleet.schema)))
    outputs = feed(stage, watermark(START_MS + HOP))
    found = windows(stage, outputs)
    assert max(len(o.value) for o in outputs) < 800_000
    assert [w.assets[i] for w in found for i in w.asset.tolist()] == names
    assert [o.key.decode() for o in outputs if o.content_type == codec.WINDOWS] == [
        w.assets[0] for w in found
    ]


def test_two_stages_that_see_the_same_log_say_the_same_bytes() -> None:
    log = [watermark(START_MS), *(sample(m, float(m)) for m in (0, 1, 4, 3, 9)), watermark(START_MS + DAY_MS)]
    one, two = (FeatureStage(toy(600), TOPICS, partitions=2) for _ in range(2))
    assert feed(one, *log) == feed(two, *log)
