"""Machines that never say that they run again run again by the fleet's rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Running
from models.learning.restarts import WithRestarts
from models.telemetry.event_log import EventLog
from models.telemetry.labels import is_down
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys
from tests.support.toy_fleet import HOP, fleet_of

FLEET = replace(fleet_of(), running=Running(sensor="s0", above=5.0))
NAMES = ("a", "b")
# of machines a and b, window by window, each as long as a hop: the mean of what tells whether it runs
LEVELS = ((9.0, 9.0), (9.0, 9.0), (7.0, 9.0), (0.0, 0.0), (np.nan, 0.0), (8.0, 8.0), (8.0, 8.0))


class Source:
    """Windows of two machines, all events known from the beginning."""

    expectation = None

    def __init__(self, events: Sequence[Event]) -> None:
        self.events, self.schema = list(events), FeatureSchema(FLEET)

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        del emit_s
        at = self.schema.index("s0", self.schema.windows[0], "mean")
        for i, levels in enumerate(LEVELS):
            values = np.full((2, len(self.schema)), np.nan, np.float32)
            values[:, at] = levels
            ends = np.full(2, (i + 1) * HOP)
            assert ends[0] <= end_ms
            yield Windows(NAMES, np.arange(2, dtype=np.int32), ends, np.zeros(2, np.int32), values)

    def keys(self, windows: Windows) -> WindowKeys:
        return WindowKeys(NAMES, windows.asset, windows.end_ms)


def restarts(events: Sequence[Event], fleet: Fleet = FLEET) -> list[Event]:
    history = WithRestarts(Source(events), fleet)
    assert len(list(history.until(1 << 40))) == len(LEVELS)
    return [event for event in history.events if event not in events]


TRIP = Event(2 * HOP + HOP // 2, "a", "shutdown")


def test_a_machine_runs_again_with_its_first_window_after_the_outcome_above_the_level() -> None:
    """The window in which it tripped had a high mean, too, and says nothing of afterwards."""
    assert restarts([TRIP]) == [Event(6 * HOP, "a", "restart", "running")]


def test_a_machine_that_logs_its_restarts_is_taken_at_its_word() -> None:
    assert restarts([TRIP, Event(9 * HOP, "a", "restart")]) == []


def test_without_a_rule_nothing_is_told() -> None:
    assert restarts([TRIP], replace(FLEET, running=None)) == []


def test_its_windows_are_left_out_until_then_and_no_longer() -> None:
    history = WithRestarts(Source([TRIP]), FLEET)
    parts = [history.keys(windows) for windows in history.until(1 << 40)]
    down = [is_down(keys, EventLog(history.events)).tolist() for keys in parts]
    assert [own for own, _ in down] == [False, False, True, True, True, False, False]
    assert not any(other for _, other in down)
