"""Whatever arrives, in whatever form: no crash, and what is not used has a reason."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.intake.numbers import NOTHING
from streams.stage import Incoming
from streams.wire.codec import BLOCK, EVENT, WATERMARK
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import TelemetryDecoder
from tests.support.foreign_fleet import AT, RECORDED, fleet

FORMS: dict[str, dict[str, Any]] = {
    "json": {"missing": ["Bad"], "name_pattern": "(?P<asset>P[0-9])"},
    "long": {"records": "metrics", "point": "name", "value": "value", "timezone": "Europe/Berlin"},
    "telegraf": {"form": "telegraf"},
    "influx": {"form": "influx"},
    "sparkplug": {"form": "sparkplug", "name_pattern": "(?P<asset>P[0-9])"},
}
DECODERS = {name: TelemetryDecoder(fleet(**keys)) for name, keys in FORMS.items()}
MISSING = {word.casefold() for word in (*NOTHING, "Bad")}
SAYS_NOTHING = re.compile(rb'"\s*(' + "|".join(map(re.escape, MISSING)).encode() + rb')\s*"', re.IGNORECASE)
NAMES = (
    "asset time values metrics fields tags host name value timestamp temp flow P1 P2 Bad alias isNull "
    "longValue 1e999 \ud800"
)
WORDS = st.sampled_from([*NAMES.split(), "68 °F", "2024-10-27 02:30", "9" * 200])
NUMBERS = st.integers(-(10**30), 10**30) | st.just(AT) | st.floats()
LEAVES = WORDS | st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
RECORDINGS = ("telegraf.json", "telegraf-batch.json", "telegraf.influx")
RIGHT = [(RECORDED / name).read_bytes() for name in RECORDINGS]
RIGHT += [msgspec.json.encode({"asset": "P1", "time": AT, "values": {"temp": 20.5, "flow": None}})]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A right message with a few bytes replaced, added or cut."""
    data = bytearray(draw(st.sampled_from(RIGHT)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()  # it writes NaN, and half characters


MESSAGES = st.one_of(st.binary(max_size=60), spoilt(), ANY.map(as_json))
KINDS = st.sampled_from(["", "application/json", "text/plain", BLOCK, EVENT, WATERMARK])


@pytest.mark.parametrize("form", [*FORMS, "own"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_arrives_is_read_or_has_a_reason(form: str, data: st.DataObject) -> None:
    decoder = DECODERS.get(form) or TelemetryDecoder(fleet())
    value, key, kind = data.draw(MESSAGES), data.draw(st.binary(max_size=4)), data.draw(KINDS)
    for found in decoder.batches([Incoming("t", 0, 0, key, value, kind, arrived_ms=AT)]):
        if isinstance(found, SampleBatch):
            samples, problems = found.samples, found.problems.get(0, ())
            assert all(problems)
            assert all(len(problem) < 4000 for problem in problems)
            assert not np.isinf(samples.values).any()
            assert np.isfinite(samples.values).any(axis=1).all()
            said_nothing = b"null" in value or b"NaN" in value or SAYS_NOTHING.search(value)
            assert len(samples) or problems or said_nothing


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["temp", "flow", "on", "odd"]), LEAVES, min_size=1))
def test_every_point_is_read_is_nothing_or_is_named(values: dict[str, Any]) -> None:
    data = as_json({"asset": "P1", "time": AT, "values": values})
    (found,) = DECODERS["json"].batches([Incoming("t", 0, 0, None, data, "")])
    assert isinstance(found, SampleBatch)
    said = "; ".join(found.problems.get(0, ()))
    row = found.samples.values[0].tolist() if len(found.samples) else [np.nan] * 3
    sensors = dict(zip(("temp", "flow", "on"), row, strict=True))
    for name, value in values.items():
        nothing = value is None or value != value
        nothing |= isinstance(value, str) and value.strip().casefold() in MISSING
        read = not np.isnan(sensors.get(name, np.nan))
        assert read or nothing or f"{name}" in said or "infinite" in said
