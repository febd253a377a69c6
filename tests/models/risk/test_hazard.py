from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.fleet.training import Training
from models.risk.hazard import calibrate, restore, train
from models.telemetry.labels import HazardRows, hazard_rows
from tests.support.hazard_model import HORIZONS, NAMES, fitted, history


def test_risks_rise_along_the_horizons_and_lie_between_0_and_1() -> None:
    risks = fitted().score(history(2)[0])
    assert (np.diff(risks, axis=1) >= 0).all()
    assert ((risks > 0) & (risks < 1)).all()


def test_the_mean_risk_equals_the_observed_share_on_unseen_windows() -> None:
    features, labels = history(3)
    risks = fitted().score(features)
    for j, horizon in enumerate(HORIZONS):
        assert risks[:, j].mean() == pytest.approx(labels.follows(horizon).mean(), rel=0.25)


def test_thinning_the_negatives_does_not_bias_the_risk() -> None:
    features, labels = history(4)
    risks = fitted(per_positive=3).score(features)
    assert risks[:, -1].mean() == pytest.approx(labels.follows(7.0).mean(), rel=0.25)


def test_a_restored_model_scores_bit_for_bit_the_same() -> None:
    model = fitted()
    features, labels = history(5)
    model = calibrate(model, model.uncalibrated(features), labels)
    again = restore(
        model.booster.model_to_string(),
        parameters=model.parameters(),
        feature_names=NAMES,
        fingerprint=model.fingerprint,
        horizons_d=HORIZONS,
        threshold=model.threshold,
    )
    assert again.score(features).tobytes() == model.score(features).tobytes()


def test_the_same_data_and_seed_give_the_same_booster() -> None:
    assert fitted().booster.model_to_string() == fitted().booster.model_to_string()


def test_contributions_name_the_feature_that_matters() -> None:
    hot = np.array([[2.5, 0.0]], np.float32)
    contribution = fitted().contributions(hot, 2)[0]
    assert contribution[0] > 5 * abs(contribution[1])


def test_a_missing_feature_is_scored_not_refused() -> None:
    risks = fitted().score(np.array([[np.nan, np.nan]], np.float32))
    assert np.isfinite(risks).all()


def test_parameters_that_lightgbm_refuses_are_named() -> None:
    features, labels = history(1)
    with pytest.raises(ModelError, match=r"training\.parameters.*num_leaves"):
        train(
            features,
            hazard_rows(labels, HORIZONS),
            names=NAMES,
            columns=np.arange(2),
            fingerprint="f",
            horizons_d=HORIZONS,
            training=Training(parameters={"num_leaves": 1}),
            seed=1,
        )


def test_a_history_without_outcomes_is_refused_with_what_to_do() -> None:
    rows = HazardRows(np.arange(10), np.zeros(10, np.int32), np.zeros(10, bool))
    with pytest.raises(ModelError, match="0 at-risk windows end in an outcome: expected 5 or more"):
        train(
            np.zeros((10, 2), np.float32),
            rows,
            names=NAMES,
            columns=np.arange(2),
            fingerprint="f",
            horizons_d=HORIZONS,
            training=Training(),
            seed=1,
        )
