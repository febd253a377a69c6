"""The best threshold on one sensor, on planted series."""

from __future__ import annotations

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.telemetry.samples import Event, Float32
from simulators.validation.survey import Readings
from simulators.validation.thresholds import judge, ranked

ENDS = np.arange(1, 4 * 200 + 1) * DAY_MS // 4
TRIP = Event(150 * DAY_MS, "CH-0001", "shutdown", "surge")


def seen(*series: Float32) -> Readings:
    """Return 200 days of two machines, the first of which trips on day 150."""
    means = np.stack(series, axis=-1).astype(np.float32)
    nothing = np.empty(0, np.int64)
    return Readings(("CH-0001", "CH-0002"), ENDS, means, np.empty((0, 1), np.float32), nothing, (TRIP,))


def noise(seed: int) -> Float32:
    return np.random.default_rng(seed).normal(0.0, 1.0, (2, len(ENDS))).astype(np.float32)


def planted(sign: float) -> Float32:
    """Return noise that shows the trip five days ahead."""
    values = noise(1)
    values[0, (ENDS > 145 * DAY_MS) & (ENDS <= 150 * DAY_MS)] += sign * 20.0
    return values


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sensor_that_gives_the_answer_away_is_found_on_either_side(sign: float) -> None:
    best = ranked(seen(noise(2), planted(sign)), ["noise", "telltale"], horizon_d=14, per_year=0.0, own=False)
    telltale = next(t for t in best if t.sensor == "telltale" and t.above == (sign > 0))
    assert telltale.recall == 1.0
    assert telltale.report.lead_days_median == pytest.approx(4.75)
    assert telltale.report.false_alarms == ()


def test_noise_within_a_budget_of_nothing_announces_nothing() -> None:
    best = ranked(seen(noise(2)), ["noise"], horizon_d=14, per_year=0.0, own=False)
    assert all(t.recall == 0.0 for t in best)


def test_the_machines_own_median_takes_away_what_is_always_there() -> None:
    values = planted(1.0)
    values[1] += 500.0
    shared, own = (ranked(seen(values), ["x"], horizon_d=14, per_year=0.5, own=o) for o in (False, True))
    assert max((t.recall for t in shared), default=0.0) == 0.0
    assert own[0].recall == 1.0


def test_an_alarm_that_stays_opens_one_case_in_a_horizon() -> None:
    alarm = np.zeros((2, len(ENDS)), bool)
    alarm[1, (ENDS > 20 * DAY_MS) & (ENDS <= 40 * DAY_MS)] = True
    assert len(judge(seen(noise(1)), alarm, 14.0).false_alarms) == 2
