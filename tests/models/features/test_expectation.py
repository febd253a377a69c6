from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelError
from models.features.channels import residual_points
from models.features.expectation import (
    AppliedExpectation,
    Expectation,
    identity_of,
    is_running,
    parse_expectation,
    to_json,
)
from models.features.expectation_fit import FittedExpectation, fit_expectation, terms
from models.features.kernel import Kernel
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Rule
from models.telemetry.samples import Float32, Int32, Samples
from tests.support.loaded_machines import A_DAY, HOP_MS, NAMES, NOISE, Rows, machines, rows, slices, surface
from tests.support.toy_fleet import fleet_of


def fit(fleet: Fleet, found: Rows, parts: int = 3) -> FittedExpectation:
    normal = fit_expectation(fleet, slices(found, parts))
    assert normal is not None
    return normal


def computed(
    fleet: Fleet, normal: Expectation, asset: Int32, values: Float32, names: tuple[str, ...] = NAMES
) -> Float32:
    """Return (n, R) what is computed of samples at one time, the residuals first."""
    time_ms = np.zeros(len(values), np.int64)
    channels = AppliedExpectation(fleet, normal).channels(names, asset, time_ms, values)
    return channels[:, len(fleet.points) :]


def column(fleet: Fleet, name: str) -> int:
    """Return the number of a computed channel."""
    return FeatureSchema(fleet).computed.names.index(name)


@pytest.fixture(scope="module")
def fitted() -> Expectation:
    return fit(machines(), rows(6000)).expectation


def test_a_known_surface_and_the_offsets_of_machines_are_recovered(fitted: Expectation) -> None:
    assert fitted.sigma == pytest.approx((NOISE / A_DAY**0.5,), rel=0.1)
    # Only differences between machines are of this world: the surface takes their mean along.
    offsets = {name: values[0] for name, values in fitted.offsets.items()}
    assert offsets["a"] - offsets["b"] == pytest.approx(3.0, abs=0.1)
    assert offsets["c"] - offsets["b"] == pytest.approx(1.0, abs=0.1)


def test_a_days_mean_residuals_of_healthy_machines_are_standard_normal(fitted: Expectation) -> None:
    unseen = rows(3000, seed=2)
    residual = computed(machines(), fitted, unseen.asset, unseen.values)[:, 0]
    means = residual.reshape(-1, A_DAY).mean(axis=1)
    assert abs(means.mean()) < 0.3
    assert means.std() == pytest.approx(1.0, abs=0.2)


def test_a_fault_shows_in_standard_deviations_whatever_load_and_weather(fitted: Expectation) -> None:
    unseen = rows(300, seed=3, noise=0.0)
    unseen.values[:, 2] += 4 * fitted.sigma[0]
    residual = computed(machines(), fitted, unseen.asset, unseen.values)[:, 0]
    np.testing.assert_allclose(residual, 4.0, atol=1.5)
    assert residual.mean() == pytest.approx(4.0, abs=0.5)


@given(chosen=st.lists(st.integers(0, 99), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(fitted: Expectation, chosen: list[int]) -> None:
    all_rows = rows(100, seed=4)
    whole = computed(machines(), fitted, all_rows.asset, all_rows.values)
    batch = computed(machines(), fitted, all_rows.asset[chosen], all_rows.values[chosen])
    assert batch.tobytes() == whole[chosen].tobytes()


def test_a_standing_machine_and_a_missing_driver_give_no_residual(fitted: Expectation) -> None:
    found = rows(4, seed=5)
    found.values[0, 3] = 5.0
    found.values[1, 3] = np.nan
    found.values[2, 0] = np.nan
    residual = computed(machines(), fitted, found.asset, found.values)
    assert np.isnan(residual[:, 0]).tolist() == [True, True, True, False]


def test_the_nearest_trip_is_0_at_a_warning_level_and_1_at_the_trip(fitted: Expectation) -> None:
    """A missing sensor says nothing of it, nor does a machine that stands."""
    levels = (Rule(sensor="head", warn=500.0, trip=600.0), Rule(sensor="load", warn=20.0, trip=10.0))
    watched = replace(machines(), rules=levels)
    given = np.array(
        [[50, 20, 550, 50], [12, 20, 500, 50], [50, 20, np.nan, 50], [50, 20, 550, 1]], np.float32
    )
    asset = np.zeros(len(given), np.int32)
    found = computed(watched, fitted, asset, given)[:, column(watched, "nearest_trip")]
    np.testing.assert_allclose(found, [0.5, 0.8, -3.0, np.nan], rtol=1e-6)


def test_a_margin_is_0_at_what_is_expected_and_1_at_the_trip(fitted: Expectation) -> None:
    """Above and below; of a sensor without an expectation it begins at the warning level."""
    usual = float(surface(np.array(50.0), np.array(20.0)))
    levels = (
        Rule(sensor="head", warn=usual + 50, trip=usual + 100),
        Rule(sensor="head", warn=usual - 50, trip=usual - 100),
        Rule(sensor="amps", warn=60.0, trip=80.0),
    )
    watched = replace(machines(), rules=levels)
    given = np.array([[50, 20, usual + away, 70] for away in (0, 25, 100, -25, 1000)], np.float32)
    calm = msgspec.structs.replace(fitted, offsets={})
    found = computed(watched, calm, np.zeros(len(given), np.int32), given)
    shift = sum([o[0] for o in fitted.offsets.values()]) / 300  # the surface takes the machines' mean
    above, below, amps = (found[:, column(watched, f"{n}_margin")] for n in ("head", "head_2", "amps"))
    np.testing.assert_allclose(above, [0, 0.25, 1, -0.25, 3], atol=0.05 + abs(shift))
    np.testing.assert_allclose(below, [0, -0.25, -1, 0.25, -2], atol=0.05 + abs(shift))
    np.testing.assert_allclose(amps, 0.5)


def flows(sizes: tuple[float, ...], n: int = 3000) -> Rows:
    """Machines that differ in size alone, whose ``head`` is in proportion to it."""
    rng = np.random.default_rng(9)
    asset = rng.integers(0, len(sizes), n).astype(np.int32)
    load, weather = rng.uniform(20, 100, n), rng.uniform(5, 40, n)
    head = np.array(sizes)[asset] * (0.5 + load / 100) * rng.normal(1, 0.01, n)
    return Rows(asset, np.stack([load, weather, head, np.full(n, 50.0)], axis=1).astype(np.float32))


def relative_machines() -> Fleet:
    fleet = machines()
    group = replace(fleet.expectation[0], relative=True)
    return replace(
        fleet, expectation=(group,), rules=(Rule(sensor="head", warn=0.8, trip=0.5, relative=True),)
    )


def test_a_relative_residual_is_the_same_for_machines_of_every_size() -> None:
    fleet, sizes = relative_machines(), (20.0, 100.0, 500.0)
    normal = fit(fleet, flows(sizes)).expectation
    shares = np.array([1.0, 0.9, 0.5], np.float32)
    given = np.array([[50, 20, size * share, 50] for size in sizes for share in shares], np.float32)
    found = computed(fleet, normal, np.repeat(np.arange(3, dtype=np.int32), 3), given)
    residual, margin = found[:, 0].reshape(3, 3), found[:, column(fleet, "head_margin")].reshape(3, 3)
    np.testing.assert_allclose(residual * normal.sigma[0], np.tile(shares - 1, (3, 1)), atol=0.02)
    np.testing.assert_allclose(margin, [[0, 0.2, 1]] * 3, atol=0.04)
    stranger = computed(fleet, normal, np.zeros(9, np.int32), given, ("stranger",))
    assert np.isnan(stranger[:, 0]).all()


def test_a_machine_without_one_relative_sensor_keeps_the_residuals_of_the_others() -> None:
    fleet = relative_machines()
    group = replace(fleet.expectation[0], sensors=("head", "amps"))
    fleet, given = replace(fleet, expectation=(group,), running=None), flows((20.0, 100.0, 500.0))
    given.values[given.asset == 0, 3] = np.nan
    normal = fit(fleet, given).expectation
    found = computed(fleet, normal, given.asset, given.values)
    assert np.isnan(found[given.asset == 0, 1]).all()
    assert not np.isnan(found[:, 0]).any()


def test_a_tenth_of_faulty_samples_does_not_move_the_surface(fitted: Expectation) -> None:
    found = rows(6000)
    found.values[::10, 2] += 60 * NOISE
    again = fit(machines(), found).expectation
    clean, faulty = (
        computed(machines(), one, rows(300, seed=3).asset, rows(300, seed=3, noise=0.0).values)[:, 0]
        for one in (fitted, again)
    )
    np.testing.assert_allclose(faulty * again.sigma[0], clean * fitted.sigma[0], atol=0.5 * NOISE)


def test_a_fault_shows_against_other_days_which_the_offset_of_its_own_days_hides() -> None:
    """Machine ``a`` is 4 off for the whole second half: its median over all days has moved along."""
    found = rows(6000)
    later = np.arange(6000) >= 3000
    found.values[later & (found.asset == 0), 2] += 4.0
    normal = fit(machines(), found)
    parts = [part.samples for part in slices(found)]
    time_ms = np.concatenate([part.time_ms for part in parts])
    faulty, sound = later & (found.asset == 0), later & (found.asset == 1)
    inside = AppliedExpectation(machines(), normal.expectation)
    beside = AppliedExpectation(machines(), normal.expectation, normal.folds)
    one, other = (
        applied.channels(NAMES, found.asset, time_ms, found.values)[:, 4] for applied in (inside, beside)
    )
    assert other[faulty].mean() * normal.folds[1].expectation.sigma[0] == pytest.approx(4.0, abs=0.4)
    assert abs(other[sound].mean()) * normal.folds[1].expectation.sigma[0] < 0.4
    assert one[faulty].mean() * normal.expectation.sigma[0] < 3.0
    assert normal.folds[-1].until_ms > time_ms.max()


def test_days_beside_which_nothing_can_be_learnt_have_no_folds() -> None:
    assert fit(machines(), rows(900)).folds == ()
    assert len(fit(machines(), rows(2000)).folds) == 2


def test_a_driver_that_never_spoke_is_refused_by_name() -> None:
    found = rows(2000)
    found.values[:, 1] = np.nan
    with pytest.raises(ModelError, match="driver weather: no value of running machines"):
        fit_expectation(machines(), slices(found))


def test_a_machine_that_was_never_seen_has_no_offset(fitted: Expectation) -> None:
    found = rows(50, seed=6, noise=0.0)
    nobody = np.zeros(50, np.int32)
    known, unknown = (
        computed(machines(), fitted, nobody, found.values, (n,))[:, 0] for n in ("a", "stranger")
    )
    np.testing.assert_allclose(unknown - known, fitted.offsets["a"][0] / fitted.sigma[0], rtol=1e-3)


def test_a_machine_that_hardly_ran_gets_no_offset() -> None:
    found = rows(3000)
    found.asset[:] = 0
    found.asset[:49] = 1
    assert sorted(fit(machines(), found, parts=1).expectation.offsets) == ["a"]


def test_implausible_values_and_standing_machines_do_not_teach(fitted: Expectation) -> None:
    good, extra = rows(6000), rows(2000, seed=7)
    extra.values[:1000, 2] = 5000.0
    extra.values[1000:, 2:] = (0.0, 0.0)
    both = Rows(np.concatenate([good.asset, extra.asset]), np.concatenate([good.values, extra.values]))
    again = fit(machines(), both, parts=1).expectation
    assert again.sigma == pytest.approx(fitted.sigma, rel=1e-3)


def test_the_same_history_gives_the_same_bytes_in_however_many_slices() -> None:
    one, many = (fit(machines(), rows(2000), parts).expectation for parts in (1, 7))
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
    assert residual_points(machines()) == ("head",)


def test_without_a_rule_every_machine_runs() -> None:
    fleet = replace(machines(), running=None)
    assert is_running(fleet, np.full((3, 4), np.nan, np.float32)).all()


def test_the_basis_holds_every_product_of_two_once() -> None:
    scaled = np.array([[2.0, 3.0]])
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
    residual = computed(machines(), fitted, found.asset, found.values)
    mean = kernel.schema.index("head_residual", kernel.schema.windows[0], "mean")
    assert windows.values[0, mean] == residual[0, 0]
