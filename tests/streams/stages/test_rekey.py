from __future__ import annotations

import json

import numpy as np

from models.telemetry.samples import Event, Samples
from streams.kafka.topics import Topics, partition_of
from streams.records import DeadLetter, Sample, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.features import FeatureStage
from streams.stages.rekey import RekeyStage
from streams.wire import codec
from streams.wire.telemetry import TelemetryDecoder
from tests.support.foreign_fleet import AT, fleet

TOPICS, PARTITIONS = Topics("t."), 4
NAMES = [f"P{i}" for i in range(8)]


def raw(value: bytes, content_type: str = "", offset: int = 0) -> Incoming:
    return Incoming("gateway", 0, offset, None, value, content_type, arrived_ms=AT + 3_600_000)


def point(name: str, minute: int, **values: object) -> bytes:
    return json.dumps({"asset": name, "time": AT + 60_000 * minute, "values": values}).encode()


def rekeyed(*messages: Incoming) -> list[Outgoing]:
    return list(RekeyStage(fleet(), TOPICS, PARTITIONS).process(messages))


def readings(found: list[Outgoing]) -> list[tuple[str, int, int, float]]:
    """Every reading that came out: machine, time, sensor and value, in the order of each partition."""
    decoder, out = TelemetryDecoder(fleet()), []
    for one in found:
        record = decoder.one(
            Incoming("t", one.partition or 0, 0, one.key, one.value, one.content_type)
        ).record
        assert isinstance(record, Samples)
        assert {partition_of(name, PARTITIONS) for name in record.assets} == {one.partition}
        for i, sensor in np.argwhere(np.isfinite(record.values)).tolist():
            out.append(
                (
                    record.assets[record.asset[i]],
                    int(record.time_ms[i]),
                    sensor,
                    float(record.values[i, sensor]),
                )
            )
    return sorted(out)


def test_samples_without_a_key_stand_on_the_partitions_of_their_machines_none_lost() -> None:
    sent = [raw(point(name, m, temp=m)) for m in range(5) for name in NAMES]
    sent += [raw(point(name, m, flow=m)) for m in range(5) for name in NAMES]
    found = rekeyed(*sent)
    assert {one.topic for one in found} == {"t.telemetry"}
    assert len(found) <= PARTITIONS
    assert readings(found) == sorted(
        (name, AT + 60_000 * m, sensor, float(m)) for name in NAMES for m in range(5) for sensor in (0, 1)
    )


def test_however_messages_are_cut_into_batches_the_same_readings_come_out() -> None:
    sent = [raw(point(name, m, temp=m)) for m in range(3) for name in NAMES]
    assert readings(rekeyed(*sent)) == readings([out for one in sent for out in rekeyed(one)])


def test_blocks_of_many_machines_with_long_names_are_cut_to_what_a_broker_takes() -> None:
    names = [f"P{i:060d}" for i in range(20_000)]
    stage, times = RekeyStage(fleet(), TOPICS, 1), np.full(10_000, AT)
    values = np.ones((10_000, len(fleet().sensors)), np.float32)
    sent = [
        Samples(tuple(some), np.arange(10_000, dtype=np.int32), times, values)
        for some in (names[:10_000], names[10_000:])
    ]
    blocks = [codec.block("gateway", one, fleet().schema) for one in sent]
    found = list(stage.process([raw(one.value, one.content_type) for one in blocks]))
    assert max(len(one.value) for one in found) < 800_000
    decoder = TelemetryDecoder(fleet())
    told = [decoder.one(Incoming("t", 0, 0, o.key, o.value, o.content_type)).record for o in found]
    assert [name for one in told if isinstance(one, Samples) for name in one.assets] == names


def test_an_event_goes_home_after_the_samples_before_it() -> None:
    trip = Event(AT, "P1", "shutdown", "oil")
    event = codec.event("gateway", trip)
    found = rekeyed(
        raw(point("P1", 0, temp=1)), raw(event.value, event.content_type), raw(point("P1", 1, temp=2))
    )
    assert [one.content_type for one in found] == [codec.BLOCK, codec.EVENT, codec.BLOCK]
    assert {one.partition for one in found} == {partition_of("P1", PARTITIONS)}


def test_what_is_of_no_use_is_a_dead_letter_and_so_is_a_watermark() -> None:
    mark = codec.watermark("gateway", Watermark(AT))
    found = rekeyed(
        raw(point("P1", 0, temp="warm", flow=1)), raw(b"{", offset=1), raw(mark.value, mark.content_type)
    )
    letters = [codec.decode_json(one.value, DeadLetter) for one in found if one.topic == "t.dead-letters"]
    assert [letter.topic for letter in letters] == ["gateway"] * 3
    assert "temp 'warm'" in letters[0].reason
    assert "not JSON" in letters[1].reason
    assert "watermark" in letters[2].reason
    assert readings([one for one in found if one.topic == "t.telemetry"]) == [("P1", AT, 1, 1.0)]


def test_a_feature_stage_says_of_a_machine_that_is_not_at_home_what_helps() -> None:
    name = next(n for n in NAMES if partition_of(n, PARTITIONS) != 0)
    sample = codec.sample("t", Sample(asset=name, time=AT, values={"temp": 1.0}))
    message = Incoming("t.telemetry", 0, 0, None, sample.value, sample.content_type)
    letter, _ = FeatureStage(fleet(), TOPICS, PARTITIONS).process([message])
    assert "chillcast rekey" in codec.decode_json(letter.value, DeadLetter).reason
