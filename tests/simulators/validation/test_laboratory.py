"""The laboratory's conditions, levels and regression."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.validation.laboratory import (
    ENTERING_C,
    LEAVING_C,
    LOAD,
    REGRESSION,
    SIGNS,
    TRIALS,
    agreement,
    error_points,
    penalty,
    published,
)


def test_there_are_27_different_conditions() -> None:
    assert len(set(zip(LEAVING_C, ENTERING_C, LOAD, strict=True))) == 27


@pytest.mark.parametrize(("fault", "quantity", "sign"), SIGNS, ids=[f"{f}-{q}" for f, q, _ in SIGNS])
def test_the_reference_machine_has_every_sign_at_the_upper_three_levels(
    fault: str, quantity: str, sign: int
) -> None:
    assert agreement(fault, quantity, sign)[1:] == (27, 27, 27)


def test_the_opposite_sign_is_found_wrong() -> None:
    assert agreement("fouling", "power", -1) == (0, 0, 0, 0)
    assert agreement("fouling", "condenser approach", 0)[-1] < 27


def test_the_published_penalty_is_that_of_the_formula() -> None:
    at = (LEAVING_C == 4.0) & (ENTERING_C == 30.0) & (LOAD == 1.0)
    inner = -4.278 - 0.02031 * 277.15 + 0.03281 * 303.15 + 0.6404 + 0.05028
    assert published("fouling", 0.45)[at][0] == pytest.approx((0.45 * inner) ** 2)


@pytest.mark.parametrize("fault", REGRESSION)
def test_the_error_over_all_loads_is_the_mean_square_of_those_at_each(fault: str) -> None:
    each = [error_points(fault, load) for load in (0.27, 0.6, 1.0)]
    assert error_points(fault) == pytest.approx(np.sqrt(np.mean(np.square(each))))
    assert error_points(fault) < 1.5


@pytest.mark.parametrize("fault", REGRESSION)
def test_a_worse_level_costs_more_power(fault: str) -> None:
    mild, worst = (penalty(fault, TRIALS[fault].levels[i]) for i in (0, -1))
    assert (worst > mild).all()
