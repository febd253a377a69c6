"""Telemetry of a toy fleet with everything that may be wrong with it, as messages."""

from __future__ import annotations

import numpy as np

from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples
from streams.kafka.topics import Topics
from streams.records import Sample, Watermark
from streams.stage import Incoming, Outgoing
from streams.wire import codec

TOPICS = Topics()
MINUTE = 60_000
START = 1_700_000_000_000 // 3_600_000 * 3_600_000


def fleet() -> Fleet:
    return parse_fleet(
        {
            "name": "toy",
            "asset": "toy",
            "asset_pattern": "a[0-9]",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {
                "period_s": 600,
                "hop_s": 3600,
                "windows_s": [3600, 14400, 86400],
                "lateness_s": 5400,
            },
            "alerting": {"horizon_d": 1.0},
            "sensors": [
                {
                    "key": f"s{i}",
                    "label": f"s{i}",
                    "unit": "degC",
                    "low": -50.0,
                    "high": 150.0,
                    "stuck_s": 7200,
                    "max_per_minute": 0.6,
                }
                for i in range(3)
            ],
        },
        "toy",
    )


def telemetry(seed: int, hours: int) -> list[Incoming]:
    """Blocks of three assets with noise, gaps, late samples, duplicates, a unit swap and a long silence.

    Some name assets that have no row.
    """
    rng, out, owner = np.random.default_rng(seed), list[Outgoing](), fleet()
    for step in range(hours * 2):
        for name in ("a1", "a2", "a3"):
            if rng.random() < 0.15 or (name == "a3" and hours // 2 < step < hours + 40):
                continue
            minutes = step * 30 + rng.integers(-90, 30, 4)
            values = rng.normal(20, 2, (4, 3)).astype(np.float32)
            values[rng.random((4, 3)) < 0.05] = rng.choice([np.nan, 302.0])
            names = (name, "a4", "a5", "a6", "a7") if rng.random() < 0.1 else (name,)
            samples = Samples(names, np.zeros(4, np.int32), START + minutes * MINUTE, values)
            out.append(codec.block(TOPICS.telemetry, samples, owner.schema))
        if rng.random() < 0.3:
            out.append(codec.watermark(TOPICS.telemetry, Watermark(START + step * 30 * MINUTE)))
    out.append(codec.watermark(TOPICS.telemetry, Watermark(START + (hours + 2) * 60 * MINUTE, end=True)))
    return [Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate(out)]


def named(seed: int, hours: int) -> list[Incoming]:
    """Single samples: gaps, late ones, doubles, strangers, and hours in which one asset speaks alone."""
    rng, out = np.random.default_rng(seed), list[Outgoing]()
    for step in range(hours * 6):
        for name in ("a1",) if hours < step < hours * 4 else ("a1", "a2", "a3"):
            late = int(rng.choice([1, 2, 12])) if rng.random() < 0.05 else 0
            sample = Sample(asset=name, time=START + (step - late) * 10 * MINUTE, values=readings(rng))
            if rng.random() < 0.9:
                out += [codec.sample(TOPICS.telemetry, sample)] * (2 if rng.random() < 0.05 else 1)
        if rng.random() < 0.05:
            out.append(codec.watermark(TOPICS.telemetry, Watermark(START + (step + 3) * 10 * MINUTE)))
    return [Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate(out)]


def readings(rng: np.random.Generator) -> dict[str, float | None]:
    values: dict[str, float | None] = {f"s{i}": float(v) for i, v in enumerate(rng.normal(20, 2, 3))}
    if rng.random() < 0.05:
        values["s1"] = float(rng.choice([302.0, 68.0, 1e39, 100.0]))
    return {"stranger": 1.0} if rng.random() < 0.02 else values
