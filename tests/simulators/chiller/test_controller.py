"""The controller trips on what it sees, locks out after a safety shutdown, recycles after a cycling one."""

from datetime import date

import numpy as np
import pytest

from models.telemetry.samples import Float64
from simulators.chiller.channels import Channel
from simulators.chiller.controller import LIMITS, LOW_EVAPORATOR, Controller, OperatedDay, Orders, Trip
from simulators.chiller.faults import SUDDEN
from simulators.chiller.machines import MODELS, Machines, rated
from simulators.clock import Clock

CLOCK = Clock(date(2025, 6, 2), 900)
STEPS = CLOCK.steps
NORMAL = {
    Channel.EVAPORATING: 5.0,
    Channel.CONDENSING: 36.0,
    Channel.DISCHARGE: 45.0,
    Channel.SUMP: 53.0,
    Channel.BEARING: 58.0,
    Channel.WINDING: 60.0,
    Channel.HEAT_SINK: 40.0,
    Channel.OIL_PRESSURE: 2.2,
    Channel.CONDENSER_FLOW: 1.0,
    Channel.CHILLED_FLOW: 1.0,
    Channel.MOTOR_LOAD: 80.0,
}
REST = {Channel.EVAPORATING: 17.0, Channel.CONDENSING: 17.0, Channel.SUMP: 55.0}


def constant(values: dict[Channel, float]) -> Float64:
    out = np.zeros((STEPS, len(Channel), 1))
    for channel, value in values.items():
        out[:, channel] = value
    return out


def orders(**changes: float) -> Orders:
    """Return a normal day on which, from noon, the named channels head for the given values."""
    goal = constant(NORMAL)
    for name, value in changes.items():
        goal[STEPS // 2 :, Channel[name]] = value
    return Orders(goal, constant(REST), np.ones((STEPS, 1), bool), np.zeros((STEPS, 1), np.int8))


def repaired(orders: Orders) -> None:
    orders.goal[:] = constant(NORMAL)


def run(
    orders: Orders, machines: Machines | None = None, days: int = 1
) -> tuple[list[OperatedDay], list[Trip]]:
    controller = Controller(machines or rated(MODELS[0]), CLOCK, np.random.default_rng(3))
    trips: list[Trip] = []

    def respond(trip: Trip) -> None:
        trips.append(trip)
        repaired(orders)

    return [controller.day(day, orders, respond) for day in range(days)], trips


def beyond(index: int) -> float:
    limit = LIMITS[index]
    value = getattr(rated(MODELS[0]), limit.value)[0] if isinstance(limit.value, str) else limit.value
    return float(value) + (3.0 if limit.is_high else -3.0)


def short_of(index: int) -> float:
    return beyond(index) - (3.2 if LIMITS[index].is_high else -3.2)


def test_a_normal_day_has_no_shutdown() -> None:
    (day,), trips = run(orders())
    assert day.running.all()
    assert (day.log, trips) == ((), [])


@pytest.mark.parametrize("index", range(len(LIMITS)), ids=[x.code for x in LIMITS])
def test_a_quantity_beyond_its_limit_shuts_the_machine_down(index: int) -> None:
    limit = LIMITS[index]
    (day,), _ = run(orders(**{limit.channel.name: beyond(index)}))
    assert day.running[: STEPS // 2].all()
    assert not day.running.all()
    assert day.log[0].code == limit.code
    assert day.log[0].kind == ("cycling" if limit.code == LOW_EVAPORATOR else "shutdown")


@pytest.mark.parametrize("index", range(len(LIMITS)), ids=[x.code for x in LIMITS])
def test_a_quantity_just_short_of_its_limit_does_not(index: int) -> None:
    (day,), trips = run(orders(**{LIMITS[index].channel.name: short_of(index)}))
    assert day.running.all()
    assert trips == []


def test_a_shutdown_lies_between_the_samples_that_show_it() -> None:
    (day,), (trip,) = run(orders(BEARING=120.0))
    stopped = int(np.argmin(day.running[:, 0]))
    assert CLOCK.time_ms(0)[stopped - 1] < trip.time_ms <= CLOCK.time_ms(0)[stopped]


def test_low_evaporator_pressure_cycles_twice_and_the_third_time_within_90_minutes_is_a_shutdown() -> None:
    (day,), trips = run(orders(EVAPORATING=-5.0))
    log = [(x.kind, x.code) for x in day.log]
    assert log[:3] == [("cycling", LOW_EVAPORATOR)] * 2 + [("shutdown", LOW_EVAPORATOR)]
    assert day.log[2].time_ms - day.log[0].time_ms <= 5_400_000
    assert [t.code for t in trips] == [LOW_EVAPORATOR]


def test_a_controller_without_strikes_shuts_down_on_the_first_low_evaporator_pressure() -> None:
    (day,), _ = run(orders(EVAPORATING=-5.0), rated(MODELS[2]))
    assert (day.log[0].kind, day.log[0].code) == ("shutdown", LOW_EVAPORATOR)


@pytest.mark.parametrize("failure", range(len(SUDDEN)), ids=[s.key for s in SUDDEN])
def test_a_part_that_fails_shuts_the_machine_down_at_once(failure: int) -> None:
    plan = orders()
    plan.failures[30, 0] = failure + 1
    (day,), (trip,) = run(plan)
    assert (trip.code, trip.step, trip.is_sudden) == (SUDDEN[failure].code, 30, True)
    assert not day.running[30, 0]


def test_a_machine_at_rest_does_not_trip() -> None:
    plan = orders(BEARING=200.0)
    plan.wanted[:] = False
    plan.failures[:] = 1
    (day,), trips = run(plan)
    assert not day.running.any()
    assert trips == []


def test_a_repaired_machine_starts_again_and_the_log_says_when() -> None:
    plan = orders()
    plan.failures[40, 0] = 1
    controller = Controller(rated(MODELS[0]), CLOCK, np.random.default_rng(3))
    first = controller.day(0, plan, lambda _: repaired(plan))
    days, locked = [first], [controller.locked_out(0)[:, 0]]
    for d in range(1, 5):
        locked.append(controller.locked_out(d)[:, 0])
        days.append(controller.day(d, orders(), lambda _: None))
    running = np.concatenate([d.running[:, 0] for d in days])
    back = 40 + int(np.argmax(running[40:]))
    (restart,) = [x for d in days for x in d.log if x.kind == "restart"]
    assert running[back:].all()
    np.testing.assert_array_equal(np.concatenate(locked)[STEPS:], ~running[STEPS:])
    assert abs(restart.time_ms - (CLOCK.start_ms(0) + back * 900_000)) <= 1_800_000
