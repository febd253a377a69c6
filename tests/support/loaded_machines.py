"""Machines whose one sensor follows load and weather by a known surface, each with an offset of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.fleet.fleet import Fleet
from models.fleet.knowledge import Expected, Running
from models.fleet.points import Sensor
from models.telemetry.samples import Float32, Float64, Int32, Samples, TimeSlice
from tests.support.toy_fleet import fleet_of

HOP_MS = 240_000
NAMES = ("a", "b", "c")
SHIFT = {"a": 2.0, "b": -1.0, "c": 0.0}
NOISE = 0.5
A_DAY = 30  # samples of each machine, of those that are looked at


def machines() -> Fleet:
    """A fleet whose ``head`` follows load and weather; it runs while its current is above 5."""
    keys = {"load": 120.0, "weather": 60.0, "head": 1000.0, "amps": 100.0}
    return replace(
        fleet_of(),
        sensors=tuple(Sensor(key=k, label=k, unit="K", low=-high, high=high) for k, high in keys.items()),
        running=Running(sensor="amps", above=5.0),
        expectation=(Expected(drivers=("load", "weather"), sensors=("head",)),),
    )


def surface(load: Float64, weather: Float64) -> Float64:
    return 200 + 1.5 * load + 3 * weather + 0.01 * load**2 - 0.02 * load * weather


@dataclass
class Rows:
    asset: Int32
    values: Float32


def rows(n: int, seed: int = 1, noise: float = NOISE) -> Rows:
    rng = np.random.default_rng(seed)
    asset = rng.integers(0, 3, n).astype(np.int32)
    load, weather = rng.uniform(20, 100, n), rng.uniform(5, 40, n)
    own = np.array([SHIFT[NAMES[a]] for a in asset])
    head = surface(load, weather) + own + rng.normal(0, noise, n)
    return Rows(asset, np.stack([load, weather, head, np.full(n, 50.0)], axis=1).astype(np.float32))


def slices(found: Rows, parts: int = 3) -> list[TimeSlice]:
    """Spread rows over the hops that are looked at: the first sample of each fourth."""
    out = []
    for chosen in np.array_split(np.arange(len(found.asset)), parts):
        time_ms = chosen * 4 * HOP_MS
        samples = Samples(NAMES, found.asset[chosen], time_ms, found.values[chosen])
        out.append(TimeSlice(int(time_ms[0]), int(time_ms[-1]) + HOP_MS, samples))
    return out
