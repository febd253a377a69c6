"""The kernel against one float32 sum over the same array, in one run.

Writes ``.chillcast/bench.json``: a list of objects with ``name``, ``value`` (readings a second), ``baseline``
(the same for the sum) and ``ratio`` (baseline / value).
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from models.fleet import load_fleet
from models.frames import Frames
from models.kernel import Kernel

ROOT = Path(__file__).parent.parent
ASSETS, DAYS = 100, 20


def measure() -> dict[str, object]:
    """Feed days of telemetry of a whole fleet to the kernel."""
    fleet = load_fleet(ROOT / "fleets" / "monash.toml")
    kernel = Kernel(fleet)
    state, slots = kernel.start(), 24 * kernel.slots
    middle = (kernel.low + kernel.high) / 2
    rng = np.random.default_rng(1)
    values = (middle + rng.normal(0, 0.01, (ASSETS * slots, len(middle)))).astype(np.float32)
    asset = np.repeat(np.arange(ASSETS), slots).astype(np.int32)
    time_ms = np.tile(np.arange(slots) * kernel.period_ms, ASSETS) + 86_400_000
    names = tuple(f"CH-{i}" for i in range(ASSETS))
    started = time.perf_counter()
    for day in range(DAYS):
        kernel.step(state, Frames(names, asset, time_ms + day * 86_400_000, values))
    kernel_s = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(DAYS):
        values.sum()
    sum_s = time.perf_counter() - started
    readings = DAYS * values.size
    return {
        "name": "kernel, readings/s against one float32 sum",
        "value": readings / kernel_s,
        "baseline": readings / sum_s,
        "ratio": kernel_s / sum_s,
    }


if __name__ == "__main__":
    result = measure()
    path = ROOT / ".chillcast" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([result], indent=2) + "\n", encoding="utf-8")
    print("{name}: {value:.3g} against {baseline:.3g}, ratio {ratio:.0f}".format(**result))
