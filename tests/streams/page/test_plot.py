from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from streams.page.plot import Frame, levels, moments

DAY_MS = 86_400_000


@given(st.integers(0, 4_000_000_000_000), st.integers(3_600_000, 366 * DAY_MS))
def test_the_axis_has_few_round_moments_none_said_as_the_one_before(start_ms: int, span_ms: int) -> None:
    found = moments(start_ms, start_ms + span_ms)
    assert len(found) <= 6
    assert all(a != b for (_, a), (_, b) in pairwise(found))
    assert all(start_ms <= t <= start_ms + span_ms and t % 3_600_000 == 0 for t, _ in found)
    assert found or span_ms < 3_700_000


def test_dates_are_midnights_of_the_site_also_after_the_clocks_changed() -> None:
    start_ms = 1_774_000_000_000  # ten days before summer time begins in Berlin
    found = moments(start_ms, start_ms + 30 * DAY_MS, ZoneInfo("Europe/Berlin"))
    assert len(found) >= 3
    assert all(":" not in words for _, words in found)


@given(st.floats(-1e30, 1e30), st.floats(-6, 30))
def test_levels_are_few_however_large_a_reading_is(low: float, power: float) -> None:
    assert len(levels(low, low + 10**power)) <= 6
    assert levels(low, low) == levels(low, float("inf")) == []


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5))
def test_levels_are_round_and_few(low: float, span: float) -> None:
    found = levels(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-6 <= level <= low + span + 1e-6 for level in found)


def test_what_lies_outside_is_drawn_at_the_edge() -> None:
    frame = Frame(0, 10, 0.0, 1.0)
    assert (frame.x(-5), frame.x(50)) == (frame.x(0), frame.x(10))
    assert (frame.y(-1.0), frame.y(2.0)) == (frame.y(0.0), frame.y(1.0))
