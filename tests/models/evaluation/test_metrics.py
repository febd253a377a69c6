from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.metrics import average_precision, brier, log_loss, roc_auc

SCORES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


@given(SCORES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    score, label = np.array([float(s) for s, _ in rows]), np.array([y for _, y in rows])
    pairs = [(p > n) + 0.5 * (p == n) for p in score[label] for n in score[~label]]
    assert roc_auc(score, label) == (pytest.approx(np.mean(pairs)) if pairs else None)


@given(SCORES)
def test_average_precision_is_the_area_under_its_steps(rows: list[tuple[int, bool]]) -> None:
    score, label = np.array([float(s) for s, _ in rows]), np.array([y for _, y in rows])
    area, before = 0.0, 0.0
    for level in sorted(set(score), reverse=True):
        flagged = score >= level
        recall = label[flagged].sum() / max(label.sum(), 1)
        area += (recall - before) * label[flagged].mean()
        before = recall
    assert average_precision(score, label) == (pytest.approx(area) if label.any() else None)


def test_missing_scores_are_one_tie_at_the_bottom() -> None:
    """In whatever order their rows stand."""
    label = np.array([True, False, False, False])
    for order in (label, label[::-1]):
        assert average_precision(np.full(4, -np.inf), order) == 0.25
        assert roc_auc(np.full(4, -np.inf), order) == 0.5


def test_losses_of_certain_and_wrong_forecasts() -> None:
    y = np.array([True, False])
    assert brier(np.array([1.0, 0.0]), y) == 0.0
    assert brier(np.array([0.0, 1.0]), y) == 1.0
    assert log_loss(np.array([0.5, 0.5]), y) == pytest.approx(np.log(2))
    assert log_loss(np.empty(0), np.empty(0, bool)) is None


def test_a_probability_of_nought_that_came_true_costs_much_but_not_without_end() -> None:
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(9 * np.log(10))
