from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.adaptation.online import OnlineRisk, Pending
from models.evaluation.metrics import log_loss
from models.event_time import DAY_MS


def follow(shift: float, n: int = 12_000) -> tuple[float, float]:
    """Return the log-loss, over the later half, of the adapted and of the champion's risk."""
    rng = np.random.default_rng(5)
    logit = rng.normal(-4, 1.5, n)
    label = rng.random(n) < expit(logit + shift)
    layer, adapted = OnlineRisk(), np.empty(n)
    for i in range(n):
        adapted[i] = layer.score(float(logit[i]))
        layer.learn(float(logit[i]), bool(label[i]))
    later = slice(n // 2, n)
    own, champion = log_loss(adapted[later], label[later]), log_loss(expit(logit[later]), label[later])
    assert own is not None
    assert champion is not None
    return own, champion


@pytest.mark.parametrize("log_odds", [-40.0, -3.0, 0.0, 2.0])
def test_before_the_first_label_it_is_the_champion(log_odds: float) -> None:
    assert OnlineRisk().score(log_odds) == pytest.approx(float(expit(np.array([log_odds]))[0]))


@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_after_a_change_of_the_base_rate_it_beats_the_champion(shift: float) -> None:
    adapted, champion = follow(shift)
    assert adapted < 0.8 * champion


def test_where_nothing_changed_it_stays_near_the_champion() -> None:
    adapted, champion = follow(0.0)
    assert adapted < 1.02 * champion


def test_the_weight_starts_at_one_and_moves_with_labels() -> None:
    layer = OnlineRisk()
    assert (layer.weight, layer.intercept) == (1.0, 0.0)
    layer.learn(-2.0, label=True)
    assert layer.intercept > 0


def test_a_label_matures_when_its_horizon_has_passed_and_not_before() -> None:
    pending = Pending(7 * DAY_MS)
    pending.observe("a", DAY_MS, -1.0)
    pending.event("a", 5 * DAY_MS)
    assert pending.mature(8 * DAY_MS - 1) == []
    assert [(m.asset, m.label) for m in pending.mature(8 * DAY_MS)] == [("a", True)]
    assert len(pending) == 0


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 40)))
def test_matured_labels_are_those_of_the_definition(ends: list[int], trips: list[int]) -> None:
    pending = Pending(7)
    for day in range(60):
        for trip in trips:
            if trip == day:
                pending.event("a", trip)
        if day in ends:
            pending.observe("a", day, 0.0)
        for matured in pending.mature(day):
            assert matured.end_ms == day - 7
            assert matured.label == any(0 < t - matured.end_ms <= 7 for t in trips)
    assert len(pending) == 0
