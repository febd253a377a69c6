"""The tables agree with the equation of state they come from."""

import numpy as np
import pytest
from CoolProp.CoolProp import PropsSI
from hypothesis import given
from hypothesis import strategies as st

from simulators.chiller.refrigerant import NAMES, refrigerant_of

R134A = refrigerant_of(np.array(0.0))


@given(st.floats(-35.0, 85.0))
def test_saturation_temperature_inverts_saturation_pressure(temperature_c: float) -> None:
    pressure = float(R134A.pressure_bar(np.array(temperature_c)))
    assert R134A.saturation_c(pressure) == pytest.approx(temperature_c, abs=1e-6)


@pytest.mark.parametrize("temperature_c", [-7.3, 4.9, 36.4, 61.2])
def test_tables_agree_with_the_equation_of_state(temperature_c: float) -> None:
    at, kelvin, r = np.array(temperature_c), temperature_c + 273.15, R134A
    expected_bar = PropsSI("P", "T", kelvin, "Q", 1, "R134a") / 1e5
    assert float(r.pressure_bar(at)) == pytest.approx(expected_bar, rel=2e-4)
    evaporation_kj = (
        PropsSI("H", "T", kelvin, "Q", 1, "R134a") - PropsSI("H", "T", kelvin, "Q", 0, "R134a")
    ) / 1e3
    assert float(r.vapour_kj(at) - r.liquid_kj(at)) == pytest.approx(evaporation_kj, rel=1e-4)


@pytest.mark.parametrize(("evaporating_c", "condensing_c"), [(4.9, 36.4), (-1.1, 51.3), (7.7, 20.9)])
def test_isentropic_compression_agrees_with_the_equation_of_state(
    evaporating_c: float, condensing_c: float
) -> None:
    inlet = evaporating_c + 273.15
    entropy = PropsSI("S", "T", inlet, "Q", 1, "R134a")
    pressure = PropsSI("P", "T", condensing_c + 273.15, "Q", 1, "R134a")
    rise_kj = (
        PropsSI("H", "P", pressure, "S", entropy, "R134a") - PropsSI("H", "T", inlet, "Q", 1, "R134a")
    ) / 1e3
    discharge_c = PropsSI("T", "P", pressure, "S", entropy, "R134a") - 273.15
    compression = R134A.isentropic(np.array(evaporating_c))
    assert float(compression.rise_kj(np.array(condensing_c))) == pytest.approx(rise_kj, rel=5e-3)
    assert float(compression.discharge_c(np.array(condensing_c), np.array(0.0))) == pytest.approx(
        discharge_c, abs=0.1
    )


def test_two_refrigerants_are_asked_for_side_by_side() -> None:
    both = refrigerant_of(np.array([0.0, 1.0]))
    expected = [PropsSI("P", "T", 278.15, "Q", 1, name) / 1e5 for name in NAMES]
    assert both.pressure_bar(np.array([5.0, 5.0])).tolist() == pytest.approx(expected, rel=2e-4)
    rise = both.isentropic(np.array([4.9, 4.9])).rise_kj(np.array([36.4, 36.4]))
    for name, shown in zip(NAMES, rise.tolist(), strict=True):
        pressure = PropsSI("P", "T", 309.55, "Q", 1, name)
        entropy, inlet = (PropsSI(x, "T", 278.05, "Q", 1, name) for x in "SH")
        assert shown == pytest.approx(
            (PropsSI("H", "P", pressure, "S", entropy, name) - inlet) / 1e3, rel=5e-3
        )
