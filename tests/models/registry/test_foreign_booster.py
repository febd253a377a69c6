from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.registry.foreign_booster import adopt
from tests.support.foreign_boosters import SCHEMA, foreign_booster, two_features


def test_a_booster_over_some_features_scores_as_it_does_alone() -> None:
    own = foreign_booster(two_features(), 2)
    model = adopt(own.model_to_string(), SCHEMA, threshold=0.3)
    rows = np.random.default_rng(2).normal(size=(50, len(SCHEMA))).astype(np.float32)
    risks = model.score(rows)
    np.testing.assert_allclose(risks[:, SCHEMA.fleet.horizon], own.predict(rows[:, [3, 0]]), rtol=1e-9)
    assert (np.diff(risks, axis=1) >= 0).all()
    assert model.threshold == 0.3
    assert model.contributions(rows, SCHEMA.fleet.horizon).shape == rows.shape


def test_a_booster_without_names_takes_every_feature_in_order() -> None:
    own = foreign_booster(None, len(SCHEMA))
    rows = np.zeros((1, len(SCHEMA)), np.float32)
    model = adopt(own.model_to_string(), SCHEMA, threshold=0.3)
    assert model.score(rows)[0, -1] == pytest.approx(own.predict(rows)[0])


def test_a_booster_whose_last_input_is_the_interval_gives_hazards() -> None:
    model = adopt(foreign_booster([*two_features(), "interval"], 3).model_to_string(), SCHEMA, threshold=0.3)
    assert model.spread_d is None
    assert model.columns.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda: "not a model", "no feature_names: expected a model"),
        (
            lambda: foreign_booster(["x", "y"], 2).model_to_string(),
            "input 'x': expected features of fleet toy",
        ),
        (
            lambda: foreign_booster(None, 2).model_to_string(),
            f"2 inputs without names: expected all {len(SCHEMA)}",
        ),
        (
            lambda: foreign_booster(two_features(), 2, objective="regression").model_to_string(),
            "objective regression: expected a probability",
        ),
        (
            lambda: (
                foreign_booster(two_features(), 2).model_to_string().replace("left_child=", "left_child=9")
            ),
            "left_child",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(text: object, reason: str) -> None:
    assert callable(text)
    with pytest.raises(ModelError, match=reason):
        adopt(text(), SCHEMA, threshold=0.3)


def test_a_threshold_is_a_probability() -> None:
    with pytest.raises(ModelError, match="threshold 30: expected a probability"):
        adopt(foreign_booster(two_features(), 2).model_to_string(), SCHEMA, threshold=30)
