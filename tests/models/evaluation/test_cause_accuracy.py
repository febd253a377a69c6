from __future__ import annotations

import numpy as np

from models.evaluation.cause_accuracy import Hints, judge_naming, naming_figures
from models.event_time import DAY_MS
from models.telemetry.samples import Event

CODES = ("ice", "oil", "other")
EVENTS = [
    Event(10 * DAY_MS, "a", "shutdown", "oil"),
    Event(20 * DAY_MS, "b", "shutdown", "ice"),
    Event(30 * DAY_MS, "b", "shutdown", "rust"),
    Event(40 * DAY_MS, "c", "shutdown", "oil"),
]
SAID = {(0, 8): (0.2, 0.7, 0.1), (0, 9): (0.6, 0.1, 0.3), (1, 19): (0.3, 0.5, 0.2), (1, 29): (0.1, 0.1, 0.8)}
HINTS = Hints(
    ["a", "b"],
    np.array([a for a, _ in SAID], np.int32),
    np.array([day for _, day in SAID]) * DAY_MS,
    np.array(list(SAID.values())),
    CODES,
)
TAUGHT = {"ice": 6, "oil": 3, "rust": 1}


def test_what_counts_is_what_was_said_last_before_the_moment() -> None:
    early = judge_naming("early", [(EVENTS[0], 8 * DAY_MS + 5)], HINTS, TAUGHT, 7.0)
    late = judge_naming("late", [(EVENTS[0], 9 * DAY_MS)], HINTS, TAUGHT, 7.0)
    assert (early.model.first, late.model.first, late.model.first_two) == (1, 0, 0)


def test_the_most_frequent_cause_of_the_training_slice_is_the_rival() -> None:
    found = judge_naming("a day before", [(e, e.time_ms - DAY_MS) for e in EVENTS], HINTS, TAUGHT, 7.0)
    assert (found.model.outcomes, found.model.first, found.model.first_two) == (3, 1, 2)
    assert (found.usual.first, found.usual.first_two) == (1, 2)
    assert {code: named.first for code, named in found.by_cause.items()} == {"ice": 0, "oil": 0, "rust": 1}
    assert found.log_loss is not None
    assert found.usual_log_loss is not None


def test_a_machine_nobody_scored_and_a_window_beyond_the_horizon_say_nothing() -> None:
    moments = [(EVENTS[3], 39 * DAY_MS), (EVENTS[1], 12 * DAY_MS)]
    found = judge_naming("never", moments, HINTS, TAUGHT, 7.0)
    assert found.model.outcomes == 0
    assert (found.log_loss, found.usual_log_loss) == (None, None)
    assert naming_figures([found]) == {}


def test_figures_are_flat_numbers() -> None:
    found = judge_naming("a day before", [(EVENTS[2], 29 * DAY_MS)], HINTS, TAUGHT, 7.0)
    assert naming_figures([found])["cause_first_a_day_before"] == 1.0
    assert naming_figures([found])["usual_cause_first_a_day_before"] == 0.0
