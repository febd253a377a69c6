from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.learning.fitting import Fitted
from models.learning.training_set import Examples
from models.learning.tuning import tune
from tests.support.rising_fleet import EVENTS, UNTIL, fitted, fleet, slices

_RANGES = {
    "learning_rate": (0.01, 0.2),
    "num_leaves": (4, 63),
    "min_data_in_leaf": (20, 500),
    "lambda_l2": (0.01, 100.0),
    "feature_fraction": (0.1, 1.0),
}


def slow() -> Fleet:
    """Return a fleet whose own parameters are easily bettered."""
    own = replace(fleet().training, parameters={"num_leaves": 4, "learning_rate": 0.001})
    return replace(fleet(), training=own)


def tuned(said: list[str], *, trials: int = 4, seed: int = 7, late: bool = True) -> Fitted:
    split_ms = int(0.75 * UNTIL * DAY_MS)
    events = [e for e in EVENTS if late or e.time_ms < split_ms + DAY_MS]
    search = functools.partial(tune, trials=trials, seed=seed, report=said.append)
    return fitted(slices(events), slow(), seed=seed, search=search)


@pytest.fixture(scope="module")
def found() -> tuple[Fitted, list[str]]:
    said: list[str] = []
    return tuned(said), said


def test_the_same_history_and_seed_find_the_same_parameters(found: tuple[Fitted, list[str]]) -> None:
    said: list[str] = []
    again = tuned(said)
    assert (again.training, said) == (found[0].training, found[1])
    assert again.model.booster.model_to_string() == found[0].model.booster.model_to_string()
    assert tuned([], seed=8).training.parameters != again.training.parameters


def test_what_was_found_is_used_and_lies_within_what_is_searched(found: tuple[Fitted, list[str]]) -> None:
    training = found[0].training
    assert 1 <= training.rounds <= fleet().training.rounds
    assert training.early_stopping is None
    for name, (low, high) in _RANGES.items():
        assert low <= float(training.parameters[name]) <= high


def test_every_trial_is_told_of_and_the_first_is_as_given(found: tuple[Fitted, list[str]]) -> None:
    *each, best = found[1]
    assert [line.split(":")[0] for line in each] == [f"trial {n} of 4" for n in (1, 2, 3, 4)]
    assert each[0].endswith("trees, as given")
    lowest = min(line.split("log-loss ")[1].split(",")[0] for line in each)
    assert best.endswith(f"of 4 is best, log-loss {lowest}")


def test_a_search_sees_nothing_of_the_later_slice(found: tuple[Fitted, list[str]]) -> None:
    said: list[str] = []
    assert tuned(said, late=False).training == found[0].training
    assert said == found[1]


def test_the_parameters_of_the_fleet_file_are_the_first_to_be_tried() -> None:
    """A search of one trial can so do no harm."""
    assert tuned([], trials=1).training.parameters == slow().training.parameters


def test_a_search_is_judged_where_early_stopping_is() -> None:
    seen: list[tuple[int, int]] = []

    def note(examples: Examples, start_ms: int, split_ms: int) -> Training:
        seen.append((start_ms, split_ms))
        return replace(examples.fleet.training, rounds=5)

    made = fitted(slices(EVENTS), fleet(), search=note)
    assert seen == [(0, int(0.75 * UNTIL * DAY_MS))]
    assert made.training.rounds == 5
    assert made.model.booster.num_trees() == 5 < fitted(slices(EVENTS), fleet()).model.booster.num_trees()
