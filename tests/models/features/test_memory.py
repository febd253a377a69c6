from __future__ import annotations

import numpy as np

from models.features.kernel import Kernel
from models.features.memory import KernelState
from models.features.snapshot import Loader, head_of, kept_of, panes_of
from models.features.state import NEVER
from models.telemetry.samples import Samples
from tests.support.toy_fleet import MINUTE, fleet_of

SENSORS, NAMES = 60, 500
KERNEL = Kernel(fleet_of(lateness_s=600, sensors=SENSORS))


def sent(names: int, minutes: list[int]) -> Samples:
    """Return one sample of each machine in each of the minutes."""
    asset = np.repeat(np.arange(names, dtype=np.int32), len(minutes))
    time_ms = np.tile(np.array(minutes, np.int64) * MINUTE, names)
    values = np.full((len(asset), SENSORS), 20.0, np.float32)
    return Samples(tuple(f"n{i}" for i in range(names)), asset, time_ms, values)


def restored(state: KernelState) -> KernelState:
    """Return a state that was saved, and given back part by part."""
    out = KERNEL.start()
    loader = Loader(out)
    for row, name in enumerate(state.assets):
        for kept in kept_of(state, row, NEVER):
            loader.kept(name, kept)
        for panes in panes_of(state, row, NEVER):
            loader.panes(name, panes)
        loader.head(name, head_of(state, row))
    loader.finish()
    return out


def test_a_machine_costs_what_it_sent_not_what_it_might() -> None:
    seldom, often = KERNEL.start(), KERNEL.start()
    KERNEL.step(seldom, sent(NAMES, [0]))
    KERNEL.close(seldom, 60 * MINUTE)
    KERNEL.step(often, sent(NAMES, list(range(400))))
    assert seldom.nbytes / NAMES < 4 * (4 + 1 + 2) * SENSORS + 1000  # a pane, a sample, and the tables
    assert often.nbytes > 10 * seldom.nbytes


def test_memory_that_somebody_holds_is_copied_and_nothing_is_lost() -> None:
    state, alone = KERNEL.start(), KERNEL.start()
    held = []
    for minute in range(40):
        held.append(state.memory)
        windows, _ = KERNEL.step(state, sent(1 + minute, [minute]))
        expected, _ = KERNEL.step(alone, sent(1 + minute, [minute]))
        assert windows.values.tobytes() == expected.values.tobytes()


def test_silence_costs_nothing_and_what_came_is_not_kept_twice() -> None:
    state = KERNEL.start()
    KERNEL.step(state, sent(1, [0]))
    KERNEL.close(state, 60 * MINUTE)
    before = state.memory.used.copy()
    KERNEL.step(state, sent(1, [300]))
    assert (state.memory.used - before).sum() <= 3  # a sample, its pane, and the block of the one before
    full = KERNEL.start()
    for minute in range(400):
        KERNEL.step(full, sent(1, [minute]))
    taken = full.memory.used.copy()
    for minute in range(400, 800):
        KERNEL.step(full, sent(1, [minute]))
    assert full.memory.used.tolist() == taken.tolist()


def test_what_is_given_back_costs_no_more_than_what_was_saved() -> None:
    state = KERNEL.start()
    KERNEL.step(state, sent(NAMES, [0, 7, 90]))
    assert (restored(state).memory.used <= state.memory.used).all()
    assert restored(state).nbytes <= 1.1 * state.nbytes
