"""What is frozen of the kernel's memory is what was remembered at that moment, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.state import NEVER
from streams.stage import Incoming
from streams.stages.features import FeatureStage
from streams.stages.frozen_rows import frozen_rows
from tests.support.feature_telemetry import TOPICS, fleet, named, telemetry


def stage_after(messages: Sequence[Incoming], stage: FeatureStage | None = None) -> FeatureStage:
    stage = stage or FeatureStage(fleet(), TOPICS, 1)
    for message in messages:
        list(stage.process([message]))
    return stage


@given(
    st.sampled_from([telemetry, named]),
    st.integers(0, 2**31),
    st.integers(5, 60),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_what_is_frozen_does_not_change_with_what_comes_before_it_is_written(
    source: Callable[[int, int], list[Incoming]], seed: int, hours: int, cuts: list[float]
) -> None:
    messages = source(seed, hours)
    saved, frozen, late = (int(cut * len(messages)) for cut in sorted(cuts))
    one, other = stage_after(messages[:saved]), stage_after(messages[:saved])
    list(one.delta())
    list(other.delta())
    stage_after(messages[saved:frozen], one)
    stage_after(messages[saved:frozen], other)
    taken = one.delta()
    stage_after(messages[frozen:late], one)
    assert list(taken) == list(other.delta())


def test_nothing_is_shared_with_what_goes_on() -> None:
    stage = stage_after(telemetry(1, 40))
    state = stage.state
    rows = np.arange(len(state.assets))
    copied = frozen_rows(state, rows, np.full(len(rows), NEVER)).memory
    for name, array in copied._asdict().items():
        assert not np.shares_memory(array, getattr(state.memory, name)), name


def test_of_panes_that_did_not_change_nothing_is_copied() -> None:
    stage = stage_after(telemetry(1, 60))
    rows = np.arange(len(stage.state.assets))
    newest = frozen_rows(stage.state, rows, stage.state.memory.at[rows] + 1).memory
    whole = frozen_rows(stage.state, rows, np.full(len(rows), NEVER)).memory
    assert not newest.used[1:].any()
    assert newest.used[0] < whole.used[0]
    assert whole.used[1:3].all()
