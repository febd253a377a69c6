"""Buildings ask for cooling when they are warm and in use."""

from datetime import date

import numpy as np

from models.telemetry.samples import Float64
from simulators.clock import Clock
from simulators.site.load import BUILDINGS, Buildings

CLOCK = Clock(date(2025, 6, 2), 900)
KINDS = np.arange(len(BUILDINGS)).repeat(20)
NAMES = np.array([b.name for b in BUILDINGS])[KINDS]


def loads(dry_bulb_c: float, days: int = 7, machines: int = 1) -> Float64:
    """Return loads (T, P) of plants of 1,000 kW."""
    size = np.full(len(KINDS), machines)
    buildings = Buildings(np.random.default_rng(1), KINDS, np.full(len(KINDS), 1000.0), size)
    air = np.full((CLOCK.steps, len(KINDS)), dry_bulb_c)
    return np.concatenate([buildings.day(CLOCK, d, air) for d in range(days)])


def test_a_warm_day_asks_for_more_than_a_cool_one() -> None:
    warm, cool = loads(30.0), loads(8.0)
    assert (warm >= cool).all()
    assert warm.mean() > 1.3 * cool.mean()


def test_an_office_rests_at_night_and_a_data_centre_never_does() -> None:
    load = loads(24.0).reshape(7, CLOCK.steps, len(KINDS))
    night, day = load[:, : 4 * 5].mean(axis=(0, 1)), load[:, 4 * 11 : 4 * 15].mean(axis=(0, 1))
    assert (night[NAMES == "office"] == 0).all()
    assert (day[NAMES == "office"] > 300.0).all()
    assert night[NAMES == "data-centre"].mean() > 0.9 * day[NAMES == "data-centre"].mean()


def test_a_hospital_of_several_chillers_can_do_without_one_and_an_office_cannot() -> None:
    alone, four = loads(24.0).mean(axis=0), loads(24.0, machines=4).mean(axis=0)
    np.testing.assert_allclose(four[NAMES == "hospital"], 0.75 * alone[NAMES == "hospital"])
    np.testing.assert_allclose(four[NAMES == "office"], alone[NAMES == "office"])
