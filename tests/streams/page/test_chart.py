from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.page.chart import Chart, draw, moments

DAY_MS = 86_400_000
shares = st.floats(0, 1)


def levels(drawn: str) -> list[int]:
    return [int(text) for text in re.findall(r">(\d+) %<", drawn)]


def test_fewer_than_two_scores_are_not_drawn() -> None:
    assert draw(Chart([], [], 7)) == draw(Chart([(0, 0.5, 0.5)], [(0, "low-oil")], 7)) == ""


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=50))
def test_gridlines_are_round_and_few_and_all_points_lie_inside(risks: list[tuple[float, float]]) -> None:
    drawn = draw(Chart([(i * DAY_MS, *pair) for i, pair in enumerate(risks)], [], 90))
    found = levels(drawn)
    assert 2 <= len(found) <= 5
    assert {b - a for a, b in pairwise(found)} == {found[1] - found[0]}
    points = re.findall(r"([\d.]+),([\d.]+)", " ".join(re.findall(r'points="([^"]*)"', drawn)))
    assert all(0 <= float(x) <= 900 and 0 <= float(y) <= 260 for x, y in points)


@pytest.mark.parametrize(("before", "label"), [(0, "1 shutdown marked"), (-DAY_MS, "0 shutdowns marked")])
def test_only_shutdowns_within_the_scores_are_marked_and_counted(before: int, label: str) -> None:
    drawn = draw(Chart([(0, 0.1, 0.1), (DAY_MS, 0.2, 0.2)], [(before, "low-oil")], 7))
    assert label in drawn
    assert drawn.count('class="trip"') == int(label[0])


@given(st.integers(0, 4_000_000_000_000), st.integers(3_600_000, 366 * DAY_MS))
def test_the_axis_has_few_round_moments_none_said_as_the_one_before(start_ms: int, span_ms: int) -> None:
    found = moments(start_ms, start_ms + span_ms)
    assert len(found) <= 6
    assert all(a != b for (_, a), (_, b) in pairwise(found))
    assert all(start_ms <= t <= start_ms + span_ms and t % 3_600_000 == 0 for t, _ in found)
    assert found or span_ms < 3_700_000


def test_a_peak_survives_thinning_and_a_code_is_escaped() -> None:
    rows = [(i * DAY_MS, 0.9 if i == 1001 else 0.1, 0.1) for i in range(5000)]
    drawn = draw(Chart(rows, [(3 * DAY_MS, "<script>")], 365))
    assert max(levels(drawn)) >= 80
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
