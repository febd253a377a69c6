"""A fleet of a few sensors without a name, and samples of it: the smallest that a kernel can work on."""

from __future__ import annotations

import numpy as np

from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples

MINUTE = 60_000
HOP = 4 * MINUTE


def fleet_of(lateness_s: int = 0, sensors: int = 2, windows_s: tuple[int, ...] = (240, 720, 1920)) -> Fleet:
    raw = {
        "name": "toy",
        "asset": "toy",
        "asset_pattern": ".+",
        "outcome": "stop",
        "horizons_d": [1.0],
        "sampling": {
            "period_s": 60,
            "hop_s": 240,
            "windows_s": list(windows_s),
            "lateness_s": lateness_s,
        },
        "alerting": {"horizon_d": 1.0},
        "sensors": [
            {"key": f"s{i}", "label": f"s{i}", "unit": "K", "low": -1000.0, "high": 1000.0}
            for i in range(sensors)
        ],
    }
    return parse_fleet(raw, "toy.toml")


def samples_of(rows: list[tuple[int, int, float]], sensors: int = 2) -> Samples:
    """Rows of (asset number, minute, value); sensor i reads value + i."""
    values = np.array([[v + i for i in range(sensors)] for _, _, v in rows], np.float32).reshape(-1, sensors)
    time_ms = np.array([m * MINUTE for _, m, _ in rows], np.int64)
    return Samples(("a", "b", "c"), np.array([a for a, _, _ in rows], np.int32), time_ms, values)
