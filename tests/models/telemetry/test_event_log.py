from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys

ASSETS = ("a", "b", "c")
EVENTS = st.lists(
    st.builds(
        Event, st.integers(0, 30), st.sampled_from(["a", "b", "x"]), st.sampled_from(["shutdown", "restart"])
    )
)
WINDOWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)))


def keys_of(windows: list[tuple[int, int]]) -> WindowKeys:
    asset = np.array([a for a, _ in windows], np.int32)
    return WindowKeys(ASSETS, asset, np.array([end for _, end in windows], np.int64))


@given(EVENTS, WINDOWS)
def test_the_next_event_comes_after_the_window_and_the_last_at_or_before_its_end(
    events: list[Event], windows: list[tuple[int, int]]
) -> None:
    log, keys = EventLog(events), keys_of(windows)
    following, before = log.next_after(keys), log.last_until(keys)
    for i, (asset, end_ms) in enumerate(windows):
        own = [n for n, e in enumerate(log) if e.asset == ASSETS[asset]]
        assert following[i] == next((n for n in own if log[n].time_ms > end_ms), -1)
        assert before[i] == next((n for n in reversed(own) if log[n].time_ms <= end_ms), -1)


@given(EVENTS, st.sampled_from(["a", "b", "c"]), st.integers(0, 30), st.integers(0, 9))
def test_what_follows_a_moment_falls_into_the_horizon_after_it(
    events: list[Event], asset: str, time_ms: int, horizon_ms: int
) -> None:
    inside = [e for e in events if e.asset == asset and time_ms < e.time_ms <= time_ms + horizon_ms]
    assert EventLog(events).follows(asset, time_ms, horizon_ms) == bool(inside)


@given(EVENTS)
def test_events_stand_in_order_of_time_whatever_order_they_came_in(events: list[Event]) -> None:
    assert list(EventLog(events)) == sorted(events)
    assert list(EventLog(events).outcomes) == [e for e in sorted(events) if e.kind == "shutdown"]


def test_a_span_is_open_at_its_start_and_closed_at_its_end() -> None:
    log = EventLog(Event(t, "a", "restart") for t in (1, 2, 3))
    assert [e.time_ms for e in log.between(1, 2)] == [2]


def test_a_log_without_events_knows_of_none() -> None:
    keys = keys_of([(0, 5)])
    assert (EventLog().next_after(keys).tolist(), len(EventLog())) == ([-1], 0)
