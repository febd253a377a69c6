"""The machine at its rated point, and the signs of the faults tested in ASHRAE RP-1043."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.chiller.machines import (
    MODELS,
    RATED_ENTERING_C,
    RATED_LEAVING_C,
    Model,
    draw_machines,
    draw_models,
    rated,
)
from simulators.chiller.physics import Steady, steady
from simulators.validation.laboratory import (
    ENTERING_C,
    LEAVING_C,
    LOAD,
    QUANTITIES,
    SIGNS,
    agrees,
    laboratory_states,
    wear,
)

FULL = {"fouling": 0.8, "charge_lost": 0.4, "excess_oil": 0.68, "condenser_flow_lost": 0.4}
FULL |= {"evaporator_flow_lost": 0.4, "overcharge": 0.4, "air": 0.05}


def states(**faults: float) -> Steady:
    """Return states of 50 machines (rows) under the 27 conditions (columns)."""
    rng = np.random.default_rng(7)
    machines = draw_machines(rng, draw_models(rng, 50), np.arange(50), np.full(50, 18.3))
    column = type(machines)(*(getattr(machines, f.name)[:, None] for f in fields(machines)))
    return laboratory_states(column, **faults)


def test_the_rated_point_is_that_of_the_reference_machine() -> None:
    s = steady(rated(MODELS[0]), np.ones(1), np.array(RATED_LEAVING_C), np.array(RATED_ENTERING_C), wear())
    assert MODELS[0].capacity_kw / s.power_kw[0] == pytest.approx(5.85, abs=0.06)
    assert s.condensing_c[0] == pytest.approx(36.4, abs=0.15)
    assert s.discharge_c[0] == pytest.approx(45.4, abs=1.2)


# Less chilled water lowers the power of the machine that was tested; with a flatter efficiency it need not.
OF_EVERY_MACHINE = [sign for sign in SIGNS if sign[:2] != ("evaporator_flow_lost", "power")]


@pytest.mark.parametrize(
    ("fault", "quantity", "sign"), OF_EVERY_MACHINE, ids=[f"{f}-{q}" for f, q, _ in OF_EVERY_MACHINE]
)
def test_a_fault_moves_what_it_moved_in_the_laboratory_and_leaves_the_rest(
    fault: str, quantity: str, sign: int
) -> None:
    value = QUANTITIES[quantity]
    assert agrees(value(states(**{fault: FULL[fault]})) - value(states()), sign).all()


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
    rejected = QUANTITIES["condenser rise"](s) * machines.stream_condenser * flow
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
