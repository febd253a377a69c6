"""Days of samples that tell asset, minute and sensor apart, and every kind of dirt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Samples, TimeSlice
from simulators.dirt.dirt import Dirt
from tests.support.toy_fleet import MINUTE, fleet_of

S, DAYS, PERIODS = 4, 6, 1440
NAMES = ("a", "b", "c", "d", "e")
FLEET: Fleet = replace(
    fleet_of(sensors=S),
    sensors=tuple(replace(s, unit="bar") for s in fleet_of(sensors=S).sensors),
)
SHARES: dict[str, Any] = {"missing_samples": 0.05, "missing_values": 0.05, "zeros": 0.02, "late": 0.05}
ALL = Dirt(**SHARES, out_of_order=0.02, duplicates=0.02, skew_s=30.0, hour_errors=15.0, unit_swaps=15.0)


def clean(span_ms: int = DAY_MS, assets: int = len(NAMES)) -> Iterator[TimeSlice]:
    """Days of samples every minute whose values tell asset, minute and sensor apart."""
    for start_ms in range(DAY_MS, (DAYS + 1) * DAY_MS, span_ms):
        minutes = np.arange(start_ms // MINUTE, (start_ms + span_ms) // MINUTE)
        asset = np.repeat(np.arange(assets, dtype=np.int32), len(minutes))
        minute = np.tile(minutes, assets)
        values = (100_000 * asset + minute)[:, None] + np.arange(S) / 8 + 1.0
        samples = Samples(NAMES[:assets], asset, minute * MINUTE, values.astype(np.float32))
        yield TimeSlice(start_ms, start_ms + span_ms, samples, (Event(start_ms, "a", "shutdown"),))
