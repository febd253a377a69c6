from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelError
from models.features.expectation import (
    AppliedExpectation,
    Expectation,
    fit_expectation,
    identity_of,
    is_running,
    parse_expectation,
    residual_sensors,
    terms,
    to_json,
)
from models.features.kernel import Kernel
from models.fleet.fleet import Rule
from models.telemetry.samples import Samples
from tests.support.loaded_machines import HOP_MS, NAMES, NOISE, Rows, machines, rows, slices
from tests.support.toy_fleet import fleet_of


@pytest.fixture(scope="module")
def fitted() -> Expectation:
    found = fit_expectation(machines(), slices(rows(6000)))
    assert found is not None
    return found


def test_a_known_surface_and_the_offsets_of_machines_are_recovered(fitted: Expectation) -> None:
    assert fitted.sigma == pytest.approx((NOISE,), rel=0.05)
    # Only differences between machines are of this world: the surface takes their mean along.
    offsets = {name: values[0] for name, values in fitted.offsets.items()}
    assert offsets["a"] - offsets["b"] == pytest.approx(3.0, abs=0.1)
    assert offsets["c"] - offsets["b"] == pytest.approx(1.0, abs=0.1)


def test_residuals_of_healthy_machines_are_standard_normal_on_unseen_samples(fitted: Expectation) -> None:
    unseen = rows(3000, seed=2)
    residual = AppliedExpectation(machines(), fitted).residuals(NAMES, unseen.asset, unseen.values)
    assert abs(residual.mean()) < 0.1
    assert residual.std() == pytest.approx(1.0, abs=0.05)


def test_a_fault_shows_in_standard_deviations_whatever_load_and_weather(fitted: Expectation) -> None:
    unseen = rows(300, seed=3, noise=0.0)
    unseen.values[:, 2] += 4 * NOISE
    residual = AppliedExpectation(machines(), fitted).residuals(NAMES, unseen.asset, unseen.values)
    np.testing.assert_allclose(residual, 4.0, atol=0.5)


@given(chosen=st.lists(st.integers(0, 99), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(fitted: Expectation, chosen: list[int]) -> None:
    all_rows, applied = rows(100, seed=4), AppliedExpectation(machines(), fitted)
    whole = applied.residuals(NAMES, all_rows.asset, all_rows.values)
    batch = applied.residuals(NAMES, all_rows.asset[chosen], all_rows.values[chosen])
    assert batch.tobytes() == whole[chosen].tobytes()


def test_a_standing_machine_and_a_missing_driver_give_no_residual(fitted: Expectation) -> None:
    found = rows(4, seed=5)
    found.values[0, 3] = 5.0
    found.values[1, 3] = np.nan
    found.values[2, 0] = np.nan
    residual = AppliedExpectation(machines(), fitted).residuals(NAMES, found.asset, found.values)
    assert np.isnan(residual[:, 0]).tolist() == [True, True, True, False]


def test_with_rules_a_last_column_says_how_near_any_sensor_is_to_its_trip(fitted: Expectation) -> None:
    """From its warning level, 0, to the trip, 1; a missing sensor says nothing, and a machine that stands."""
    levels = (Rule(sensor="head", warn=500.0, trip=600.0), Rule(sensor="load", warn=20.0, trip=10.0))
    watched = replace(machines(), rules=levels)
    given = np.array(
        [[50, 20, 550, 50], [12, 20, 500, 50], [50, 20, np.nan, 50], [50, 20, 550, 1]], np.float32
    )
    asset = np.zeros(len(given), np.int32)
    found = AppliedExpectation(watched, fitted).residuals(NAMES, asset, given)
    assert found[:, -1].tolist() == [0.5, pytest.approx(0.8), -3.0, pytest.approx(np.nan, nan_ok=True)]
    assert (
        found[:, :-1].tobytes()
        == AppliedExpectation(machines(), fitted).residuals(NAMES, asset, given).tobytes()
    )


def test_a_machine_that_was_never_seen_has_no_offset(fitted: Expectation) -> None:
    found = rows(50, seed=6, noise=0.0)
    applied = AppliedExpectation(machines(), fitted)
    known = applied.residuals(("a",), np.zeros(50, np.int32), found.values)
    unknown = applied.residuals(("stranger",), np.zeros(50, np.int32), found.values)
    np.testing.assert_allclose(unknown - known, fitted.offsets["a"][0] / fitted.sigma[0], rtol=1e-3)


def test_a_machine_that_hardly_ran_gets_no_offset() -> None:
    found = rows(3000)
    found.asset[:] = 0
    found.asset[:49] = 1
    fitted = fit_expectation(machines(), slices(found, parts=1))
    assert fitted is not None
    assert sorted(fitted.offsets) == ["a"]


def test_implausible_values_and_standing_machines_do_not_teach(fitted: Expectation) -> None:
    good, extra = rows(6000), rows(2000, seed=7)
    extra.values[:1000, 2] = 5000.0
    extra.values[1000:, 2:] = (0.0, 0.0)
    both = Rows(np.concatenate([good.asset, extra.asset]), np.concatenate([good.values, extra.values]))
    again = fit_expectation(machines(), slices(both, parts=1))
    assert again is not None
    assert again.sigma == pytest.approx(fitted.sigma, rel=1e-3)


def test_the_same_history_gives_the_same_bytes_in_however_many_slices() -> None:
    one, many = (fit_expectation(machines(), slices(rows(2000), parts)) for parts in (1, 7))
    assert one is not None
    assert many is not None
    assert to_json(one) == to_json(many)
    assert identity_of(one) == identity_of(many)


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(ModelError, match="499 samples of running machines: expected 500 or more"):
        fit_expectation(machines(), slices(rows(499)))


def test_a_sensor_that_never_spoke_is_refused_by_name() -> None:
    found = rows(2000)
    found.values[:, 2] = np.nan
    with pytest.raises(ModelError, match="sensor head: 0 samples with its drivers, expected 500"):
        fit_expectation(machines(), slices(found))


def test_a_fleet_without_expectations_has_none() -> None:
    assert fit_expectation(fleet_of(), []) is None
    assert identity_of(None) == ""
    assert residual_sensors(machines()) == ("head",)


def test_without_a_rule_every_machine_runs() -> None:
    fleet = replace(machines(), running=None)
    assert is_running(fleet, np.full((3, 4), np.nan, np.float32)).all()


def test_the_basis_holds_every_product_of_two_once() -> None:
    scaled = np.array([[2.0, 3.0]], np.float32)
    assert [float(t[0]) for t in terms(scaled)] == [1, 2, 3, 4, 6, 9]


def test_an_expectation_of_other_sensors_is_refused(fitted: Expectation) -> None:
    other = msgspec.structs.replace(fitted, sensors=("amps",))
    with pytest.raises(ModelError, match="fleet toy has"):
        AppliedExpectation(machines(), other)


def test_json_brings_back_the_same_expectation(fitted: Expectation) -> None:
    assert parse_expectation(to_json(fitted), "here") == fitted


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b'{"sensors": 3}'])
def test_anything_else_is_refused_with_its_source(data: bytes) -> None:
    with pytest.raises(ModelError, match="here: not an expectation"):
        parse_expectation(data, "here")


def test_a_kernel_with_an_expectation_puts_the_residuals_of_its_samples_into_its_windows(
    fitted: Expectation,
) -> None:
    kernel, found = Kernel(machines(), fitted), rows(1, seed=8)
    samples = Samples(NAMES, found.asset, np.array([0]), found.values)
    state = kernel.start()
    kernel.step(state, samples)
    windows, _ = kernel.close(state, HOP_MS)
    residual = AppliedExpectation(machines(), fitted).residuals(NAMES, found.asset, found.values)
    mean = kernel.schema.index("head_residual", kernel.schema.windows[0], "mean")
    assert windows.values[0, mean] == residual[0, 0]
