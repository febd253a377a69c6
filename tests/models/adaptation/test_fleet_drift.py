from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.adaptation.fleet_drift import FleetDrift, Moved
from models.adaptation.label_delay import LabelDelay

ASSETS, POINTS, BEGIN_D, DAYS = tuple(f"m{i:02}" for i in range(48)), 6, 60, 100
Residuals = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def site(asset: str) -> tuple[str, ...]:
    return (f"site:{int(asset[1:]) % 3}",)


def residuals(seed: int = 1) -> Residuals:
    """Return how far residuals of sound machines moved (D, A, R): each a little, and all with the weather."""
    rng = np.random.default_rng(seed)
    weather = rng.normal(0, 0.05, (DAYS, 1, POINTS))
    return rng.normal(0, 0.17, (DAYS, len(ASSETS), POINTS)) + weather


def watched(moved: Residuals, each_day: Callable[[FleetDrift, int], None] = lambda *_: None) -> list[Moved]:
    """Return what is said of all days."""
    watch, said = FleetDrift(POINTS, site), list[Moved]()
    for day, rows in enumerate(moved.astype(np.float32)):
        for asset, row in zip(ASSETS, rows, strict=True):
            watch.observe(asset, day, row)
        each_day(watch, day)
        said += watch.advance(day)
    return said


def after(change: Callable[[Residuals], None]) -> list[Moved]:
    moved = residuals()
    change(moved[BEGIN_D:])
    return watched(moved)


def test_where_nothing_moves_nothing_is_said_of_many_and_hardly_anything_of_one() -> None:
    said = [one for seed in range(5) for one in watched(residuals(seed))]
    assert {one.cause for one in said} <= {"sensor"}
    assert len(said) <= 2


def test_one_point_of_one_machine_that_jumps_is_its_sensor() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, 2] += 4.0

    (said,) = after(change)
    assert (said.cause, said.machines, said.point, said.segment) == ("sensor", ("m07",), 2, "")
    assert said.deviations == pytest.approx(4.0, abs=1.0)
    assert said.time_ms == BEGIN_D + 1


def test_several_points_of_one_machine_are_the_machine() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, 1:5] += 3.0

    assert [(one.cause, one.machines) for one in after(change)] == [("machine", ("m07",))]


def test_one_point_that_goes_slowly_is_the_machine_too() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, 2] += np.minimum(np.arange(len(moved)) / 15, 1) * 4

    assert {one.cause for one in after(change)} == {"machine"}


@pytest.mark.parametrize("size", [0.5, -0.5])
def test_half_a_deviation_at_one_site_is_found_in_two_days_and_named_by_its_site(size: float) -> None:
    def change(moved: Residuals) -> None:
        moved[:, 0::3, 4] += size

    said = after(change)[0]
    assert (said.cause, said.segment, said.point) == ("population", "site:0", 4)
    assert said.time_ms - BEGIN_D + 1 <= 2
    assert said.deviations * size > 0
    assert said.count >= 12
    assert set(said.machines) <= set(ASSETS[0::3])


def test_what_all_do_at_once_is_no_season_and_what_they_do_slowly_is() -> None:
    def at_once(moved: Residuals) -> None:
        moved[:, :, 3] += 1.0

    def slowly(moved: Residuals) -> None:
        moved[:, :, 3] += np.arange(len(moved))[:, None] / 30

    assert {(one.cause, one.segment) for one in after(at_once)} == {("population", "fleet")}
    assert {(one.cause, one.segment) for one in after(slowly)} == {("season", "fleet")}


def test_what_many_do_is_not_said_of_each_of_them() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 0::3, 4] += 3.0

    assert {one.segment for one in after(change)} == {"site:0"}


def test_a_day_by_itself_is_not_said_and_what_lasts_is_said_once() -> None:
    def one_day(moved: Residuals) -> None:
        moved[0, 7, 2] += 5.0

    def lasting(moved: Residuals) -> None:
        moved[:, 7, 2] += 5.0

    assert after(one_day) == []
    assert len(after(lasting)) == 1


def test_a_machine_that_was_worked_on_is_learnt_anew() -> None:
    moved = residuals()
    moved[BEGIN_D:, 7, 2] -= 5.0

    def mend(watch: FleetDrift, day: int) -> None:
        if day == BEGIN_D:
            watch.begin_anew("m07")

    assert watched(moved, mend) == []


def test_a_point_that_nobody_knows_says_nothing_and_hides_nothing() -> None:
    def change(moved: Residuals) -> None:
        moved[:, :, 0] = np.nan
        moved[:, 7, 2] += 4.0

    assert [(one.cause, one.point) for one in after(change)] == [("sensor", 2)]


def test_few_machines_tell_nothing_of_many() -> None:
    watch, moved = FleetDrift(POINTS, site), residuals()
    moved[BEGIN_D:, :7, 3] += 1.0
    for day, rows in enumerate(moved.astype(np.float32)):
        for asset, row in zip(ASSETS[:7], rows[:7], strict=True):
            watch.observe(asset, day, row)
        assert list(watch.advance(day)) == []
    assert watch.shared() == {}


def test_label_delay_is_said_once_and_again_after_it_was_over() -> None:
    delay = LabelDelay(7)
    said = [delay.heard(late_ms) for late_ms in [20] * 6 + [1] * 6 + [20] * 3]
    assert [at for at, one in enumerate(said) if one is not None] == [2, 14]
