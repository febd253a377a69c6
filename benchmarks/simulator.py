"""The simulator's speed beside one pass of ``numpy.exp``, and its power penalties beside the published."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.record import record
from models.fleet import load_fleet
from models.frames import Float64
from simulators.machines import MODELS, draw_machines, rated
from simulators.physics import Wear, steady
from simulators.scenario import load_scenario
from simulators.simulation import Simulation

ROOT = Path(__file__).parent.parent
STEPS, ASSETS, REPEATS, DAYS = 96, 128, 40, 7
LEAVING_C, ENTERING_C, LOAD = (
    axis.ravel() for axis in np.meshgrid([4.0, 7.8, 11.6], [17.8, 23.9, 30.0], [0.27, 0.6, 1.0])
)
Resistance = Callable[[float], float]
# Coefficients of Cheung & Braun, levels of RP-1043, and how a level enters the model.
PUBLISHED: dict[str, tuple[tuple[float, ...], tuple[float, ...], Resistance]] = {
    "fouling": (
        (-4.278, -0.02031, 0.03281, 0.6404, 0.05028),
        (0.12, 0.2, 0.3, 0.45),
        lambda x: 1.41 * x**1.95,
    ),
    "air": ((-18.86, -0.1033, 0.1616, 0.3135, 3.15), (0.01, 0.02, 0.03, 0.05), lambda x: x),
    "overcharge": ((-8.854, -0.01228, 0.04126, 0.2838, 0.1807), (0.1, 0.2, 0.3, 0.4), lambda x: x),
    "excess_oil": ((-6.513, -0.008258, 0.02976, 0.007701, 0.0), (0.14, 0.32, 0.5, 0.68), lambda x: x),
}


def wear(**faults: float) -> Wear:
    """Return wear of these sizes and no other."""
    return Wear(**{f.name: np.array(faults.get(f.name, 0.0)) for f in fields(Wear)})


def published(fault: str, level: float) -> Float64:
    """Return the published relative increase of power under the 27 conditions (temperatures in K)."""
    c1, c2, c3, c4, c5 = PUBLISHED[fault][0]
    inner = c1 + c2 * (LEAVING_C + 273.15) + c3 * (ENTERING_C + 273.15) + c4 * LOAD + c5 * LOAD**2
    return np.asarray((level * inner) ** 2, np.float64)


def penalties() -> None:
    """Print the increase of power, simulated and published, and the error over all levels."""
    machine = rated(MODELS[0])
    sound = steady(machine, LOAD, LEAVING_C, ENTERING_C, wear()).power_kw
    for fault, (_, levels, size) in PUBLISHED.items():
        pairs = [
            (
                steady(machine, LOAD, LEAVING_C, ENTERING_C, wear(**{fault: size(x)})).power_kw / sound - 1,
                published(fault, x),
            )
            for x in levels
        ]
        error = 100 * np.sqrt(np.mean([(s - p) ** 2 for s, p in pairs]))
        worst = [f"{100 * a[q == LOAD].mean():.1f}" for q in (0.27, 0.6, 1.0) for a in pairs[-1]]
        print(fault, "simulated, published at load 0.27, 0.6, 1.0:", *worst, f"error {error:.1f} points")


def physics() -> float:
    """Measure steady states of a day of 128 machines; return ``numpy.exp`` values per second."""
    rng = np.random.default_rng(1)
    machines, load = draw_machines(rng, ASSETS), rng.uniform(0.2, 1.0, (STEPS, ASSETS))
    arguments = machines, load, machines.setpoint_c, 20.0 + 8.0 * load, wear(fouling=0.3)
    steady(*arguments)
    started = time.perf_counter()
    for _ in range(REPEATS):
        steady(*arguments)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(REPEATS):
        np.exp(load)
    baseline = REPEATS * load.size / (time.perf_counter() - started)
    record("simulator, physics against numpy.exp", REPEATS * load.size / seconds, baseline, "chiller-steps/s")
    return baseline


def fleet(baseline: float) -> None:
    """Measure a week of 4,000 chillers, hourly, with all seventy points, and say what a year would take."""
    shipped = load_scenario(ROOT / "fleets" / "scenarios" / "johnson-controls.toml")
    points = load_fleet(ROOT / "fleets" / "chiller.toml")
    hourly = msgspec.structs.replace(points, sampling=msgspec.structs.replace(points.sampling, period_s=3600))
    scenario = msgspec.structs.replace(shipped, period_s=3600, days=DAYS + 1)
    slices = Simulation(scenario, hourly).slices()
    next(slices)
    started = time.perf_counter()
    steps = sum(len(s.frames) for s in slices)
    seconds = time.perf_counter() - started
    record("simulator, 4,000 chillers hourly against numpy.exp", steps / seconds, baseline, "chiller-steps/s")
    readings = steps * len(points.keys)
    record("simulator, readings against numpy.exp", readings / seconds, baseline, "readings/s")
    print(f"a year would take {seconds / DAYS * 365:.0f} s")


if __name__ == "__main__":
    penalties()
    fleet(physics())
