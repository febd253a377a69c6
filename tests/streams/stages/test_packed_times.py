"""Times of readings come back as they were packed, and take a fraction of the room."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from models.features.state import HEARD, NOTHING
from streams.stages.packed_times import packed

TIMES = st.sampled_from([NOTHING, HEARD, 0, 7, 3_599_999])


@given(arrays(np.int32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20), elements=TIMES))
def test_what_is_packed_comes_back_or_is_not_packed(times: np.ndarray) -> None:
    small = packed(times)
    several = any(len(set(row) - {NOTHING}) > 1 for row in times.tolist())
    assert (small is None) == several
    if small is not None:
        np.testing.assert_array_equal(small.whole(), times)
        assert small.whole().dtype == times.dtype


def test_a_sample_that_came_without_any_reading_stays_one() -> None:
    times = np.array([[HEARD, NOTHING], [5, 5]], np.int32)
    small = packed(times)
    assert small is not None
    np.testing.assert_array_equal(small.whole(), times)


def test_it_takes_an_eighth_of_a_byte_for_a_reading() -> None:
    times = np.full((6000, 72), 60_000, np.int32)
    small = packed(times)
    assert small is not None
    assert small.one.nbytes + small.there.nbytes == 6000 * (4 + 72 // 8)
