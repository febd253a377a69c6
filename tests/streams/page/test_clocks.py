from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event_time import DAY_MS
from streams.page.clocks import AHEAD_MS, fleet_time

HOUR_MS = 3_600_000
NOW_MS = 1_767_225_600_000
FAR_MS = 7_226_582_400_000  # the year 2199
ends = st.integers(NOW_MS - 400 * DAY_MS, NOW_MS + AHEAD_MS)
later = st.integers(NOW_MS + AHEAD_MS + 1, FAR_MS)


def test_a_clock_in_2199_moves_nothing() -> None:
    time = fleet_time([NOW_MS - HOUR_MS, NOW_MS, FAR_MS], NOW_MS)
    assert time.now_ms == NOW_MS
    assert not time.allows(FAR_MS)


def test_seven_of_twenty_clocks_a_day_ahead_move_nothing() -> None:
    time = fleet_time([NOW_MS] * 13 + [NOW_MS + DAY_MS] * 7, NOW_MS)
    assert time.now_ms == NOW_MS
    assert not time.allows(NOW_MS + DAY_MS)


def test_a_clock_that_missed_winter_time_is_no_wrong_one() -> None:
    assert fleet_time([NOW_MS, NOW_MS + HOUR_MS], NOW_MS).now_ms == NOW_MS + HOUR_MS


def test_one_running_machine_of_a_plant_that_stands_is_believed() -> None:
    assert fleet_time([NOW_MS - 3 * DAY_MS] * 9 + [NOW_MS], NOW_MS).now_ms == NOW_MS


@pytest.mark.parametrize("ahead", [1, 7, 9])
def test_in_a_replay_most_machines_decide_how_far_it_has_come(ahead: int) -> None:
    then_ms = NOW_MS - 300 * DAY_MS
    time = fleet_time([then_ms] * (20 - ahead) + [then_ms + 9 * DAY_MS] * ahead, NOW_MS)
    assert time.now_ms == then_ms
    assert not time.allows(then_ms + 9 * DAY_MS)


def test_in_a_replay_the_few_that_go_on_are_believed_if_its_watermark_goes_with_them() -> None:
    then_ms = NOW_MS - 300 * DAY_MS
    found = [then_ms - 90 * DAY_MS] * 15 + [then_ms] * 5
    assert fleet_time(found, NOW_MS, [then_ms - HOUR_MS]).now_ms == then_ms
    assert fleet_time(found, NOW_MS, [FAR_MS, then_ms - 200 * DAY_MS]).now_ms == then_ms - 90 * DAY_MS


def test_without_machines_there_is_no_time() -> None:
    assert fleet_time([], NOW_MS).now_ms == 0
    assert fleet_time([FAR_MS], NOW_MS).now_ms == 0


@given(st.lists(ends, min_size=1, max_size=30), st.lists(later, max_size=30))
def test_no_number_of_clocks_in_the_future_changes_anything(sane: list[int], wrong: list[int]) -> None:
    assert fleet_time(sane + wrong, NOW_MS) == fleet_time(sane, NOW_MS)


@given(st.lists(ends, min_size=1, max_size=30))
def test_now_is_the_newest_end_that_can_be(found: list[int]) -> None:
    time = fleet_time(found, NOW_MS)
    assert time.now_ms == max(filter(time.allows, found))
