"""The simulator's speed beside one pass of ``numpy.exp``.

Time is the processor time of this process, all threads together, so that a figure is per core.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.record import record
from models.fleet.fleet import load_fleet
from simulators.chiller.machines import draw_machines, draw_models
from simulators.chiller.physics import steady
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.validation.laboratory import wear

ROOT = Path(__file__).parent.parent
STEPS, ASSETS, REPEATS, DAYS = 96, 128, 40, 365


def physics() -> float:
    """Measure steady states of a day of 128 machines; return ``numpy.exp`` values per second."""
    rng = np.random.default_rng(1)
    models = draw_models(rng, ASSETS)
    machines = draw_machines(rng, models, np.arange(ASSETS), np.full(ASSETS, 18.3))
    load = rng.uniform(0.2, 1.0, (STEPS, ASSETS))
    arguments = machines, load, machines.setpoint_c, 20.0 + 8.0 * load, wear(fouling=0.3)
    steady(*arguments)
    started = time.process_time()
    for _ in range(REPEATS):
        steady(*arguments)
    seconds = time.process_time() - started
    started = time.process_time()
    for _ in range(REPEATS):
        np.exp(load)
    baseline = REPEATS * load.size / (time.process_time() - started)
    record("simulator, physics against numpy.exp", REPEATS * load.size / seconds, baseline, "chiller-steps/s")
    return baseline


def fleet(baseline: float) -> None:
    """Measure a year of 4,000 chillers, hourly, with all seventy points."""
    shipped = load_scenario(ROOT / "fleets" / "scenarios" / "johnson-controls.toml")
    points = load_fleet(ROOT / "fleets" / "chiller.toml")
    hourly = replace(points, sampling=replace(points.sampling, period_s=3600))
    scenario = replace(shipped, period_s=3600, days=DAYS + 1)
    slices = Simulation(scenario, hourly).slices()
    next(slices)
    started = time.process_time()
    steps = sum(len(s.samples) for s in slices)
    seconds = time.process_time() - started
    record("simulator, 4,000 chillers hourly against numpy.exp", steps / seconds, baseline, "chiller-steps/s")
    readings = steps * len(points.keys)
    record("simulator, readings against numpy.exp", readings / seconds, baseline, "readings/s")
    print(f"a fleet-year took {seconds:.0f} s")


if __name__ == "__main__":
    fleet(physics())
