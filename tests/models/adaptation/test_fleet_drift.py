"""Days of residuals in which one thing changes, and the name that it gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.adaptation.fleet_drift import FleetDrift, Moved
from models.adaptation.label_delay import LabelDelay
from models.event_time import DAY_MS

ASSETS, POINTS, BEGIN_D, DAYS = tuple(f"m{i:03}" for i in range(120)), 6, 90, 150
ALIKE = np.eye(POINTS, dtype=bool)
ALIKE[0, 1] = ALIKE[1, 0] = True  # both are read with one instrument
Residuals = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def site(asset: str) -> tuple[str, ...]:
    return (f"site:{int(asset[1:]) % 3}",)


def residuals(seed: int = 1) -> Residuals:
    """Return residuals of sound machines (D, A, R): each wanders, and all follow the weather a little."""
    rng = np.random.default_rng(seed)
    out, now = np.empty((DAYS, len(ASSETS), POINTS)), rng.normal(0, 0.5, (len(ASSETS), POINTS))
    for day in range(DAYS):
        now = 0.92 * now + np.sqrt(1 - 0.92**2) * rng.normal(0, 0.5, now.shape)
        out[day] = now + rng.normal(0, 0.1, now.shape) + rng.normal(0, 0.05, POINTS)
    return out


def watched(
    moved: Residuals,
    each_day: Callable[[FleetDrift, int], None] = lambda *_: None,
    watch: FleetDrift | None = None,
) -> list[Moved]:
    """Return what is said of all days."""
    watch, said = watch or FleetDrift(ALIKE, site), list[Moved]()
    for day, rows in enumerate(moved.astype(np.float32)):
        for asset, row in zip(ASSETS, rows, strict=True):
            watch.observe(asset, day * DAY_MS, row)
        each_day(watch, day)
        said += watch.advance(day * DAY_MS)
    return said


def after(change: Callable[[Residuals], None], watch: FleetDrift | None = None) -> list[Moved]:
    moved = residuals()
    change(moved[BEGIN_D:])
    return watched(moved, watch=watch)


def since(begin: int, said: list[Moved]) -> list[Moved]:
    return [one for one in said if one.time_ms >= begin * DAY_MS]


def test_what_nothing_happens_to_is_hardly_ever_named_and_many_never_are() -> None:
    said = [one for seed in range(3) for one in watched(residuals(seed))]
    assert not [one for one in said if one.segment]
    assert len(said) <= 3 * len(ASSETS) / 20


def test_one_point_of_one_machine_that_jumps_is_its_instrument() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, 2] += 4.0

    (said,) = (one for one in after(change) if one.machines == ("m007",))
    assert (said.cause, said.point, said.segment, said.at_once) == ("sensor", 2, "", True)
    assert said.deviations == pytest.approx(4.0, abs=1.0)
    assert said.time_ms == (BEGIN_D + 2) * DAY_MS


def test_two_points_that_are_read_with_one_instrument_are_that_instrument() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, :2] += 4.0

    assert {one.cause for one in after(change) if one.machines == ("m007",)} == {"sensor"}


def test_several_points_of_one_machine_are_the_machine() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 7, 2:5] += 4.0

    (said,) = (one for one in after(change) if one.machines == ("m007",))
    assert said.cause == "machine"
    assert len(said.with_it) == 2
    assert {said.point, *said.with_it} == {2, 3, 4}


def slowly(moved: Residuals, machine: int, points: slice) -> None:
    moved[:, machine, points] += np.minimum(np.arange(len(moved)) / 25, 1)[:, None] * 4


def test_one_point_that_goes_slowly_is_the_machine_if_nobody_knows_what_should_answer() -> None:
    said = [one for one in after(lambda moved: slowly(moved, 7, slice(2, 3))) if one.machines == ("m007",)]
    assert (said[0].cause, said[0].at_once, said[0].with_it) == ("machine", False, ())


def test_one_point_that_goes_slowly_is_the_instrument_if_the_fleet_has_taught_what_should_answer() -> None:
    watch = FleetDrift(ALIKE, site)
    faults = np.zeros((400, POINTS))
    faults[:, 2:4] = 8.0  # on machines with a fault the fourth point moved as far as the third
    watch.answers.learn(faults)
    said = [
        one for one in after(lambda moved: slowly(moved, 7, slice(2, 3)), watch) if one.machines == ("m007",)
    ]
    assert (said[0].cause, said[0].at_once) == ("sensor", False)


@pytest.mark.parametrize("size", [0.5, -0.5])
def test_half_a_deviation_at_one_site_is_found_in_two_days_and_named_by_its_site(size: float) -> None:
    def change(moved: Residuals) -> None:
        moved[:, 0::3, 4] += size

    said = since(BEGIN_D, after(change))[0]
    assert (said.cause, said.segment, said.point) == ("population", "site:0", 4)
    assert said.time_ms == (BEGIN_D + 1) * DAY_MS
    assert said.deviations == pytest.approx(size, abs=0.2)
    assert said.count >= 2 * len(ASSETS) / 9
    assert set(said.machines) <= set(ASSETS[0::3])
    assert said.effect.wasserstein == pytest.approx(0.5, abs=0.25)
    assert said.effect.ks > 0.2
    assert said.effect.psi > 0.2


def test_of_two_halves_that_come_apart_it_is_the_one_that_moved() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 1::2, 4] += 1.0

    watch = FleetDrift(ALIKE, lambda asset: (f"half:{int(asset[1:]) % 2}",))
    said = since(BEGIN_D, after(change, watch))
    assert {(one.cause, one.segment) for one in said if one.segment} == {("population", "half:1")}


@pytest.mark.parametrize("at_once", [True, False])
def test_what_all_do_alike_is_a_season(at_once: bool) -> None:
    def change(moved: Residuals) -> None:
        moved[:, :, 3] += 1.0 if at_once else np.arange(len(moved))[:, None] / 30

    said = since(BEGIN_D, after(change))
    assert {(one.cause, one.segment) for one in said if one.segment} == {("season", "fleet")}
    assert next(one.at_once for one in said if one.segment) == at_once


def test_what_many_do_is_not_said_of_each_of_them() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 0::3, 4] += 3.0

    until_ms = (BEGIN_D + 21) * DAY_MS
    said = [one for one in since(BEGIN_D, after(change)) if one.point == 4 and one.time_ms < until_ms]
    assert said[0].segment == "site:0"
    assert not {one.machines[0] for one in said if not one.segment} & set(ASSETS[0::3])
    assert not {one.segment for one in said} & {"site:1", "site:2", "fleet"}


def test_a_day_by_itself_is_not_said_and_what_lasts_is_said_once() -> None:
    def one_day(moved: Residuals) -> None:
        moved[0, 7, 2] += 5.0

    def lasting(moved: Residuals) -> None:
        moved[:20, 7, 2] += 5.0

    said = [[one for one in after(change) if one.machines == ("m007",)] for change in (one_day, lasting)]
    assert list(map(len, said)) == [0, 1]


def test_a_machine_that_was_worked_on_is_learnt_anew() -> None:
    moved = residuals()
    moved[BEGIN_D:, 7, 2] -= 5.0

    def mend(watch: FleetDrift, day: int) -> None:
        if day == BEGIN_D:
            watch.begin_anew("m007")

    assert [one for one in watched(moved, mend) if one.machines == ("m007",)] == []


def test_a_machine_that_stood_for_a_week_is_not_held_against_the_days_before() -> None:
    moved = residuals()
    moved[BEGIN_D : BEGIN_D + 7, 7] = np.nan
    moved[BEGIN_D + 7 :, 7, 2] += 2.2
    assert not [one for one in watched(moved) if one.machines == ("m007",) and one.at_once]


def test_a_point_that_nobody_knows_says_nothing_and_hides_nothing() -> None:
    def change(moved: Residuals) -> None:
        moved[:, :, 0] = np.nan
        moved[:, 7, 2] += 4.0

    assert [(one.cause, one.point) for one in after(change) if one.machines == ("m007",)] == [("sensor", 2)]


def test_few_machines_tell_nothing_of_many() -> None:
    watch, moved = FleetDrift(ALIKE, site), residuals()
    moved[BEGIN_D:, :11, 3] += 1.0
    for day, rows in enumerate(moved.astype(np.float32)):
        for asset, row in zip(ASSETS[:11], rows[:11], strict=True):
            watch.observe(asset, day * DAY_MS, row)
        assert not [one for one in watch.advance(day * DAY_MS) if one.segment]
    assert watch.shared()[0] == {}


def test_label_delay_is_said_once_and_again_after_it_was_over() -> None:
    delay = LabelDelay(7)
    said = [delay.heard(late_ms) for late_ms in [20] * 6 + [1] * 6 + [20] * 3]
    assert [at for at, one in enumerate(said) if one is not None] == [2, 14]


def test_of_two_halves_that_come_apart_it_is_the_one_that_moved_whatever_else_the_other_does() -> None:
    def change(moved: Residuals) -> None:
        moved[:, 1::2, 4] += 1.0
        moved[:, 0::2, 2] += 2.0

    watch = FleetDrift(ALIKE, lambda asset: (f"half:{int(asset[1:]) % 2}",))
    said = since(BEGIN_D, after(change, watch))
    assert {(one.cause, one.segment, one.point) for one in said if one.segment} == {
        ("population", "half:1", 4),
        ("population", "half:0", 2),
    }
