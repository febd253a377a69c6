"""Whatever a broker answers, what can be decoded is delivered, and the rest is named."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from crc32c import crc32c
from hypothesis import example, given
from hypothesis import strategies as st

from streams.kafka.damage import REASON, Batches, _Readable
from streams.stage import header

COUNT = 3
CommitBatch = tuple[int, bytes]


def batch(base: int, codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for i in range(COUNT):
        builder.append(i, 0, b"k", b"%d" % (base + i) * 50, [])
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", base)
    return bytes(data)


def read(data: bytes, start: int = 0) -> tuple[list[Any], int]:
    """Return what is delivered of an answer, and where the next one is asked for."""
    records = _Readable(TopicPartition("t", 0), Batches(data), None, start, None, None, True, 1)
    return list(records), records.next_fetch_offset


def offsets(found: list[Any], *, damaged: bool) -> list[int]:
    return [r.offset for r in found if bool(header(r.headers, REASON)) == damaged]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_what_is_whole_is_delivered_as_ever(codecs: list[int]) -> None:
    found, following = read(b"".join(batch(COUNT * i, codec) for i, codec in enumerate(codecs)))
    assert offsets(found, damaged=False) == list(range(COUNT * len(codecs)))
    assert following == COUNT * len(codecs)


@given(st.integers(0, 2), st.integers(0, 4), st.integers(12, 10_000), st.integers(1, 255))
@example(hit=1, codec=0, at=4, flip=1)  # the number of the format, which the checksum does not cover
def test_a_wrong_byte_costs_the_batch_it_stands_in(hit: int, codec: int, at: int, flip: int) -> None:
    parts = [bytearray(batch(COUNT * i, codec)) for i in range(3)]
    spot = 12 + at % (len(parts[hit]) - 12)
    parts[hit][spot] ^= flip
    found, following = read(b"".join(parts))
    rest = [n for n in range(3 * COUNT) if n // COUNT != hit]
    assert set(rest) <= set(offsets(found, damaged=False))
    left = offsets(found, damaged=True)
    assert len(left) <= 1
    # all that the checksum does not cover is the leader's epoch
    assert left or 12 <= spot < 16
    assert following > 2 * COUNT


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 7]), st.binary(max_size=300))
def test_a_payload_that_is_none_costs_itself(codec: int, payload: bytes) -> None:
    ends = struct.pack(">hiqqqhii", codec, COUNT - 1, 0, 0, -1, -1, -1, COUNT) + payload
    body = struct.pack(">ibI", -1, 2, crc32c(ends)) + ends
    found, following = read(batch(0) + struct.pack(">qi", COUNT, len(body)) + body + batch(2 * COUNT))
    assert offsets(found, damaged=True) == [2 * COUNT - 1]
    assert [n for n in offsets(found, damaged=False) if n // COUNT != 1] == [0, 1, 2, 6, 7, 8]
    assert following == 3 * COUNT


@given(st.binary(max_size=400), st.integers(0, 1000))
def test_no_answer_ends_a_reader_or_holds_it_up(data: bytes, start: int) -> None:
    has_any = Batches(data).has_next()
    found, following = read(data, start)
    assert all(a < b for a, b in pairwise(r.offset for r in found))
    if has_any:
        assert following > start
