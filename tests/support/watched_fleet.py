"""A fleet that asks for all there is: long windows, derived points, expectations, rules and advice."""

from __future__ import annotations

import msgspec

from models.features.expectation import Expectation, Fold, Surface
from models.fleet.fleet import Fleet, parse_fleet

MINUTE = 60_000
HOP_MS = 20 * MINUTE
START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000
EXACT, GROUP = 48, 8  # panes of the longest window that begins anywhere, and of a block


def watched() -> Fleet:
    """Return a fleet of three sensors, two samples a pane, windows up to 50 panes and long ones up to 66."""
    sensor = {"unit": "degC", "low": -50.0, "high": 150.0, "stuck_s": 7200, "max_per_minute": 0.6}
    raw = {
        "name": "watched",
        "asset": "toy",
        "asset_pattern": "a[0-9]",
        "outcome": "stop",
        "horizons_d": [1.0],
        "max_assets": 4,
        "sampling": {
            "period_s": 600,
            "hop_s": 1200,
            "windows_s": [1200, 7200, 60_000],
            "long_windows_s": [12_000, 79_200],
            "running_windows_s": [62_400, 72_000],
            "lateness_s": 5400,
        },
        "alerting": {"horizon_d": 1.0},
        "sensors": [{"key": f"s{i}", "label": f"s{i}", **sensor} for i in range(3)],
        "derived": [
            {"key": "gap", "label": "gap", "unit": "K", "low": -9.0, "high": 99.0, "formula": "s0 - s1"},
            {
                "key": "ratio",
                "label": "ratio",
                "unit": "1",
                "low": -9.0,
                "high": 9.0,
                "formula": "s0 / (s1 - 20)",
            },
        ],
        "running": {"sensor": "s2", "above": 17.5},
        "expectation": [
            {"drivers": ["s1"], "sensors": ["s0", "gap"]},
            {"drivers": ["s1", "gap"], "sensors": ["s2"], "relative": True},
        ],
        "rules": [
            {"sensor": "s0", "warn": 22.0, "trip": 26.0},
            {"sensor": "s0", "warn": 18.0, "trip": 10.0},
            {"sensor": "s2", "warn": 0.8, "trip": 0.5, "relative": True},
            {"sensor": "ratio", "warn": 2.0, "trip": 8.0},
        ],
        "advice": [
            {"fault": "a leak", "sensors": ["s0", "s2", "s1"], "check": "look", "falls": ["s2"]},
            {"fault": "dirt", "sensors": ["gap"], "check": "clean"},
        ],
    }
    return parse_fleet(raw, "watched.toml")


EXPECTATION = Expectation(
    sensors=("s0", "gap", "s2"),
    surfaces=(
        Surface(
            drivers=("s1",),
            sensors=("s0", "gap"),
            centre=(20.0,),
            scale=(2.0,),
            coefficients=((20.0, 0.1), (0.5, -1.5), (0.1, 0.2)),
        ),
        Surface(
            drivers=("s1", "gap"),
            sensors=("s2",),
            centre=(20.0, 0.0),
            scale=(2.0, 3.0),
            coefficients=((1.0,), (0.01,), (-0.02,), (0.003,), (0.004,), (0.005,)),
        ),
    ),
    sigma=(1.0, 2.0, 0.1),
    offsets={"a1": (0.5, -0.25, 0.01), "a2": (-0.5, 0.0, 0.0)},
    levels={"a1": (1.0, 1.0, 20.0), "a2": (1.0, 1.0, 19.0)},
)
FOLDS = (
    Fold(
        until_ms=START_MS + 17 * HOP_MS,
        expectation=msgspec.structs.replace(EXPECTATION, sigma=(1.5, 2.5, 0.2), offsets={}),
    ),
)
