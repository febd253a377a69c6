"""A fleet of two sensors whose recordings are read by keys that a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.fleet.fleet import Fleet, parse_fleet


def field_fleet(recording: Mapping[str, Any], *, hold_s: int | None = None, period_s: float = 60) -> Fleet:
    """Two sensors, ``temp`` in °C and ``flow`` in L/s, a sample a minute."""
    held = {} if hold_s is None else {"hold_s": hold_s}
    raw = {
        "name": "field",
        "asset": "pump",
        "asset_pattern": "[A-Z][A-Za-z0-9 -]*",
        "outcome": "stop",
        "horizons_d": [1.0],
        "sampling": {"period_s": period_s, "hop_s": 600, "windows_s": [600, 3600]},
        "alerting": {"horizon_d": 1.0},
        "sensors": [
            {"key": "temp", "label": "temp", "unit": "degC", "low": -50, "high": 200, **held},
            {"key": "flow", "label": "flow", "unit": "L/s", "low": 0, "high": 1e6},
        ],
        "recording": {
            "time": "time",
            "columns": {"temp": {"column": "T"}, "flow": {"column": "F"}},
            **recording,
        },
    }
    return parse_fleet(raw, "field.toml")
