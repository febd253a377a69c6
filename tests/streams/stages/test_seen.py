"""What was seen is known again; what is new is not taken for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.features.kernel import Windows
from streams.stages.seen import Seen

HOP_MS, LATE_HOPS = 10, 3


def windows(*keys: tuple[str, int, int]) -> Windows:
    """Return a table of windows with these assets, ends and revisions."""
    asset = np.arange(len(keys), dtype=np.int32)
    end_ms, revision = (np.array([key[i] for key in keys]) for i in (1, 2))
    values = np.zeros((len(keys), 1), np.float32)
    return Windows(tuple(k[0] for k in keys), asset, end_ms, revision.astype(np.int32), values)


def test_a_window_its_correction_and_an_outcome_are_new_once() -> None:
    seen = Seen(LATE_HOPS * HOP_MS)
    first = windows(("a", 10, 0), ("b", 10, 0), ("a", 20, 0), ("a", 10, 1))
    assert seen.new_windows(first).tolist() == [True] * 4
    again = windows(("a", 10, 0), ("a", 10, 1), ("a", 20, 0), ("a", 10, 2), ("b", 20, 0))
    assert seen.new_windows(again).tolist() == [False, False, False, True, True]
    again_too = (("a", 5), ("a", 5), ("b", 5))
    assert [seen.is_new_event(*one, "shutdown") for one in again_too] == [True, False, True]


def test_what_is_remembered_stays_small() -> None:
    seen = Seen(LATE_HOPS * HOP_MS)
    for hop in range(100):
        seen.new_windows(windows(("a", hop * HOP_MS, 0), ("a", hop * HOP_MS, 1)))
        seen.is_new_event("a", hop, "shutdown")
    newest_ms, revisions, events = seen.remember("a")
    assert (newest_ms, len(revisions), len(events)) == (990, LATE_HOPS, 32)


def written(hops: int, late: list[int]) -> Iterator[tuple[str, int, int]]:
    """Yield the windows of one machine in order, each corrected as often, soon after it, as ``late`` says."""
    revisions: dict[int, int] = {}
    for hop in range(1, hops):
        yield "a", hop * HOP_MS, 0
        for back in range(late[hop % len(late)]):
            end_ms = max(hop - back, 1) * HOP_MS
            revisions[end_ms] = revisions.get(end_ms, 0) + 1
            yield "a", end_ms, revisions[end_ms]


@given(
    st.lists(st.integers(0, LATE_HOPS), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=12),
)
def test_however_writers_take_over_each_window_is_new_once(
    late: list[int], turns: list[tuple[int, int]]
) -> None:
    """Each writes some windows, and its successor begins at or before the end of them."""
    all_, end = list(written(20, late)), 0
    log: list[tuple[str, int, int]] = []
    for count, back in [*turns, (len(all_), 0)]:
        start = max(end - back, 0)
        log += all_[start : start + count]
        end = max(end, min(start + count, len(all_)))
    seen, new = Seen(LATE_HOPS * HOP_MS), []
    for key in log:
        restored = Seen(LATE_HOPS * HOP_MS)
        restored.restore("a", seen.remember("a"))
        seen = restored
        new += list(itertools.compress([key], seen.new_windows(windows(key))))
    assert new == all_
