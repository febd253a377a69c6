"""What drift with a name costs: a reading beside the kernel's, a value and day beside ADWIN's, in one run.

Every sensor of a machine has an expectation, so that a day of 100,800 readings leaves 70 values that are
watched. The three take turns, day by day, and processor time counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np
from river.drift import ADWIN

from benchmarks.kernel import taken
from benchmarks.load import SENSORS, hours, seventy_sensors
from benchmarks.record import record
from models.adaptation.drift import DELTA
from models.adaptation.fleet_drift import FleetDrift
from models.event_time import DAY_MS
from models.features.kernel import Kernel
from models.telemetry.samples import Float32, Samples

MACHINES, OF_KERNEL, WARM_D, DAYS = 320, 40, 35, 20
READINGS = SENSORS * 24 * 60
NAMES = tuple(f"u{i}" for i in range(MACHINES))


def segments_of(asset: str) -> tuple[str, ...]:
    """Return the segments of a machine: four models, two sites."""
    number = int(asset[1:])
    return f"model:{number % 4}", f"site:{number % 8 // 4}"


def watch_day(watch: FleetDrift, day: tuple[int, Float32]) -> None:
    """Show the number of a day and what all machines (M, S) read, and have it judged."""
    number, values = day
    for asset, own in zip(NAMES, values, strict=True):
        watch.observe(asset, number * DAY_MS, own)
    for _ in watch.advance(number * DAY_MS):
        pass


def detect_day(detectors: list[ADWIN], values: list[float]) -> None:
    """Show each detector its value of a day."""
    for detector, value in zip(detectors, values, strict=True):
        detector.update(value)


def turns() -> Iterator[tuple[float, float, float]]:
    """Yield the processor time, in s, of each day: of the kernel, the watch and the detectors."""
    kernel, telemetry = Kernel(seventy_sensors()), hours(OF_KERNEL, 24 * (WARM_D + DAYS))
    state, rng = kernel.start(), np.random.default_rng(1)
    watch = FleetDrift(np.eye(SENSORS, dtype=np.bool_), segments_of)
    detectors = [
        ADWIN(delta=DELTA, clock=1, grace_period=5, min_window_length=5) for _ in range(MACHINES * SENSORS)
    ]

    def step(samples: Samples) -> None:
        kernel.step(state, samples)

    for day in range(1, WARM_D + DAYS + 1):
        values = rng.normal(size=(MACHINES, SENSORS)).astype(np.float32)
        yield (
            taken(step, list(itertools.islice(telemetry, 24))),
            taken(partial(watch_day, watch), [(day, values)]),
            taken(partial(detect_day, detectors), [values.ravel().tolist()]),
        )


def main() -> None:
    """Let days pass that only warm the three, and count the others."""
    kernel_s, watch_s, adwin_s = np.array(list(turns()))[WARM_D:].sum(axis=0).tolist()
    machine_days = MACHINES * DAYS
    of_kernel = 1e9 * kernel_s / (OF_KERNEL * DAYS * READINGS)
    record(
        "drift: a reading, against the kernel's", 1e9 * watch_s / (machine_days * READINGS), of_kernel, "ns"
    )
    watch_us, adwin_us = (1e6 * spent_s / (machine_days * SENSORS) for spent_s in (watch_s, adwin_s))
    record("drift: a value and day, against River's ADWIN", watch_us, adwin_us, "µs")


if __name__ == "__main__":
    main()
