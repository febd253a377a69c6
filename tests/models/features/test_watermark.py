from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.features.watermark import FleetWatermark

Seen = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 40)), min_size=1, max_size=80)


def after(seen: list[tuple[str, int]]) -> FleetWatermark:
    fleet = FleetWatermark()
    for asset, pane in seen:
        fleet.observe(asset, pane)
    return fleet


@given(Seen)
def test_it_never_goes_back_and_a_quarter_of_the_assets_has_come_as_far(seen: list[tuple[str, int]]) -> None:
    fleet, newest, before = FleetWatermark(), dict[str, int](), -1
    for asset, pane in seen:
        fleet.observe(asset, pane)
        newest[asset] = max(pane, newest.get(asset, -1))
        reached = fleet.reached
        assert reached is not None
        assert reached >= before
        if reached > before >= 0:
            assert 4 * sum(p >= reached for p in newest.values()) >= len(newest)
        before = reached


def test_one_clock_that_is_a_day_ahead_decides_nothing() -> None:
    fleet = after([(name, 5) for name in "abcd"] + [("e", 29)])
    assert fleet.reached == 5


def test_machines_that_fell_silent_do_not_hold_the_others_up() -> None:
    fleet = after([(name, 5) for name in "abcdefgh"] + [(name, 9) for name in "abc"])
    assert fleet.reached == 9


def test_a_fleet_that_begins_again_before_it_had_come_anywhere_begins_with_its_slowest_machine() -> None:
    fleet = FleetWatermark()
    fleet.restore([("a", 5), ("b", 9)], None)
    assert not fleet.observe("a", 6)
    assert fleet.reached == 6
