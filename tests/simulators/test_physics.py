"""The machine at its rated point, and the signs of the faults tested in ASHRAE RP-1043."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.frames import Float64
from simulators.machines import MODELS, RATED_ENTERING_C, RATED_LEAVING_C, Model, draw_machines, rated
from simulators.physics import Steady, Wear, steady

# The corners and middles of the 27 RP-1043 conditions: leaving chilled water, entering condenser water, load.
LEAVING_C, ENTERING_C, LOAD = (
    axis.ravel() for axis in np.meshgrid([4.0, 7.8, 11.6], [17.8, 23.9, 30.0], [0.27, 0.6, 1.0])
)
FULL = {"fouling": 0.8, "charge_lost": 0.4, "excess_oil": 0.68, "condenser_flow_lost": 0.4}
FULL |= {"evaporator_flow_lost": 0.4, "overcharge": 0.4, "air": 0.05}


def wear(**faults: float) -> Wear:
    return Wear(**{f.name: np.array(faults.get(f.name, 0.0)) for f in fields(Wear)})


def states(**faults: float) -> Steady:
    """Return states of 50 machines (rows) under the 27 conditions (columns)."""
    machines = draw_machines(np.random.default_rng(7), 50)
    column = type(machines)(*(getattr(machines, f.name)[:, None] for f in fields(machines)))
    return steady(column, LOAD, LEAVING_C, ENTERING_C, wear(**faults))


def condenser_approach(s: Steady) -> Float64:
    return s.condensing_c - s.condenser_leaving_c


def evaporator_approach(s: Steady) -> Float64:
    return s.chilled_leaving_c - s.evaporating_c


def condenser_rise(s: Steady) -> Float64:
    return s.condenser_leaving_c - s.condenser_entering_c


SIGNS: list[tuple[str, str, Callable[[Steady], Float64], int]] = [
    ("condenser_flow_lost", "water ΔT", condenser_rise, 1),
    ("condenser_flow_lost", "condensing", lambda s: s.condensing_c, 1),
    ("condenser_flow_lost", "discharge", lambda s: s.discharge_c, 1),
    ("condenser_flow_lost", "power", lambda s: s.power_kw, 1),
    ("charge_lost", "evaporator approach", evaporator_approach, 1),
    ("charge_lost", "power", lambda s: s.power_kw, 1),
    ("charge_lost", "subcooling", lambda s: s.subcooling_k, -1),
    ("charge_lost", "condenser approach", condenser_approach, -1),
    ("charge_lost", "evaporating", lambda s: s.evaporating_c, -1),
    ("fouling", "condenser approach", condenser_approach, 1),
    ("fouling", "condensing", lambda s: s.condensing_c, 1),
    ("fouling", "discharge", lambda s: s.discharge_c, 1),
    ("fouling", "power", lambda s: s.power_kw, 1),
    ("evaporator_flow_lost", "chilled ΔT", lambda s: s.chilled_entering_c - s.chilled_leaving_c, 1),
    ("overcharge", "subcooling", lambda s: s.subcooling_k, 1),
    ("overcharge", "condensing", lambda s: s.condensing_c, 1),
    ("overcharge", "condenser approach", condenser_approach, 1),
    ("overcharge", "power", lambda s: s.power_kw, 1),
    ("air", "condensing", lambda s: s.condensing_c, 1),
    ("air", "condenser approach", condenser_approach, 1),
    ("air", "apparent subcooling", lambda s: s.subcooling_k, 1),
    ("air", "discharge", lambda s: s.discharge_c, 1),
    ("air", "power", lambda s: s.power_kw, 1),
    ("excess_oil", "evaporator approach", evaporator_approach, 1),
    ("excess_oil", "power", lambda s: s.power_kw, 1),
]
STEADY = [
    ("condenser_flow_lost", condenser_approach),
    ("evaporator_flow_lost", evaporator_approach),
    ("fouling", lambda s: s.subcooling_k),
]
STEADY_IDS = ["flow-approach", "chilled-flow-approach", "fouling-subcooling"]


def test_the_rated_point_is_that_of_the_reference_machine() -> None:
    s = steady(rated(MODELS[0]), np.ones(1), np.array(RATED_LEAVING_C), np.array(RATED_ENTERING_C), wear())
    assert MODELS[0].capacity_kw / s.power_kw[0] == pytest.approx(5.85, abs=0.06)
    assert s.condensing_c[0] == pytest.approx(36.4, abs=0.15)
    assert s.discharge_c[0] == pytest.approx(45.4, abs=1.2)


@pytest.mark.parametrize(("fault", "name", "value", "sign"), SIGNS, ids=[f"{f}-{n}" for f, n, _, _ in SIGNS])
def test_a_fault_moves_what_it_moved_in_the_laboratory(
    fault: str, name: str, value: Callable[[Steady], Float64], sign: int
) -> None:
    change = value(states(**{fault: FULL[fault]})) - value(states())
    assert (np.sign(change) == sign).all()


@pytest.mark.parametrize(
    ("fault", "value"), STEADY, ids=["flow-approach", "chilled-flow-approach", "fouling-subcooling"]
)
def test_a_fault_leaves_alone_what_it_left_alone_in_the_laboratory(
    fault: str, value: Callable[[Steady], Float64]
) -> None:
    assert np.abs(value(states(**{fault: FULL[fault]})) - value(states())).max() < 0.5


@pytest.mark.parametrize("model", MODELS, ids=[m.name for m in MODELS])
def test_every_model_runs_at_its_rated_point_well_inside_its_limits(model: Model) -> None:
    machine = rated(model)
    s = steady(machine, np.ones(1), np.array(RATED_LEAVING_C), np.array(RATED_ENTERING_C), wear())
    assert 5.2 < model.capacity_kw / s.power_kw[0] < 6.6
    assert s.condensing_c[0] < machine.override_c[0] - 4.0
    assert s.evaporating_c[0] > machine.low_evaporating_c[0] + 2.0
    assert s.head[0] == pytest.approx(1.0, abs=0.05)


def test_a_drive_saves_power_at_part_load_and_costs_a_little_at_full() -> None:
    fixed, driven = (rated(replace(MODELS[0], has_drive=drive)) for drive in (False, True))

    def ratio(load: float, entering_c: float) -> float:
        at = np.array([load]), np.array([RATED_LEAVING_C]), np.array([entering_c])
        return float(steady(driven, *at, wear()).power_kw[0] / steady(fixed, *at, wear()).power_kw[0])

    assert ratio(0.3, 19.0) < 0.98 < 1.0 < ratio(1.0, RATED_ENTERING_C)


@pytest.mark.parametrize("fault", FULL)
def test_heat_rejected_is_the_cooling_and_the_work_on_the_refrigerant(fault: str) -> None:
    machines = rated(MODELS[1])
    s = steady(machines, LOAD, LEAVING_C, ENTERING_C, wear(**{fault: FULL[fault]}))
    flow = 1.0 - (FULL[fault] if fault == "condenser_flow_lost" else 0.0)
    rejected = condenser_rise(s) * machines.stream_condenser * flow
    np.testing.assert_allclose(rejected, LOAD * machines.capacity_kw + s.power_kw * machines.motor_efficiency)


@given(st.floats(0.0, 4.0), st.floats(0.0, 1.0), st.floats(0.1, 1.1), st.floats(10.0, 38.0))
def test_more_fouling_never_lowers_the_condensing_temperature(
    fouling: float, more: float, load: float, entering_c: float
) -> None:
    at = np.array([load]), np.array([6.7]), np.array([entering_c])
    less = steady(rated(MODELS[0]), *at, wear(fouling=fouling))
    assert (
        steady(rated(MODELS[0]), *at, wear(fouling=fouling + more)).condensing_c >= less.condensing_c
    ).all()
