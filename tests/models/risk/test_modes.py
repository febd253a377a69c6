from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.schema import FeatureSchema
from models.risk.modes import Modes, probabilities
from tests.support.toy_model import fleet
from tests.support.watched_fleet import watched


def vector(**indices: float) -> np.ndarray:
    """Return a vector that says nothing but these indices of the longest window."""
    schema = FeatureSchema(watched())
    out = np.full(len(schema), np.nan, np.float32)
    for name, value in indices.items():
        out[schema.index(f"{name}_index", "1000m", "mean")] = value
    return out


def test_the_mode_that_moved_furthest_comes_with_the_next_one() -> None:
    found = Modes(watched(), FeatureSchema(watched())).suspected(vector(a_leak=1.0, dirt=3.0))
    assert found is not None
    assert (found.advice.fault, found.strength) == ("dirt", 3.0)
    assert found.runner_up is not None
    assert (found.runner_up.fault, found.runner_up_strength) == ("a leak", 1.0)
    assert found.probability > found.runner_up_probability > 0.0


@pytest.mark.parametrize(
    ("leak", "dirt", "clear"), [(1.0, 0.0, True), (0.99, 0.0, False), (2.31, 2.0, True), (2.2, 2.0, False)]
)
def test_a_mode_is_clear_if_it_moved_and_further_than_the_next(leak: float, dirt: float, clear: bool) -> None:
    found = Modes(watched(), FeatureSchema(watched())).suspected(vector(a_leak=leak, dirt=dirt))
    assert found is not None
    assert found.is_clear is clear


def test_a_mode_of_which_nothing_is_known_has_not_moved() -> None:
    found = Modes(watched(), FeatureSchema(watched())).suspected(vector())
    assert found is not None
    assert (found.strength, found.is_clear) == (0.0, False)


@settings(max_examples=50)
@given(st.lists(st.floats(-5.0, 40.0), min_size=1, max_size=12))
def test_probabilities_grow_with_strength_and_leave_room_for_no_mode_at_all(strengths: list[float]) -> None:
    likely = probabilities(np.array(strengths))
    assert likely.min() > 0.0
    assert likely.sum() < 1.0
    order = np.argsort(strengths, kind="stable")
    assert (np.diff(likely[order]) >= -1e-12).all()


def test_a_fleet_without_an_expectation_has_no_modes() -> None:
    assert Modes(fleet(), FeatureSchema(fleet())).suspected(np.zeros(9, np.float32)) is None
