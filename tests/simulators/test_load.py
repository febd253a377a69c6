"""Buildings ask for cooling when they are warm and in use, and do not short-cycle their chillers."""

from datetime import date

import numpy as np

from simulators.clock import Clock
from simulators.load import Buildings, Demand

CLOCK = Clock(date(2025, 6, 2), 900)


def demands(dry_bulb_c: float, days: int = 7) -> list[Demand]:
    buildings = Buildings(np.random.default_rng(1), 80)
    return [buildings.day(CLOCK, d, np.full((CLOCK.steps, 80), dry_bulb_c)) for d in range(days)]


def test_a_warm_day_asks_for_more_than_a_cool_one() -> None:
    warm, cool = demands(30.0), demands(8.0)
    assert all((w.load >= c.load).all() for w, c in zip(warm, cool, strict=True))
    assert warm[0].load.mean() > 1.3 * cool[0].load.mean()


def test_load_is_a_share_of_capacity_and_small_loads_are_not_served() -> None:
    for demand in demands(20.0):
        assert demand.load.min() >= 0
        assert demand.load.max() <= 1.08
        assert (demand.load[demand.wanted] >= 0.11).all()


def test_some_chillers_rest_at_night_and_some_never_do() -> None:
    wanted = np.concatenate([d.wanted for d in demands(24.0)])
    share = wanted.mean(axis=0)
    assert (share == 1.0).any()
    assert ((share > 0.1) & (share < 0.6)).any()


def test_a_chiller_starts_a_few_times_a_day_at_most() -> None:
    wanted = np.concatenate([d.wanted for d in demands(16.0)])
    starts = (wanted[1:] & ~wanted[:-1]).sum(axis=0) / 7
    assert starts.max() <= 4
