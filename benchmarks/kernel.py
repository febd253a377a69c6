"""The kernel against one float32 sum over the same array, in one run, and what an asset costs in memory.

Every hour of 60 samples becomes 27 features a sensor: 4 windows, 70 sensors.
"""

from __future__ import annotations

import time

from benchmarks.load import SENSORS, hours, seventy_sensors
from benchmarks.record import record
from models.kernel import Kernel

ASSETS, WARM, MEASURED = 40, 180, 200


def speed() -> None:
    """Feed hours of telemetry of a whole fleet to the kernel."""
    kernel = Kernel(seventy_sensors())
    state, values = kernel.start(), next(hours(1, 1)).values
    for i, frames in enumerate(hours(ASSETS, WARM + MEASURED)):
        if i == WARM:
            started = time.perf_counter()
        kernel.step(state, frames)
        values = frames.values
    kernel_s = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(MEASURED):
        values.sum()
    sum_s = time.perf_counter() - started
    readings = MEASURED * values.size
    record("kernel against float32.sum()", readings / kernel_s, readings / sum_s, "readings/s")


def memory() -> None:
    """Say what the kernel remembers of an asset, against 1.5 GB over 4,000 of them."""
    for period_s in (60, 900):
        kernel = Kernel(seventy_sensors(period_s))
        state = kernel.start()
        kernel.step(state, next(hours(100, 1, period_s)))
        size = state.nbytes / len(state.memory.at)
        record(f"memory per asset of {SENSORS} sensors, every {period_s} s", size, 1.5e9 / 4000, "bytes")


if __name__ == "__main__":
    speed()
    memory()
