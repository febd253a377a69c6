"""A recording is looked at through a fleet file, and so are the drivers of its expectations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import printed

FLEET = """
name = "pumps"
asset = "pump"
asset_pattern = "P[0-9]"
outcome = "stop"
horizons_d = [7.0]

[sampling]
period_s = 14400
hop_s = 14400
windows_s = [14400, 86400]

[alerting]
horizon_d = 7.0

[running]
sensor = "speed"
above = 5.0

[[expectation]]
drivers = ["speed", "inlet"]
sensors = ["heat"]

[[advice]]
fault = "clogged inlet"
sensors = ["heat"]
check = "the strainer"
codes = ["hot"]

[recording]
asset = "pump"
time = "time"

[recording.columns]
speed = { column = "speed" }
inlet = { column = "inlet" }
heat = { column = "heat" }

[[recording.events]]
column = "stopped"
equals = "hot"
code = "hot"
"""
SENSOR = '[[sensors]]\nkey = "{0}"\nlabel = "{0}"\nunit = "degC"\nlow = -50.0\nhigh = 150.0\n'


@pytest.fixture
def pumps(tmp_path: Path) -> Path:
    """A fleet file, and beside it six pumps of a hundred days, whose inlet is cold before each stop."""
    (tmp_path / "pumps.toml").write_text(
        FLEET + "".join(map(SENSOR.format, ("speed", "inlet", "heat"))), encoding="utf-8"
    )
    rng, lines = np.random.default_rng(5), ["time,pump,speed,inlet,heat,stopped"]
    for pump in range(6):
        for step in range(600):
            fault = 6.0 * (0 <= 40 + pump - step / 6 < 5)
            speed, inlet = 40.0 + 5.0 * rng.normal(), 20.0 + rng.normal() - fault
            stopped = "hot" if step == 6 * (40 + pump) else ""
            time = np.datetime64("2024-01-01T00:00:00") + step * np.timedelta64(4, "h")
            lines.append(f"{time},P{pump},{speed:.2f},{inlet:.2f},{speed + inlet:.2f},{stopped}")
    (tmp_path / "pumps.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_check_names_the_driver_that_a_fault_moves(pumps: Path) -> None:
    found = json.loads(printed("check", str(pumps / "pumps.toml"), str(pumps / "pumps.csv"), "--json"))
    doubts = {
        row["driver"]: (row["fault"], row["shutdowns"], bool(row["doubts"])) for row in found["drivers"]
    }
    assert doubts == {"speed": ("clogged inlet", 6, False), "inlet": ("clogged inlet", 6, True)}


def test_check_says_why_drivers_were_not_looked_at(pumps: Path) -> None:
    text = (pumps / "pumps.csv").read_text(encoding="utf-8").replace(",hot", ",")
    (pumps / "sound.csv").write_text(text, encoding="utf-8")
    found = json.loads(printed("check", str(pumps / "pumps.toml"), str(pumps / "sound.csv"), "--json"))
    assert found["drivers"] == []
    assert "no fault has 5 shutdowns" in found["remarks"][-1]["remark"]
