from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import FLEET
from models.errors import RecordError
from models.telemetry.samples import Samples
from streams.stage import Incoming
from streams.wire.telemetry import Decoded, decode_telemetry

VALUES = st.one_of(st.none(), st.integers(-5, 5), st.floats(width=32, allow_nan=False, allow_infinity=False))


def decoded(value: bytes) -> Decoded | RecordError:
    (found,) = decode_telemetry([Incoming("telemetry", 0, 0, b"u1", value, "application/json")], FLEET)
    return found


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
    assert other.problems == (f"values.stranger: not a sensor of fleet {FLEET.name}",)
    expected = [np.nan if values.get(key) is None else values[key] for key in FLEET.keys]
    for record in (plain.record, other.record):
        np.testing.assert_array_equal(record.values[0], np.array(expected, np.float32))
        assert (record.assets, record.time_ms.tolist()) == (("u1",), [time_ms])


def test_what_is_no_sample_is_refused_with_what_was_expected() -> None:
    found = decoded(b'{"asset": "u1", "time": 1, "values": {"s0": "cold"}}')
    assert isinstance(found, RecordError)
    assert "not a Sample in JSON" in str(found)
