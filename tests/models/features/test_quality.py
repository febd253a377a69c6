from __future__ import annotations

import numpy as np
import pytest

from models.features.kernel import Kernel
from models.features.quality import QualityMonitor
from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples

MINUTE, HOUR = 60_000, 3_600_000


def fleet() -> Fleet:
    sensor = {"key": "temp", "label": "water temperature", "unit": "degC", "low": -10.0, "high": 60.0}
    load = {"key": "load", "label": "load", "unit": "%", "low": 0.0, "high": 130.0}
    raw = {"name": "toy", "asset": "toy", "asset_pattern": ".+", "outcome": "stop", "horizons_d": [1.0]}
    sampling = {"period_s": 600, "hop_s": 3600, "windows_s": [3600, 86400]}
    limits = {"stuck_s": 10_800, "max_per_minute": 1.0}
    return parse_fleet(
        {
            **raw,
            "sampling": sampling,
            "alerting": {"horizon_d": 1.0},
            "sensors": [{**sensor, **limits}, load],
            "running": {"sensor": "load", "above": 15.0},
        },
        "toy",
    )


def signals(temps: list[float], load: float = 80.0) -> list[tuple[str, int]]:
    """Feed one value each ten minutes; return the kind and the hour of each signal about the temperature."""
    owner = fleet()
    kernel = Kernel(owner)
    state, quality, found = kernel.start(), QualityMonitor(owner, kernel.plan), []
    for i, temp in enumerate([*temps, 20.0]):
        values = np.array([[temp, load]], np.float32)
        one = Samples(("a",), np.zeros(1, np.int32), np.array([i * 10 * MINUTE]), values)
        windows, _ = kernel.step(state, one)
        found += [*quality.closed(state, windows), *quality.out_of_range(state, one)]
    return [(s.kind, s.time_ms // HOUR) for s in found if s.sensor == 0]


def noisy(hours: int) -> list[float]:
    return [20.0 + 0.1 * (i % 7) for i in range(6 * hours)]


def test_healthy_data_raises_nothing() -> None:
    assert signals(noisy(30)) == []


def test_a_sensor_that_says_nothing_for_a_pane_is_reported_once() -> None:
    assert signals([*noisy(3), *[float("nan")] * 18]) == [("missing", 4)]


def test_a_stuck_sensor_is_reported_once_and_only_while_the_machine_runs() -> None:
    temps = [*noisy(3), *[20.3] * 48]
    assert signals(temps) == [("stuck", 6)]
    assert signals(temps, load=0.0) == []


def test_an_impossible_rate_is_reported() -> None:
    assert signals([*noisy(2), 20.0, 45.0, 45.5, 45.9, 45.1, 45.2]) == [("jump", 3)]


def test_a_value_in_fahrenheit_is_suspected_where_it_would_be_usual_in_celsius() -> None:
    assert signals([*noisy(5), 68.2, 68.4, *noisy(1)])[0] == ("unit", 5)


@pytest.mark.parametrize("clean", [0, 3])
def test_a_step_within_range_to_what_the_level_is_in_another_unit_is_reported_once(clean: int) -> None:
    """From 10 to 50, which is 10 in Fahrenheit: both lie within the range, and it stays so."""
    temps = [10 + 0.1 * (i % 7) for i in range(36 + clean)] + [50 + 0.18 * (i % 7) for i in range(60)]
    assert [s for s in signals(temps) if s[0] == "unit"] == [("unit", 9 if clean else 8)]


def test_a_step_to_another_level_a_slow_change_and_a_short_one_are_no_other_unit() -> None:
    for level in (40.0, 45.0, 55.0):
        assert [s for s in signals([*noisy(6), *[level] * 30]) if s[0] == "unit"] == []
    ramp = [10 + 40 * min(i / 60, 1) + 0.1 * (i % 3) for i in range(120)]
    assert [s for s in signals(ramp) if s[0] == "unit"] == []
    short = [*([10.0, 10.1] * 18), *[50.0] * 6, *([10.0, 10.1] * 18)]
    assert [s for s in signals(short) if s[0] == "unit"] == []


def test_a_value_out_of_range_in_any_unit_is_reported_once_while_it_lasts() -> None:
    found = signals([*noisy(5), *[900.0] * 12])
    assert [kind for kind, _ in found if kind == "out-of-range"] == ["out-of-range"]


def test_a_step_that_closes_more_panes_than_are_remembered_reports_no_other_pane_in_their_place() -> None:
    """A worker that catches up takes weeks at once: what is remembered then are the newest hours alone."""
    owner = fleet()
    kernel = Kernel(owner)
    state, quality = kernel.start(), QualityMonitor(owner, kernel.plan)
    temps = [*noisy(100), *[20.3] * 6 * 3, *noisy(1), 20.0, 45.0, *noisy(1)]
    values = np.array([[temp, 80.0] for temp in temps], np.float32)
    time_ms = np.arange(len(temps)) * 10 * MINUTE
    windows, _ = kernel.step(state, Samples(("a",), np.zeros(len(temps), np.int32), time_ms, values))
    assert len(windows) > kernel.plan.ring * 2
    found = [(s.kind, s.time_ms // HOUR) for s in quality.closed(state, windows)]
    assert found == [("stuck", 103), ("jump", 105)]
