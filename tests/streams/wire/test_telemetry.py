from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import FLEET, SENSORS, START_MS
from models.errors import RecordError
from models.telemetry.samples import Samples
from streams.records import Sample, Watermark
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import Decoded, Mark, TelemetryDecoder

VALUES = st.one_of(st.none(), st.integers(-5, 5), st.floats(width=32, allow_nan=False, allow_infinity=False))


def decoded(value: bytes) -> Decoded | RecordError:
    try:
        return TelemetryDecoder(FLEET).one(Incoming("telemetry", 0, 0, b"u1", value, "application/json"))
    except RecordError as error:
        return error


@given(st.dictionaries(st.sampled_from(FLEET.keys), VALUES, min_size=1), st.integers(1, 10**12))
def test_a_sample_reads_the_same_with_a_stranger_among_its_sensors(
    values: dict[str, float | None], time_ms: int
) -> None:
    sample = {"asset": "u1", "time": time_ms, "values": values}
    plain = decoded(msgspec.json.encode(sample))
    other = decoded(msgspec.json.encode({**sample, "values": {**values, "stranger": 1.0}}))
    if isinstance(plain, RecordError):
        assert str(other).endswith(str(plain))
        return
    assert isinstance(other, Decoded)
    assert isinstance(plain.record, Samples)
    assert isinstance(other.record, Samples)
    assert plain.problems == ()
    assert other.problems == (f"values: not sensors of fleet {FLEET.name}: 'stranger'",)
    expected = [np.nan if values.get(key) is None else values[key] for key in FLEET.keys]
    for record in (plain.record, other.record):
        np.testing.assert_array_equal(record.values[0], np.array(expected, np.float32))
        assert (record.assets, record.time_ms.tolist()) == (("u1",), [time_ms])


NO_SAMPLES = [b"[]", b'{"asset": "u1", "time": true, "values": {}}', b'{"asset": 1}', b"{"]


@pytest.mark.parametrize("sample", NO_SAMPLES)
def test_what_is_no_sample_is_refused_with_what_was_expected(sample: bytes) -> None:
    found = decoded(sample)
    assert isinstance(found, RecordError)
    assert "not a Sample in JSON" in str(found)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("NaN", ()),
        ("null", ()),
        ("-Infinity", ("values: 1 infinite, taken as missing",)),
        ('"unavailable"', ("values.s0 'unavailable': expected a number or null",)),
        ('"20.5"', ("values.s0 '20.5': expected a number or null",)),
        ("true", ("values.s0 True: expected a number or null",)),
        ("[1]", ("values.s0 [1]: expected a number or null",)),
    ],
)
def test_a_point_that_is_no_number_is_lost_by_name_and_its_sample_is_not(
    value: str, problem: tuple[str, ...]
) -> None:
    found = decoded(f'{{"asset": "u1", "time": 1.5, "values": {{"s0": {value}, "s1": 2}}}}'.encode())
    assert isinstance(found, Decoded)
    assert found.problems == problem
    assert isinstance(found.record, Samples)
    np.testing.assert_array_equal(found.record.values[0, :2], [np.nan, 2])
    assert found.record.time_ms.tolist() == [1]


def message_of(kind: str, i: int) -> Incoming:
    """A message of asset ``i % 3``, at minute ``i``."""
    name, time_ms = f"u{i % 3}", START_MS + i * 60_000
    block = Samples(
        (name,), np.zeros(4, np.int32), time_ms + np.arange(4), np.full((4, SENSORS), i, np.float32)
    )
    two = Samples(("u1", "u2"), np.arange(2, dtype=np.int32), np.full(2, time_ms), block.values[:2])
    values: dict[str, float | None] = {"s1": float(i), "stranger" if kind == "strange" else "s2": 1.0}
    some = {
        "block": codec.block("t", block, FLEET.schema),
        "mixed": codec.block("t", two, FLEET.schema),
        "mark": codec.watermark("t", Watermark(time_ms)),
        "huge": codec.sample("t", Sample(asset=name, time=time_ms, values={"s0": 1e39, "s1": 1.0})),
        "empty": codec.sample("t", Sample(asset=name, time=time_ms, values={"s0": None})),
        "nonsense": Outgoing("t", b"", b"{", ""),
    }
    out = some.get(kind) or codec.sample("t", Sample(asset=name, time=time_ms, values=values))
    return Incoming("t", 0, i, out.key, out.value, out.content_type)


KINDS = st.sampled_from(["plain", "strange", "block", "mixed", "mark", "huge", "empty", "nonsense"])


@given(st.lists(KINDS, max_size=12))
def test_a_batch_holds_what_its_messages_hold_one_by_one_and_is_cut_at_marks_only(kinds: list[str]) -> None:
    sent = [message_of(kind, i) for i, kind in enumerate(kinds)]
    found = TelemetryDecoder(FLEET).batches(sent)
    assert [m for one in found for m in ([one.message] if isinstance(one, Mark) else one.messages)] == sent
    alone = {"mark", "mixed"}
    assert len(found) == sum(k in alone or i == 0 or kinds[i - 1] in alone for i, k in enumerate(kinds))
    for one in found:
        if isinstance(one, Mark):
            assert one.record == TelemetryDecoder(FLEET).one(one.message).record
            continue
        for i, message in enumerate(one.messages):
            assert_alike(one, i, message)


def assert_alike(batch: SampleBatch, i: int, message: Incoming) -> None:
    if not batch.names[i]:
        with pytest.raises(RecordError, match=re.escape(batch.problems[i][0])):
            TelemetryDecoder(FLEET).one(message)
        return
    alone, together = TelemetryDecoder(FLEET).one(message), batch.part(i, i + 1)
    assert isinstance(alone.record, Samples)
    assert batch.problems.get(i, ()) == alone.problems
    assert (alone.record.assets, len(alone.record)) == (together.assets, batch.rows[i])
    for name in ("asset", "time_ms", "values"):
        assert getattr(alone.record, name).tobytes() == getattr(together, name).tobytes()
    oldest_ms, newest_ms = (times[i] for times in batch.spans())
    assert (oldest_ms, newest_ms) == (together.time_ms.min(), together.time_ms.max())
