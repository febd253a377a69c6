from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fleet.points import Sensor
from models.risk.wording import alike, percent, said, sentence, usually

DAY = "the last day"


def sensor(unit: str = "K", high: float = 100.0, resolution: float | None = None, state: str = "") -> Sensor:
    return Sensor(key="s", label="s", unit=unit, low=0.0, high=high, resolution=resolution, state=state)


@pytest.mark.parametrize(
    ("of", "mean", "words"),
    [
        (sensor("degC", resolution=0.1), 78.349, "78.3 °C"),
        (sensor("degC", resolution=0.1), -0.04, "0.0 °C"),
        (sensor("degC", resolution=0.5), 78.349, "78.5 °C"),
        (sensor("degC", resolution=0.25), 78.349, "78.25 °C"),
        (sensor("mm", resolution=0.01), 0.1249, "0.12 mm"),
        (sensor("kW", 2500.0), 1240.4, "1240 kW"),
        (sensor("kPa", resolution=5.0), 1242.6, "1245 kPa"),
        (sensor("%", resolution=1.0), 44.6, "45 %"),
        (sensor("deg", resolution=1.0), 12.4, "12°"),
        (sensor("1", 1.0, 0.01), 0.871, "0.87"),
        (sensor("1", 60.0, 1.0), 0.0, "none"),
        (sensor("1", 60.0, 1.0), 0.3, "0.3"),
        (sensor("1", 60.0, 1.0), 4.0, "4"),
        (sensor("1", 1e6, 1.0), 1234.4, "1234"),
        (sensor("1", 1.0, state="it ran"), 0.0, "at no time in the last day"),
        (sensor("1", 1.0, state="it ran"), 1.0, "all of the last day"),
        (sensor("1", 1.0, state="it ran"), 0.004, "less than 1 % of the last day"),
        (sensor("1", 1.0, state="it ran"), 0.1, "10 % of the last day"),
        (sensor("1", 1.0, state="it ran"), 0.998, "more than 99 % of the last day"),
        (sensor("1", 30.0, state="an alert was on"), 7.3, "at times in the last day"),
        (sensor("1", 30.0, state="an alert was on"), 0.0, "at no time in the last day"),
        (sensor(), math.nan, "no reading"),
        (sensor(state="it ran"), math.nan, "no reading"),
    ],
)
def test_a_mean_is_said_as_a_person_would(of: Sensor, mean: float, words: str) -> None:
    assert said(of, mean, DAY) == words


def test_what_is_usual_is_said_of_all_the_time_and_left_out_where_nobody_knows() -> None:
    limit = sensor("1", 1.0, state="capacity was limited")
    assert usually(limit, 0.03) == "3 % of the time"
    assert [usually(limit, mean) for mean in (0.0, 1.0, math.nan)] == ["never", "always", ""]
    alert = sensor("1", 30.0, state="an alert was on")
    assert [usually(alert, mean) for mean in (0.0, 7.3)] == ["never", "at times"]
    assert sentence("capacity was limited", said(limit, 0.1, DAY), usually(limit, math.nan)) == (
        "capacity was limited 10 % of the last day"
    )


@given(st.floats(-50, 150), st.floats(-50, 150), st.sampled_from([0.01, 0.1, 0.5, 1.0, 5.0]))
def test_two_readings_are_alike_within_a_step_of_their_sensor_and_in_the_same_words(
    a: float, b: float, resolution: float
) -> None:
    of = sensor("K", 200.0, resolution)
    assert alike(of, a, b) == alike(of, b, a)
    if said(of, a, DAY) == said(of, b, DAY) or abs(a - b) < 0.999 * resolution:
        assert alike(of, a, b)
    if abs(a - b) > 1.001 * resolution:
        assert not alike(of, a, b)


@given(st.floats(0, 1))
def test_a_share_that_is_not_all_or_none_is_not_said_to_be(share: float) -> None:
    assert (percent(share) == "0 %") == (share == 0)
    assert (percent(share) == "100 %") == (share == 1)
