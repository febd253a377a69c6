from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from models.risk.causes import OTHER, classes, cross_entropy, numbers_of, temperature_scaled
from models.telemetry.samples import Float32
from tests.support.toy_causes import CODES, oil_and_ice, trained_causes


def vectors(features: Float32) -> Float32:
    """Put the features where the model's columns are, with a third that it must not look at."""
    return np.stack([features[:, 0], np.full(len(features), np.nan, np.float32), features[:, 1]], axis=1)


def test_what_tells_the_causes_apart_is_found_on_windows_never_seen() -> None:
    features, truth = oil_and_ice(3)
    said = trained_causes().score(vectors(features))
    number = numbers_of(truth, CODES)
    assert said.sum(axis=1) == pytest.approx(np.ones(len(said)))
    assert (said.argmax(axis=1) == number).mean() > 0.85
    assert cross_entropy(said, number) < 0.5


def test_the_same_windows_and_seed_give_the_same_trees() -> None:
    assert trained_causes().booster.model_to_string() == trained_causes().booster.model_to_string()


def test_trees_that_were_too_sure_are_cooled_on_later_windows() -> None:
    features, truth = oil_and_ice(4)
    rng = np.random.default_rng(5)
    shuffled = [
        truth[i] if rng.random() < 0.6 else truth[rng.integers(len(truth))] for i in range(len(truth))
    ]
    model = trained_causes()
    raw = model.raw(vectors(features))
    cooled = model.calibrated(raw, shuffled)
    number = numbers_of(shuffled, CODES)
    assert cooled.temperature > 1.5
    scores = [m.score(vectors(features)) for m in (cooled, model)]
    assert cross_entropy(scores[0], number) < cross_entropy(scores[1], number)
    assert (scores[0].argmax(axis=1) == scores[1].argmax(axis=1)).all()
    for other in (0.98, 1.02):
        assert cross_entropy(scores[0], number) < cross_entropy(
            temperature_scaled(raw, other * cooled.temperature), number
        )


def test_without_a_later_window_nothing_is_cooled() -> None:
    model = trained_causes()
    assert model.calibrated(np.empty((0, 3)), []) is model
    assert model.score(np.empty((0, 3), np.float32)).shape == (0, 3)


def test_outcomes_without_a_code_teach_no_cause() -> None:
    assert classes(Counter({"": 90, "oil": 9}), 5) == ()
    assert classes(Counter({"": 90, "oil": 9, "ice": 5, "rust": 4}), 5) == ("ice", "oil", OTHER)
    assert classes(Counter({"oil": 9, "ice": 5}), 5) == ("ice", "oil")
