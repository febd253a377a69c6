"""The kernel against one float32 sum over the same array, in one run, and what an asset costs in memory.

Every hour of 60 samples becomes 27 features a sensor: 4 windows, 70 sensors. The two take turns, and
processor time counts, so that a neighbour on the machine disturbs both alike.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from benchmarks.load import SENSORS, hours, seventy_sensors
from benchmarks.record import record
from models.features.kernel import Kernel
from models.telemetry.samples import Samples

ASSETS, WARM, TURN, TURNS = 40, 180, 20, 20
T = TypeVar("T")


def speed() -> None:
    """Feed hours of telemetry of a whole fleet to the kernel, and sum the same array as often."""
    kernel, telemetry = Kernel(seventy_sensors()), hours(ASSETS, WARM + TURN * TURNS)
    state, kernel_s, sum_s = kernel.start(), 0.0, 0.0

    def step(samples: Samples) -> None:
        kernel.step(state, samples)

    taken(step, itertools.islice(telemetry, WARM))
    while turn := list(itertools.islice(telemetry, TURN)):
        kernel_s += taken(step, turn)
        sum_s += taken(lambda samples: samples.values.sum(), turn)
    readings = TURN * TURNS * ASSETS * 60 * SENSORS
    record("kernel against float32.sum()", readings / kernel_s, readings / sum_s, "readings/s")


def taken(what: Callable[[T], object], turn: Iterable[T]) -> float:
    """Return the processor time, in s, that ``what`` takes for each part of a turn."""
    started = time.process_time()
    for part in turn:
        what(part)
    return time.process_time() - started


def memory() -> None:
    """Say what the kernel remembers of an asset after a week, against 1.5 GB over 4,000 of them."""
    for period_s in (60, 900):
        kernel = Kernel(seventy_sensors(period_s))
        state = kernel.start()
        for samples in hours(ASSETS, WARM, period_s):
            kernel.step(state, samples)
        size = state.nbytes / ASSETS
        record(f"memory per asset of {SENSORS} sensors, every {period_s} s", size, 1.5e9 / 4000, "bytes")


if __name__ == "__main__":
    speed()
    memory()
