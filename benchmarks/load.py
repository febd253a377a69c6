"""What the benchmarks feed: a fleet of 70 sensors, one sample a minute, the default windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples
from streams.records import Sample
from streams.stage import Outgoing
from streams.wire import codec

SENSORS, HOUR_MS = 70, 3_600_000
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS


def seventy_sensors(period_s: int = 60) -> Fleet:
    """Return the fleet."""
    sampling = {
        "period_s": period_s,
        "hop_s": 3600,
        "windows_s": [3600, 21600, 86400, 604800],
        "lateness_s": 7200,
    }
    sensors = [
        {"key": f"s{i}", "label": f"s{i}", "unit": "K", "low": -1000.0, "high": 1000.0}
        for i in range(SENSORS)
    ]
    raw = {
        "name": "bench",
        "asset": "unit",
        "asset_pattern": "u[0-9]+",
        "outcome": "stop",
        "horizons_d": [1.0],
        "max_assets": 20_000,
    }
    return parse_fleet(
        {**raw, "sampling": sampling, "alerting": {"horizon_d": 1.0}, "sensors": sensors}, "bench"
    )


FLEET = seventy_sensors()


def hours(assets: int, hours_: int, period_s: int = 60) -> Iterator[Samples]:
    """Yield an hour of all assets at a time; the values repeat from hour to hour."""
    rows = 3600 // period_s
    values = np.random.default_rng(1).normal(20, 5, (assets * rows, SENSORS)).astype(np.float32)
    asset = np.repeat(np.arange(assets, dtype=np.int32), rows)
    time_ms = np.tile(np.arange(rows) * period_s * 1000, assets) + START_MS
    names = tuple(f"u{i}" for i in range(assets))
    for hour in range(hours_):
        yield Samples(names, asset, time_ms + hour * HOUR_MS, values)


def blocks(assets: int, hours_: int, together: int = 1) -> Iterator[Outgoing]:
    """Yield blocks of an hour of 60 samples of ``together`` assets, hour by hour; the last of fewer."""
    for samples in hours(assets, hours_):
        yield from _cut(samples, 60, together)


def _cut(samples: Samples, rows: int, together: int) -> Iterator[Outgoing]:
    """Yield blocks of ``together`` assets, of which each has ``rows`` samples in a row."""
    for first in range(0, len(samples.assets), together):
        at = slice(rows * first, rows * (first + together))
        names, asset = samples.assets[first : first + together], samples.asset[at] - first
        part = Samples(names, asset.astype(np.int32), samples.time_ms[at], samples.values[at])
        yield codec.block("telemetry", part, FLEET.schema)


def samples(assets: int, count: int, first_minute: int = 0) -> Iterator[Outgoing]:
    """Yield single named samples, minute by minute."""
    values: dict[str, float | None] = {s.key: 20.125 + i for i, s in enumerate(FLEET.sensors)}
    for i in range(count):
        name, minute = f"u{i % assets}", first_minute + i // assets
        yield codec.sample("telemetry", Sample(asset=name, time=START_MS + minute * 60_000, values=values))
