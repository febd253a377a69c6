"""A fleet whose telemetry other programs write, and what they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.fleet.fleet import Fleet, parse_fleet

AT = 1_709_251_200_000  # 2024-03-01 00:00 UTC
RECORDED = Path(__file__).parents[1] / "streams/wire/recorded"


def fleet(**telemetry: Any) -> Fleet:
    sensors = [
        {"key": key, "label": key, "unit": unit, "low": -50.0, "high": 200.0}
        for key, unit in (("temp", "degC"), ("flow", "L/s"), ("on", "1"))
    ]
    return parse_fleet(
        {
            "name": "pumps",
            "asset": "pump",
            "asset_pattern": "P.*",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {"period_s": 60, "hop_s": 600, "windows_s": [600]},
            "alerting": {"horizon_d": 1.0},
            "sensors": sensors,
            "telemetry": telemetry,
        },
        "pumps.toml",
    )
