"""Where running machines tend to: faults outside the refrigerant cycle, and overrides."""

from dataclasses import replace

import numpy as np
import pytest

from models.telemetry.samples import Float64
from simulators.chiller.channels import Channel
from simulators.chiller.faults import GRADUAL, Severity
from simulators.chiller.machines import MODELS, rated
from simulators.chiller.operation import Duty, operate, standstill
from simulators.chiller.sequencing import Demand
from simulators.site.climate import Air

KEYS = tuple(k.key for k in GRADUAL)


def duty(load: float = 0.8, wet_bulb_c: float = 20.0, **faults: float) -> Duty:
    severity = np.array([faults.get(key, 0.0) for key in KEYS]).reshape(-1, 1, 1)
    air = Air(np.full((1, 1), wet_bulb_c), np.full((1, 1), wet_bulb_c + 5.0))
    return Duty(
        air, Demand(np.full((1, 1), load), np.ones((1, 1), bool)), Severity(severity, np.zeros((1, 1)))
    )


def goal(**faults: float) -> Float64:
    return operate(rated(MODELS[0]), duty(**faults)).goal[0, :, 0]


@pytest.mark.parametrize(
    ("fault", "channel", "sign"),
    [
        ("oil_filter", Channel.OIL_PRESSURE, -1),
        ("excess_oil", Channel.OIL_PRESSURE, -1),
        ("excess_oil", Channel.SUMP, 1),
        ("bearing", Channel.BEARING, 1),
        ("winding", Channel.WINDING, 1),
        ("heat_sink", Channel.HEAT_SINK, 1),
        ("tower", Channel.CONDENSER_ENTERING, 1),
        ("strainer", Channel.CONDENSER_FLOW, -1),
    ],
)
def test_a_fault_shows_where_it_acts(fault: str, channel: Channel, sign: int) -> None:
    mild, severe = goal(**{fault: 0.3}), goal(**{fault: 1.0})
    assert np.sign(mild[channel] - goal()[channel]) == sign
    assert np.sign(severe[channel] - mild[channel]) == sign


def test_a_clogged_oil_filter_shows_in_nothing_but_oil_pressure() -> None:
    differs = np.flatnonzero(goal(oil_filter=1.0) != goal())
    assert differs.tolist() == [Channel.OIL_PRESSURE]


def test_an_override_gives_up_capacity_to_keep_the_condenser_below_its_limit() -> None:
    machines, hot = rated(MODELS[0]), duty(load=1.0, wet_bulb_c=27.0, fouling=0.65)
    free = replace(machines, override_c=np.array([99.0]), full_load_kw=machines.full_load_kw * 9)
    limited, unlimited = operate(machines, hot), operate(free, hot)
    assert limited.limited[0, 0] > 0
    assert unlimited.limited[0, 0] == 0
    for channel in (Channel.CONDENSING, Channel.POWER, Channel.VANE):
        assert limited.goal[0, channel, 0] < unlimited.goal[0, channel, 0]
    assert limited.goal[0, Channel.CHILLED_LEAVING, 0] > unlimited.goal[0, Channel.CHILLED_LEAVING, 0]


def test_a_machine_that_is_not_wanted_is_not_limited() -> None:
    hot = duty(load=1.0, wet_bulb_c=27.0, fouling=1.0)
    idle = replace(hot, demand=Demand(hot.demand.load, np.zeros((1, 1), bool)))
    assert operate(rated(MODELS[0]), idle).limited[0, 0] == 0


def test_pressures_equalise_and_power_ends_at_standstill() -> None:
    rest = standstill(rated(MODELS[0]), duty().air)[0, :, 0]
    assert rest[Channel.CONDENSING] - rest[Channel.EVAPORATING] == pytest.approx(0.0, abs=0.2)
    stopped = [Channel.POWER, Channel.MOTOR_LOAD, Channel.VANE, Channel.OIL_PRESSURE, Channel.CONDENSER_FLOW]
    assert (rest[stopped] == 0).all()
