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
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted, KnownHistory, fit
from models.learning.history import History, KeptWindows
from models.registry.bundle import load_bundle
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Labels, label
from models.telemetry.samples import Event, TimeSlice
from tests.support.rising_fleet import (
    ASSETS,
    DAYS,
    EVENTS,
    TRIPS,
    UNTIL,
    fitted,
    fleet,
    ignore,
    plan,
    slices,
    written,
)


@pytest.fixture(scope="module")
def learnt() -> Fitted:
    return fitted(slices(EVENTS), fleet())


def test_a_sensor_that_announces_shutdowns_ranks_windows_never_seen(learnt: Fitted) -> None:
    history = History(fleet(), slices(EVENTS))
    windows = [w for w in history.until(DAYS * DAY_MS) if w.end_ms[0] > UNTIL * DAY_MS]
    risk = np.concatenate([learnt.model.score(w.values)[:, 1] for w in windows])
    labels = [label(w, EventLog(EVENTS), DAYS * DAY_MS) for w in windows]
    followed, seen = (np.concatenate([f(x, 3.0) for x in labels]) for f in (Labels.follows, Labels.known))
    area = roc_auc(risk[seen], followed[seen])
    assert area is not None
    assert area > 0.8
    assert risk[seen].mean() == pytest.approx(followed[seen].mean(), rel=0.3)


def test_noise_alone_ranks_nothing() -> None:
    assert fitted(slices(EVENTS, rise=0.0), fleet()).metrics["calibration_roc_auc"] < 0.65


def test_calibration_and_figures_of_the_later_slice_come_along(learnt: Fitted) -> None:
    assert sorted(learnt.metrics) == ["calibration_brier", "calibration_log_loss", "calibration_roc_auc"]
    assert learnt.metrics["calibration_roc_auc"] > 0.8
    assert len(learnt.model.lines) == 2
    assert learnt.model.span is not None


def false_alarms_a_year(learnt: Fitted, threshold: float) -> float:
    """Return the false alarms per asset-year of a threshold on the later slice, after the embargo."""
    history, kept = History(fleet(), slices(EVENTS)), KeptWindows()
    from_ms, until_ms = int(0.75 * UNTIL + 1) * DAY_MS, UNTIL * DAY_MS
    for windows in history.until(until_ms):
        if windows.end_ms[0] > from_ms:
            kept.add(history.keys(windows), windows.values)
    keys, values = kept.table()
    series = RiskSeries(*keys.columns, learnt.model.score(values)[:, 1])
    seen = EventLog(e for e in EVENTS if e.time_ms <= until_ms)
    cases = cases_of(HysteresisPolicy(fleet().alerting, threshold), series, seen)
    settled = Settled(fleet().alerting, int(series.end_ms.min()), int(series.end_ms.max()))
    false = false_cases(settled.counted(cases), seen, fleet().alerting.case_ms)
    return len(false) / (len(ASSETS) * settled.years)


def test_the_threshold_is_the_lowest_that_keeps_to_the_budget_on_the_later_slice(learnt: Fitted) -> None:
    threshold, budget = learnt.model.threshold, fleet().alerting.false_alarms_per_asset_year
    assert false_alarms_a_year(learnt, threshold) <= budget
    assert false_alarms_a_year(learnt, 0.9 * threshold) > budget


def test_what_happens_after_the_end_changes_nothing(learnt: Fitted, tmp_path: Path) -> None:
    known = [e for e in EVENTS if e.time_ms < UNTIL * DAY_MS]
    later = [Event(day * DAY_MS + 1, ASSETS[day % 3], "shutdown") for day in range(UNTIL, DAYS)]
    again = fitted(slices(known + later), fleet())
    assert written(again, tmp_path / "again") == written(learnt, tmp_path / "learnt")


def test_what_happens_in_the_later_slice_changes_the_calibration_but_not_the_trees(learnt: Fitted) -> None:
    """Also not for windows just before the split, whose horizon reaches into it: they are purged."""
    split_ms = int(0.75 * UNTIL * DAY_MS)
    again = fitted(slices([e for e in EVENTS if e.time_ms < split_ms + DAY_MS]), fleet())
    assert again.dataset_sha256 == learnt.dataset_sha256
    assert again.model.booster.model_to_string() == learnt.model.booster.model_to_string()
    assert again.model.lines != learnt.model.lines


def test_neither_trees_nor_calibration_see_the_last_day_before_the_split(learnt: Fitted) -> None:
    """Its windows have no known label (the purge), and windows that reach back to it wait (the embargo)."""
    split_ms, parts = int(0.75 * UNTIL * DAY_MS), slices(EVENTS)
    for part in parts:
        last_day = (part.samples.time_ms >= split_ms - DAY_MS) & (part.samples.time_ms < split_ms)
        part.samples.values[last_day] += 50
    again = fitted(parts, fleet())
    assert again.dataset_sha256 != learnt.dataset_sha256
    assert again.model.booster.model_to_string() == learnt.model.booster.model_to_string()
    assert (again.model.lines, again.model.threshold) == (learnt.model.lines, learnt.model.threshold)


def test_the_same_history_and_seed_give_the_same_bundle_byte_for_byte(learnt: Fitted, tmp_path: Path) -> None:
    again = written(fitted(slices(EVENTS), fleet()), tmp_path / "again")
    assert again == written(learnt, tmp_path / "learnt")


def test_another_history_has_another_digest(learnt: Fitted) -> None:
    assert fitted(slices(EVENTS[1:]), fleet()).dataset_sha256 != learnt.dataset_sha256


def test_a_fitted_model_passes_the_checks_of_a_bundle(learnt: Fitted, tmp_path: Path) -> None:
    written(learnt, tmp_path / "b")
    assert load_bundle(tmp_path / "b", learnt.model.fingerprint).fleet.threshold == learnt.model.threshold


def test_too_few_shutdowns_are_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"^0 at-risk windows end in an outcome: .* a longer range"):
        fitted(slices([]), fleet())


def test_a_history_without_a_whole_hop_is_refused() -> None:
    with pytest.raises(ModelError, match="the history closes no window"):
        fitted([], fleet())


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_history_that_ends_long_before_its_range_is_refused(share: float) -> None:
    with pytest.raises(ModelError, match="closes no window"):
        fitted(slices(EVENTS)[:60], fleet(share))


def test_a_fleet_with_a_daily_share_gets_the_quantile_as_its_threshold() -> None:
    found = fitted(slices(EVENTS), fleet(daily_share=0.05))
    assert found.metrics == {}
    assert 0 < found.model.threshold < 1


def test_without_a_later_slice_the_model_keeps_its_own_probabilities() -> None:
    """The threshold then comes from the windows that the purge kept from it."""
    found = fitted(slices(EVENTS), fleet(share=0.0))
    assert found.model.lines == ()
    assert 0 < found.model.threshold < 1


def test_the_windows_of_that_threshold_were_not_learnt_from_at_any_horizon() -> None:
    toy = fleet(share=0.0)
    past = KnownHistory(plan(toy), History(toy, slices(EVENTS)), ignore)
    gathered = past.gather()
    examples = past.examples(gathered)
    learnt = examples.keys.take(np.unique(examples.at_risk(0, UNTIL * DAY_MS).row))
    asked = past.unlabelled(past.train(examples, toy.training), gathered).keys
    known = set(zip(learnt.asset.tolist(), learnt.end_ms.tolist(), strict=True))
    assert len(asked)
    assert known.isdisjoint(zip(asked.asset.tolist(), asked.end_ms.tolist(), strict=True))


def test_progress_rises_to_the_end_of_the_range() -> None:
    seen: list[tuple[str, float]] = []
    history = History(fleet(), slices(EVENTS))
    fit(plan(), history, lambda step, share: seen.append((step, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert list(dict.fromkeys(step for step, _ in seen)) == ["features", "calibration"]


def test_a_history_goes_on_where_it_stopped_and_keeps_a_slice_that_is_not_due() -> None:
    parts = slices(EVENTS)
    twice, once = History(fleet(), parts), History(fleet(), parts)
    ends = [w.end_ms.max() for half in (int(9.5 * DAY_MS), 20 * DAY_MS) for w in twice.until(half)]
    assert ends == [w.end_ms.max() for w in once.until(20 * DAY_MS)]
    assert twice.tally.samples == once.tally.samples
    assert twice.events == once.events


def trained(toy: Fleet, **changes: Any) -> Fleet:
    return replace(toy, training=replace(toy.training, **changes))


def test_early_stopping_takes_fewer_trees_and_sees_only_the_training_slice(learnt: Fitted) -> None:
    toy = trained(fleet(), rounds=400, early_stopping=10)
    found = fitted(slices(EVENTS), toy)
    assert 1 <= found.training.rounds < 400
    assert found.model.booster.num_trees() == found.training.rounds
    split_ms = int(0.75 * UNTIL * DAY_MS)
    again = fitted(slices([e for e in EVENTS if e.time_ms < split_ms + DAY_MS]), toy)
    assert again.model.booster.model_to_string() == found.model.booster.model_to_string()


def test_early_stopping_without_an_outcome_to_watch_is_refused() -> None:
    early = [e for e in EVENTS if e.time_ms < 40 * DAY_MS]
    lacking = r"no outcome in the last 20% of the training slice: of 13\.5 days .* take 2\.0;"
    with pytest.raises(ModelError, match=lacking):
        fitted(slices(early), trained(fleet(), early_stopping=10))


def test_held_out_machines_change_nothing(learnt: Fitted, tmp_path: Path) -> None:
    held_out = frozenset(ASSETS[:5])
    found = []
    for name, events in (("a", EVENTS), ("b", [e for e in EVENTS if e.asset not in held_out])):
        made = fitted(slices(events), fleet(), held_out=held_out.__contains__)
        found.append(written(made, tmp_path / name))
    assert found[0] == found[1] != written(learnt, tmp_path / "learnt")


def test_a_sensor_without_a_value_is_left_out_and_named() -> None:
    parts = slices(EVENTS)
    for part in parts:
        part.samples.values[:, 1] = np.nan
    found = fitted(parts, fleet())
    silent = [name for name in found.model.feature_names if name.startswith("s1.") and "missing" not in name]
    assert set(silent) == set(found.unused)
    assert not {found.model.feature_names[i] for i in found.model.columns} & set(found.unused)


def test_a_range_in_which_no_allowed_feature_has_a_value_is_refused() -> None:
    parts = slices(EVENTS)
    for part in parts:
        part.samples.values[:, 1] = np.nan
    with pytest.raises(ModelError, match=r"no feature that training\.features allows has a value"):
        fitted(parts, trained(fleet(), features=("s1.*.mean",)))


def test_work_on_a_machine_censors_its_past() -> None:
    """Without the shutdowns that work forestalled, the windows before it are not learnt as healthy."""
    work = [Event(e.time_ms - 1, e.asset, "maintenance") for e in EVENTS[::2]]
    kept = sorted([*EVENTS[1::2], *work])
    plain = fitted(slices(kept), fleet())
    careful = fitted(slices(kept), trained(fleet(), censor=("maintenance",)))
    assert careful.dataset_sha256 != plain.dataset_sha256
    assert careful.metrics["calibration_roc_auc"] > plain.metrics["calibration_roc_auc"]


def coded(events: list[Event]) -> list[Event]:
    """Let the controller name oil on the machines with an even number, ice on the others."""
    return [replace(e, code=word(e.asset)) for e in events]


def word(asset: str) -> str:
    return "ice" if int(asset[1:]) % 2 else "oil"


def telling(parts: list[TimeSlice]) -> list[TimeSlice]:
    """Let sensor s1 rise with s0 where the cause is oil."""
    oil = np.array([word(asset) == "oil" for asset in ASSETS])
    for part in parts:
        rising = part.samples.values[:, 0] > 26
        part.samples.values[:, 1] += 10 * (rising & oil[part.samples.asset])
    return parts


@pytest.fixture(scope="module")
def named() -> Fitted:
    return fitted(telling(slices(coded(EVENTS))), fleet())


def test_the_cause_that_the_controller_named_is_learnt_beside_the_risk(named: Fitted, learnt: Fitted) -> None:
    causes = named.model.causes
    assert causes is not None
    assert causes.codes == ("ice", "oil")
    history = History(fleet(), telling(slices(coded(EVENTS))))
    right = []
    for windows in history.until(DAYS * DAY_MS):
        near = [
            i
            for i, a in enumerate(ASSETS)
            if any(0 < t * DAY_MS - windows.end_ms[0] <= DAY_MS for t in TRIPS[a])
        ]
        if windows.end_ms[0] > UNTIL * DAY_MS and near:
            said = causes.score(windows.values)
            right += [causes.codes[said[i].argmax()] == word(windows.assets[windows.asset[i]]) for i in near]
    assert np.mean(right) > 0.7
    assert learnt.model.causes is None
    assert learnt.causes == {"": sum(learnt.causes.values())}


def test_outcomes_of_the_later_slice_change_the_temperature_of_the_causes_but_not_their_trees(
    named: Fitted,
) -> None:
    split_ms = int(0.75 * UNTIL * DAY_MS)
    swapped = [
        replace(e, code="ice" if e.code == "oil" else "oil") if e.time_ms > split_ms else e
        for e in coded(EVENTS)
    ]
    again = fitted(telling(slices(swapped)), fleet()).model.causes
    assert again is not None
    assert named.model.causes is not None
    assert again.booster.model_to_string() == named.model.causes.booster.model_to_string()
    assert again.temperature > named.model.causes.temperature


def test_causes_that_came_too_seldom_are_left_out() -> None:
    toy = fleet()
    strict = replace(toy.training, cause_outcomes=1000)
    found = fitted(telling(slices(coded(EVENTS))), replace(toy, training=strict))
    assert found.model.causes is None
    assert set(found.causes) == {"ice", "oil"}
