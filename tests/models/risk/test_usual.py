from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.expectation import AppliedExpectation
from models.features.schema import FeatureSchema
from models.risk.usual import Usual
from models.telemetry.samples import Float32
from tests.support.toy_model import fleet
from tests.support.watched_fleet import EXPECTATION, START_MS, watched

WATCHED, RECENT = watched(), "1000m"


def vector(**means: float) -> Float32:
    """Return a window that says nothing but these means of the recent window."""
    schema = FeatureSchema(WATCHED)
    out = np.full(len(schema), np.nan, np.float32)
    for name, mean in means.items():
        out[schema.index(name, RECENT, "mean")] = mean
    return out


def told(key: str, **means: float) -> tuple[float, float, float]:
    """Return value, usual value and spread of a point."""
    found = Usual(FeatureSchema(WATCHED), EXPECTATION).of(vector(**means)[None, :])
    i = WATCHED.point_keys.index(key)
    return float(found.value[0, i]), float(found.usual[0, i]), float(found.spread[0, i])


def test_what_is_usual_is_the_mean_without_its_residual_and_the_spread_is_that_of_a_day() -> None:
    assert told("gap", gap=5.0, gap_residual=1.5) == (5.0, 5.0 - 1.5 * 2.0, 2.0)


def test_a_point_that_is_compared_by_its_share_has_a_spread_that_grows_with_it() -> None:
    value, usual, spread = told("s2", s2=26.0, s2_residual=3.0)
    assert (value, usual, spread) == pytest.approx((26.0, 20.0, 2.0))


@settings(max_examples=40, deadline=None)  # the first one compiles
@given(st.floats(18.0, 30.0), st.floats(15.0, 25.0), st.floats(18.0, 60.0))
def test_it_is_what_the_expectation_says_of_a_sample_of_this_machine(s0: float, s1: float, s2: float) -> None:
    sample = np.array([[s0, s1, s2]], np.float32)
    at = np.zeros(1, np.int32), np.array([START_MS])
    channels = AppliedExpectation(WATCHED, EXPECTATION).channels(("a1",), *at, sample)[0]
    names = [*WATCHED.point_keys, "s0_residual", "gap_residual", "s2_residual"]
    known = dict(zip(names, channels[: len(names)].tolist(), strict=True))
    (x, gap), surface = ((s1 - 20.0) / 2.0, known["gap"]), EXPECTATION.surfaces[0]
    if np.isnan(known["s0_residual"]) or np.isnan(gap):
        return
    fleets = sum(c[0] * x**power for power, c in enumerate(surface.coefficients))
    _, usual, spread = told("s0", **{key: value for key, value in known.items() if value == value})
    assert (usual, spread) == pytest.approx((fleets + 0.5, 1.0), rel=1e-4, abs=1e-3)


def test_of_a_point_without_an_expectation_and_of_a_machine_that_stood_nothing_is_usual() -> None:
    for key in ("s1", "ratio", "s0"):
        value, usual, spread = told(key, s1=20.0, ratio=1.0, s0=4.0)
        assert value == {"s1": 20.0, "ratio": 1.0, "s0": 4.0}[key]
        assert np.isnan([usual, spread]).all()


def test_a_fleet_without_an_expectation_has_its_own_longest_window_to_compare_with() -> None:
    schema = FeatureSchema(fleet())
    window = np.zeros((2, len(schema)), np.float32)
    for stat, number in (("mean", 3.0), ("sd", 0.5)):
        window[:, schema.index("s1", "7d", stat)] = number
    window[:, schema.index("s1", "1d", "mean")] = [3.5, np.nan]
    found = Usual(schema, None).of(window)
    assert (found.value[0, 1], found.usual[0, 1], found.spread[0, 1]) == (3.5, 3.0, 0.5)
    assert np.isnan(found.value[1, 1])


def test_a_share_of_less_than_nothing_leaves_nothing_usual() -> None:
    assert np.isnan(told("s2", s2=1.0, s2_residual=-10.0)[1])
