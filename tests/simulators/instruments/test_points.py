"""What a panel shows: states and codes follow from what the machine did, never from what will happen."""

import numpy as np
import pytest

from models.telemetry.samples import Float64
from simulators.chiller.alerts import NUISANCES, WARNING_CODES, WARNINGS
from simulators.chiller.channels import Channel
from simulators.chiller.controller import Limit, OperatedDay
from simulators.chiller.counters import CounterReadings
from simulators.chiller.machines import MODELS, rated
from simulators.instruments.points import POINTS, Reading
from simulators.site.climate import Air

BY_KEY = {p.key: p for p in POINTS}
SHAPE = (1, 1)


def reading(
    channels: dict[Channel, float] | None = None,
    *,
    running: bool = True,
    limited: int = 0,
    held: tuple[int, int] = (0, 0),
    nuisance: str = "",
) -> Reading:
    values = np.zeros((1, len(Channel), 1))
    values[:, Channel.OIL_PRESSURE] = 2.2
    for channel, shown in (channels or {}).items():
        values[:, channel] = shown
    safety, cycling = (np.full(SHAPE, code, np.int8) for code in held)
    done = OperatedDay(values, np.full(SHAPE, running), safety, cycling, ())
    none = np.zeros(SHAPE)
    counts = CounterReadings(none, none, none, none, none)
    alert = np.full(SHAPE, 1 + WARNING_CODES.index(nuisance) if nuisance else 0, np.int8)
    return Reading(rated(MODELS[0]), done, np.full(SHAPE, limited, np.int8), alert, counts, Air(none, none))


def value(key: str, at: Reading) -> float:
    shown: Float64 = BY_KEY[key].read(at)
    return float(np.broadcast_to(shown, SHAPE)[0, 0])


@pytest.mark.parametrize(
    ("at", "mode"),
    [
        (reading(running=False), 0),
        (reading(), 1),
        (reading(limited=1), 2),
        (reading(running=False, held=(0, 1)), 3),
        (reading(running=False, held=(2, 0)), 4),
    ],
    ids=["off", "running", "limited", "recycling", "locked-out"],
)
def test_the_mode_says_what_the_machine_is_doing(at: Reading, mode: int) -> None:
    assert value("control_mode", at) == mode


@pytest.mark.parametrize("alert", WARNINGS, ids=[x.code for x in WARNINGS])
def test_an_alert_shows_while_its_quantity_is_beyond_and_the_machine_runs(alert: Limit) -> None:
    assert isinstance(alert.value, float)
    beyond = {alert.channel: alert.value + (0.1 if alert.is_high else -0.1)}
    number = 1 + WARNING_CODES.index(alert.code)
    assert value("warning_code", reading(beyond)) == number
    assert value("warning_code", reading(beyond, nuisance="line-voltage")) == number
    assert value("warning_code", reading(beyond, running=False)) == 0
    assert value("warning_code", reading()) == 0


@pytest.mark.parametrize("code", NUISANCES)
def test_a_nuisance_shows_as_an_alert_does(code: str) -> None:
    assert value("warning_code", reading(nuisance=code)) == 1 + WARNING_CODES.index(code)


def test_one_winding_is_hotter_than_the_other_two_by_the_spread() -> None:
    at = reading({Channel.WINDING: 90.0, Channel.WINDING_SPREAD: 12.0})
    assert sorted(value(f"winding_temp_{phase}", at) for phase in "abc") == [78.0, 78.0, 90.0]


def test_oil_is_pumped_from_a_sump_at_evaporator_pressure() -> None:
    at = reading({Channel.EVAPORATING: 5.0})
    assert value("oil_pump_pressure", at) == pytest.approx(value("evap_pressure", at) + 2.2)


def test_power_is_what_the_three_currents_carry_at_the_rated_point() -> None:
    machine = rated(MODELS[0])
    at = reading({Channel.MOTOR_LOAD: 100.0})
    apparent_kva = np.sqrt(3.0) * value("voltage_ab", at) * value("current_a", at) / 1e3
    assert apparent_kva * 0.9 == pytest.approx(float(machine.full_load_kw[0]), rel=0.05)
