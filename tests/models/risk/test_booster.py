from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.risk.booster import check_booster
from models.risk.hazard import RiskModel
from tests.support.hazard_model import fitted
from tests.support.toy_causes import trained_causes


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return fitted()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("split_feature=0", "split_feature=7777777"),
        ("left_child=1", "left_child=99999"),
        ("num_leaves=", "num_leaves=9"),
        ("max_feature_idx=2", "max_feature_idx=9"),
        ("leaf_value=", "leaf_value=x "),
        ("threshold=", "threshold=nan "),
        ("\nTree=", "\nShrub="),
        ("num_leaves=4", "num_leaves=0"),
        ("left_child=-1 2", "left_child=-1 1"),
        ("right_child=1", "right_child=0"),
        ("num_cat=0", "num_cat=1"),
        ("decision_type=2", "decision_type=3"),
        ("is_linear=0", "is_linear=1"),
        ("tree_sizes=", "tree_sizes=9999999 "),
        ("end of trees", "and so on"),
        ("binary", "binär"),
    ],
)
def test_a_booster_that_points_nowhere_is_refused_before_it_is_loaded(
    model: RiskModel, old: str, new: str
) -> None:
    text = model.booster.model_to_string()
    check_booster(text, 3)
    assert old in text
    with pytest.raises(ModelError, match=r"booster\.txt: "):
        check_booster(text.replace(old, new), 3)


def test_a_truncated_booster_is_refused_wherever_it_was_cut(model: RiskModel) -> None:
    text = model.booster.model_to_string()
    end = text.index("end of trees")
    for at in np.linspace(1, end, 60).astype(int).tolist():
        with pytest.raises(ModelError, match=r"booster\.txt: "):
            check_booster(text[:at], 3)


def test_a_booster_of_several_outputs_has_a_tree_for_each_in_every_round() -> None:
    text = trained_causes().booster.model_to_string()
    check_booster(text, 2, outputs=3, name="causes.txt")
    with pytest.raises(ModelError, match=r"causes\.txt: num_class 3: expected 1"):
        check_booster(text, 2, name="causes.txt")
