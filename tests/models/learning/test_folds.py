"""Thresholds and calibration out of fold, and learning that begins with a pre-trained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.alerting.cases import RiskSeries, Settled, cases_of, false_cases
from models.alerting.hysteresis import HysteresisPolicy
from models.errors import ModelError
from models.evaluation.metrics import roc_auc
from models.features.evidence import Evidence
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted, KnownHistory
from models.learning.folds import fold_of, out_of_fold, staged
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.learning.pretrained import Pretrained, load_pretrained
from models.registry.bundle import load_bundle, write_bundle
from models.risk.hazard import RiskModel
from models.telemetry.event_log import EventLog
from tests.support.rising_fleet import ASSETS, EVENTS, fitted, fleet, ignore, plan, slices, written


def folded(**changes: Any) -> Fleet:
    toy = fleet()
    return replace(toy, training=replace(toy.training, calibration_folds=2, **changes))


def known(toy: Fleet, **changes: Any) -> tuple[TrainingPlan, KnownHistory]:
    planned = plan(toy, **changes)
    return planned, KnownHistory(planned, History(toy, slices(EVENTS)), ignore)


@pytest.fixture(scope="module")
def elsewhere() -> Pretrained:
    """A model of the same features that was learnt on the same kind of machines, from other days."""
    return Pretrained(fitted(slices(EVENTS), fleet()).model, "5" * 64)


@pytest.fixture(scope="module")
def learnt() -> Fitted:
    return fitted(slices(EVENTS), folded())


def test_every_machine_is_scored_by_who_has_not_seen_it() -> None:
    planned, past = known(folded())
    examples = past.examples(past.gather())
    found = out_of_fold(planned, examples, folded().training)
    folds = fold_of(examples.keys.assets, 2)[examples.keys.asset]
    rows = examples.at_risk(planned.start_ms, planned.until_ms)
    other = examples.fit(rows.take(folds[rows.row] == 1), folded().training, planned.seed)
    mine = np.flatnonzero(folds == 0)
    assert np.allclose(found.risk[mine], other.of_columns(examples.features[mine]))
    assert set(folds.tolist()) == {0, 1}


def test_the_threshold_keeps_to_the_budget_over_the_whole_history(learnt: Fitted) -> None:
    planned, past = known(folded())
    examples = past.examples(past.gather())
    found = out_of_fold(planned, examples, folded().training)
    risk = learnt.model.calibrated(found.risk)[:, 1]
    series = RiskSeries(*examples.keys.columns, risk)
    alerting, log = planned.fleet.alerting, EventLog(past.history.events)
    settled = Settled(alerting, int(series.end_ms.min()), int(series.end_ms.max()))
    cases = settled.counted(cases_of(HysteresisPolicy(alerting, learnt.model.threshold), series, log))
    years = len(ASSETS) * settled.years
    assert len(false_cases(cases, log, alerting.case_ms)) / years <= alerting.false_alarms_per_asset_year
    assert learnt.metrics["calibration_roc_auc"] > 0.8
    assert len(learnt.model.lines) == 2


def test_risks_out_of_fold_stand_on_what_was_seen_of_points_that_the_model_may_not_use() -> None:
    toy = folded(features=("s0.*.min",))
    planned, past = known(toy)
    gathered = past.gather()
    examples = past.examples(gathered)
    found = out_of_fold(planned, examples, toy.training)
    models, risks = past.settle(past.train(examples, toy.training), gathered, found)
    evidence = Evidence.from_gains(past.history.schema, models.fleet.gains())
    vectors = [
        part.values[~past.down(past.history.keys(part))]
        for part in History(toy, slices(EVENTS)).until(planned.until_ms)
    ]
    assert risks.evidence.tolist() == evidence.of(np.concatenate(vectors)).tolist()
    assert len(past.kept) > len(past.allowed)


def test_a_fleet_without_folds_has_a_later_slice(learnt: Fitted) -> None:
    assert plan(folded()).split_ms == plan(folded()).until_ms
    assert plan(fleet()).split_ms < plan(fleet()).until_ms
    assert learnt.training.rounds == folded().training.rounds


def test_own_trees_are_kept_only_as_far_as_they_pay(elsewhere: Pretrained) -> None:
    noise = replace(fleet(), training=folded(rounds=20).training)
    planned = plan(noise, pretrained=elsewhere)
    past = KnownHistory(planned, History(noise, slices(EVENTS)), ignore)
    found = out_of_fold(planned, past.examples(past.gather()), noise.training)
    assert found.training.rounds in (0, 1, 4, 10, 20)


def test_a_fleet_without_outcomes_gets_the_pretrained_trees_and_its_own_identity(
    elsewhere: Pretrained, tmp_path: Path
) -> None:
    toy = folded()
    found = fitted(slices([]), toy, pretrained=elsewhere)
    assert found.model.booster.model_to_string() == elsewhere.model.booster.model_to_string()
    assert found.training.rounds == 0
    written(found, tmp_path / "bundle")
    assert load_bundle(tmp_path / "bundle", found.model.fingerprint).fleet.threshold == found.model.threshold


def test_what_was_begun_with_comes_before_the_own_trees(elsewhere: Pretrained) -> None:
    planned, past = known(folded(), pretrained=elsewhere)
    examples = past.examples(past.gather())
    rows = examples.at_risk(planned.start_ms, planned.until_ms)
    model = examples.fit(rows, planned.fleet.training, planned.seed)
    begun = elsewhere.model.booster.num_trees()
    assert model.booster.num_trees() == begun + planned.fleet.training.rounds
    first, last = staged(model, examples.features, begun, [0, planned.fleet.training.rounds])
    assert np.allclose(last, model.of_columns(examples.features))
    assert not np.allclose(first, last)
    area = roc_auc(last[:, 1], examples.labels.follows(3.0))
    assert area is not None
    assert area > 0.8


def bundled(model: RiskModel, folder: Path) -> Path:
    write_bundle(folder, model, None, fleet="toy", metrics={}, lineage={})
    return folder


def test_a_pretrained_model_is_read_with_the_hash_of_its_bundle(
    elsewhere: Pretrained, tmp_path: Path
) -> None:
    found = load_pretrained(bundled(elsewhere.model, tmp_path / "pre"), fleet())
    assert len(found.sha256) == 64
    assert found.model.columns.tolist() == FeatureSchema(fleet()).matching(("*",)).tolist()


def test_a_pretrained_model_of_other_features_or_horizons_is_refused(
    elsewhere: Pretrained, tmp_path: Path
) -> None:
    folder = bundled(elsewhere.model, tmp_path / "pre")
    with pytest.raises(ModelError, match="horizons_d"):
        load_pretrained(folder, replace(fleet(), horizons_d=(3.0, 9.0)))
    other = replace(fleet(), training=replace(fleet().training, features=("*.mean",)))
    with pytest.raises(ModelError, match=r"training\.features"):
        load_pretrained(folder, other)
    colder = replace(fleet(), sensors=(replace(fleet().sensors[0], low=-50.0), *fleet().sensors[1:]))
    with pytest.raises(ModelError, match=r"leave out training\.pretrained"):
        load_pretrained(folder, colder)
