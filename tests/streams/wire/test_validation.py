from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecordError
from models.event_time import LATEST_MS
from streams.wire import validation as checks

TOO_DEEP = 200_000


class Named(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty message"),
        (b"", "empty message"),
        (b"x" * (checks.MAX_BYTES + 1), f"{checks.MAX_BYTES + 1} bytes: expected at most {checks.MAX_BYTES}"),
    ],
)
def test_a_message_of_no_or_too_many_bytes_is_refused(value: bytes | None, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        checks.sized(value)


def test_json_nested_so_deep_that_a_parser_gives_up_is_refused_like_any_other() -> None:
    with pytest.raises(RecordError, match="not a Named in JSON: nested too deeply"):
        checks.from_json(b'{"name":"a","x":' + b"[" * TOO_DEEP, Named)


def test_messagepack_nested_so_deep_that_a_parser_gives_up_is_refused_like_any_other() -> None:
    with pytest.raises(RecordError, match="not a Named in MessagePack: nested too deeply"):
        checks.from_msgpack(b"\x82\xa4name\xa1a\xa1x" + b"\x91" * TOO_DEEP, Named)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2024-01-01T00:00:00Z", 1_704_067_200_000),
        ("2024-01-01T01:00:00.001+01:00", 1_704_067_200_001),
        ("2024-01-01T00:00:00.0019Z", 1_704_067_200_001),
        (1_704_067_200_000, 1_704_067_200_000),
    ],
)
def test_a_time_is_iso_8601_with_an_offset_or_utc_milliseconds(text: str | int, time_ms: int) -> None:
    assert checks.parse_time(text) == time_ms


@given(st.integers(1, LATEST_MS - 1))
def test_no_millisecond_is_lost_on_the_way_through_text(time_ms: int) -> None:
    text = str(np.datetime64(time_ms, "ms")) + "Z"
    assert checks.parse_time(text) == time_ms


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024-01-01T00:00:00", "expected an offset from UTC"),
        ("yesterday", "expected ISO 8601 with an offset, or UTC ms"),
        ("1969-12-31T23:59:59Z", "between 1970 and 2200"),
        ("0001-01-01T00:00:00+14:00", "between 1970 and 2200"),
        ("9999-12-31T23:59:59-14:00", "between 1970 and 2200"),
        (0, "between 1970 and 2200"),
        (2**64, "between 1970 and 2200"),
        ("9" * 10_000, "…'"),
    ],
)
def test_a_time_without_offset_or_out_of_all_reason_is_refused(value: str | int, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        checks.parse_time(value)


def test_an_array_of_another_length_is_refused_with_both_lengths() -> None:
    with pytest.raises(RecordError, match="values: 7 bytes, expected 8"):
        checks.array(bytes(7), "<f4", 2, "values")


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_beyond_the_names_is_refused(index: int) -> None:
    with pytest.raises(RecordError, match="expected indices below 2"):
        checks.indices(np.array([0, index], "<i4").tobytes(), ["a", "b"], 2)


def test_names_that_occur_twice_are_refused() -> None:
    with pytest.raises(RecordError, match="expected distinct names"):
        checks.indices(bytes(4), ["a", "a"], 1)
