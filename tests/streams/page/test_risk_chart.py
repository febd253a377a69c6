from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.page.marks import Marks
from streams.page.risk_chart import RiskChart

DAY_MS = 86_400_000
shares = st.floats(0, 1)


def chart(
    rows: list[tuple[int, list[float | None]]], marks: Marks | None = None, days: int = 90
) -> RiskChart:
    return RiskChart(0, days * DAY_MS, ["14 d", "corrected"], rows, 0, 0.2, marks or Marks())


def levels(drawn: str) -> list[int]:
    return [int(text) for text in re.findall(r">(\d+)%<", drawn)]


def test_fewer_than_two_scores_are_not_drawn() -> None:
    assert chart([]).draw() == chart([(0, [0.5, 0.5])]).draw() == ""


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=50))
def test_gridlines_are_round_and_few_and_all_points_lie_inside(risks: list[tuple[float, float]]) -> None:
    drawn = chart([(i * DAY_MS, [*pair]) for i, pair in enumerate(risks)]).draw()
    assert 2 <= len(levels(drawn)) <= 6
    points = re.findall(r"([\d.]+),([\d.]+)", " ".join(re.findall(r'points="([^"]*)"', drawn)))
    assert len(points) >= 4
    assert all(0 <= float(x) <= 900 and 0 <= float(y) <= 300 for x, y in points)


def test_a_span_is_as_long_as_was_asked_for_however_few_scores_there_are() -> None:
    rows: list[tuple[int, list[float | None]]] = [(i * DAY_MS, [0.1, 0.1]) for i in range(50, 60)]
    ends = [re.findall(r'points="([\d.]+),', chart(rows, days=days).draw())[0] for days in (90, 365)]
    assert float(ends[0]) > float(ends[1])


def test_what_happened_is_marked_where_it_did_and_told_in_words() -> None:
    marks = Marks(
        shutdowns=[(3 * DAY_MS, "<script>")],
        repairs=[(4 * DAY_MS, "oil changed")],
        models=[(5 * DAY_MS, "model 2")],
        cases=[(DAY_MS, 3 * DAY_MS, "case a-1"), (8 * DAY_MS, 9 * DAY_MS, "case a-2")],
        quality=[(6 * DAY_MS, "no flow")],
    )
    picture = chart([(i * DAY_MS, [0.1 * (i % 4), None]) for i in range(10)], marks)
    drawn = picture.draw()
    for name, times in (("trip", 1), ("mark-case", 2), ("mark-model", 1), ("repair", 1), ("doubt", 1)):
        assert drawn.count(f'class="{name}"') == times
    assert drawn.count('class="threshold"') == 1
    assert "<script" not in drawn
    assert picture.summary == (
        "Risk over 90 days; 14 d: 10 % at last, 30 % at most, 40 % of the time above the threshold; "
        "2 cases marked, 1 shutdown marked"
    )
    assert f'aria-label="{picture.summary}"' in drawn


def places_of(drawn: str, name: str) -> list[tuple[float, str]]:
    """Return where the signs of a class stand, and which they are."""
    found = re.findall(rf'<text class="{name}" x="([\d.]+)"[^>]*>([^<]*)<', drawn)
    return [(float(x), sign) for x, sign in found]


def test_what_cases_went_through_stands_above_the_lines_one_beside_the_other() -> None:
    steps = [(9 * DAY_MS, "□", "ended"), (DAY_MS, "○", "<opened>"), (DAY_MS + 1, "◐", "acknowledged by ann")]
    drawn = chart([(i * DAY_MS, [0.1, None]) for i in range(10)], Marks(steps=steps)).draw()
    places = places_of(drawn, "step")
    assert [sign for _, sign in places] == ["○", "◐", "□"]
    assert places[1][0] - places[0][0] >= 10
    assert "<title>acknowledged by ann</title>" in drawn
    assert "&lt;opened&gt;" in drawn


def test_a_planned_stop_is_a_band_with_a_sign_and_a_word_if_there_is_room() -> None:
    rows: list[tuple[int, list[float | None]]] = [(i * DAY_MS, [0.1, None]) for i in range(90)]
    stops = [(10 * DAY_MS, 30 * DAY_MS, "planned stop"), (50 * DAY_MS, 51 * DAY_MS, "planned stop: oil")]
    picture = chart(rows, Marks(stops=stops))
    drawn = picture.draw()
    assert drawn.count('<rect class="mark-stop"') == 2
    assert [sign for _, sign in places_of(drawn, "stop-label")] == ["‖ planned stop", "‖"]
    assert drawn.count("planned stop: oil</title>") == 2
    assert picture.summary.endswith("0 shutdowns marked, 2 planned stops marked")


@pytest.mark.parametrize("at", [1001, 4999])
def test_a_peak_survives_thinning(at: int) -> None:
    rows: list[tuple[int, list[float | None]]] = [
        (i * 3_600_000, [0.9 if i == at else 0.1, 0.1]) for i in range(5000)
    ]
    assert max(levels(chart(rows, days=365).draw())) >= 80


def test_the_names_of_lines_do_not_lie_on_each_other() -> None:
    rows: list[tuple[int, list[float | None]]] = [(i * DAY_MS, [0.1, 0.1, 0.1]) for i in range(3)]
    drawn = RiskChart(0, 3 * DAY_MS, ["1 d", "3 d", "14 d"], rows, 2).draw()
    places = [float(y) for y in re.findall(r'<text x="848.0" y="([\d.]+)"', drawn)]
    assert len(places) == 3
    assert all(b - a >= 12 for a, b in zip(sorted(places), sorted(places)[1:], strict=False))
