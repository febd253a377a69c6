"""An instrument that fails shows it in its own readings, from its beginning to its end, and nowhere else."""

from datetime import date

import numpy as np
import pytest

from models.telemetry.samples import Float32
from simulators.chiller.instrument_faults import INSTRUMENT_FAULT_KINDS, InstrumentFaults
from simulators.clock import Clock
from simulators.truth import FaultRecord, Truth

CLOCK = Clock(date(2025, 1, 1), 3600)
ASSETS = tuple(f"CH-{i:04d}" for i in range(20))
SCALE = np.array([(0.1, 0.0, 0.1, -50.0, 150.0), (0.0, 0.0, 1.0, 0.0, 1.0)], np.float32)
DAYS = 60


def run(kind: str) -> tuple[Float32, Float32, list[FaultRecord]]:
    """Return what was shown (A, time, P) before and after the faults, and the truth."""
    truth, faults = Truth(), InstrumentFaults(np.random.default_rng(1), {kind: 6.0}, SCALE, ASSETS)
    sound = np.random.default_rng(2).normal(20.0, 3.0, (DAYS, len(ASSETS), CLOCK.steps, 2)).astype(np.float32)
    shown = sound.copy()
    for day in range(DAYS):
        faults.day(CLOCK, day, shown[day], truth)
    stacked = [np.concatenate(list(x), axis=1) for x in (sound, shown)]
    return stacked[0], stacked[1], truth.faults


@pytest.mark.parametrize("kind", [k.key for k in INSTRUMENT_FAULT_KINDS])
def test_only_noisy_readings_change_and_only_while_the_truth_says_so(
    kind: str,
) -> None:
    sound, shown, truth = run(kind)
    assert len(truth) > 5
    under_way = np.zeros(sound.shape[:2], bool)
    for fault in truth:
        assert fault.kind == kind
        at_ms = CLOCK.start_ms(0) + np.arange(sound.shape[1]) * 3_600_000
        end_ms = fault.end_ms or at_ms[-1] + 1
        under_way[ASSETS.index(fault.asset)] |= (at_ms >= fault.begin_ms) & (at_ms <= end_ms)
    changed = (sound != shown) & ~(np.isnan(sound) & np.isnan(shown))
    assert changed[..., 0].any()
    assert not changed[~under_way].any()
    assert not changed[..., 1].any()


def test_a_stuck_instrument_repeats_one_reading() -> None:
    sound, shown, _ = run("sensor_stuck")
    for row in np.flatnonzero((sound != shown).any(axis=(1, 2))):
        wrong = shown[row, (sound != shown)[row, :, 0], 0]
        assert len(set(wrong.tolist())) <= 4
