from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chillcast.skill.contenders import Contender, rivals
from chillcast.skill.judgement import judge_all, mode_shares
from chillcast.skill.oracle import oracle
from chillcast.skill.skill import in_words, write_json
from chillcast.skill.skill_config import SkillFleet, load_skill_config
from chillcast.skill.survey import Survey, join, survey
from models.alerting.cases import Case, RiskSeries
from models.errors import ConfigError
from models.evaluation.metrics import roc_auc
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.telemetry.event_log import EventLog
from models.telemetry.labels import time_to_next
from simulators.truth import FaultRecord

SKILL = Path("fleets/skill/portfolio.toml")
SMALL = SkillFleet(scenario="fouling-season", seed=5, assets=24, days=70)


@pytest.fixture(scope="module")
def chillers() -> Fleet:
    return load_fleet(Path("fleets/chiller.toml"))


@pytest.fixture(scope="module")
def seen(chillers: Fleet) -> Survey:
    return survey("one", SMALL.load(), chillers, 21_600, lambda share, text: None)


@pytest.fixture(scope="module")
def known(seen: Survey, chillers: Fleet) -> Contender:
    return oracle(chillers, seen, seen, 1)


def test_no_fleet_is_both_looked_at_and_judged_on() -> None:
    found = load_skill_config(SKILL)
    develop = {(f.scenario, f.seed) for f in found.develop}
    assert not develop.intersection((f.scenario, f.seed) for f in found.judge)
    assert None not in {f.seed for f in (*found.develop, *found.judge)}


def test_every_suspicion_of_the_fleet_stands_for_a_fault_of_the_simulator(chillers: Fleet) -> None:
    assert set(load_skill_config(SKILL).modes) == {advice.fault for advice in chillers.advice}


def test_a_scenario_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="arctic"):
        SkillFleet(scenario="arctic").load()


def test_the_first_weeks_and_the_time_after_a_stop_are_not_looked_at(seen: Survey, chillers: Fleet) -> None:
    first_ms, _ = SMALL.load().range_ms
    assert seen.span_ms[0] > first_ms + chillers.sampling.reach_s * 1000
    assert np.isfinite(seen.features).any(axis=0).mean() > 0.9
    assert all(name.startswith("one/CH-") for name in seen.keys.assets)


def test_joined_fleets_keep_their_machines_apart(seen: Survey) -> None:
    other = replace(seen, keys=replace(seen.keys, assets=tuple(f"x{a}" for a in seen.keys.assets)))
    both = join([seen, other])
    assert len(set(both.keys.assets)) == 2 * len(set(seen.keys.assets))
    names = np.array(both.keys.assets)[both.keys.asset]
    assert sum(name.startswith("x") for name in names) == len(seen.keys)


def test_who_knows_how_bad_a_fault_is_ranks_the_windows_before_a_stop_above_the_others(
    seen: Survey, known: Contender
) -> None:
    stops = {(s.asset, s.time_ms) for s in seen.shutdowns if s.has_precursor}
    told = EventLog(e for e in seen.log.outcomes if (e.asset, e.time_ms) in stops)
    risk, soon = known.judge.risk, time_to_next(seen.keys, told) < 7 * DAY_MS
    assert soon.any()
    assert (roc_auc(risk, soon) or 0.0) > 0.9
    sick = {f.asset for f in seen.faults if not f.is_of_instrument}
    sound = np.array([name not in sick for name in seen.keys.assets])[seen.keys.asset]
    assert risk[soon].mean() > 10 * risk[sound].mean()


def test_what_the_truth_says_of_the_future_changes_no_risk_of_who_knows_the_present(
    seen: Survey, known: Contender, chillers: Fleet
) -> None:
    end_ms = seen.keys.end_ms
    cut_ms = int(np.median(end_ms))
    days = [(cut_ms - f.begin_ms) // DAY_MS + 2 for f in seen.faults]
    cut = [
        replace(f, severity=f.severity[: max(n, 0)], end_ms=None if (f.end_ms or 0) > cut_ms else f.end_ms)
        for f, n in zip(seen.faults, days, strict=True)
        if f.begin_ms <= cut_ms
    ]
    past = oracle(chillers, seen, replace(seen, faults=tuple(cut)), 1).judge.risk
    np.testing.assert_array_equal(past[end_ms <= cut_ms], known.judge.risk[end_ms <= cut_ms])
    assert (past != known.judge.risk).any()


def test_rows_hold_every_contender_under_every_budget(
    seen: Survey, known: Contender, chillers: Fleet, tmp_path: Path
) -> None:
    contenders = [*rivals(chillers, seen, seen, 1), known]
    rows = judge_all(chillers, contenders, seen, seen, (0.5, 1.0), {})
    assert [r.policy for r in rows[::4]] == ["best sensor", "rules", "age", "random", "oracle"]
    assert {(r.budget, r.budget_of) for r in rows} == {
        (b, k) for b in (0.5, 1.0) for k in ("all", "unexplained")
    }
    write_json(rows, tmp_path / "skill.json")
    written = json.loads((tmp_path / "skill.json").read_text())
    assert {"policy", "budget", "budget_of", "recall", "recall_foreseeable", "share_3d"} <= set(written[0])
    assert {"lead_days_median", "false_alarms", "unexplained_alarms", "mode_right", "mode_named"} <= set(
        written[0]
    )
    assert in_words(rows[0])["scored_by"] == "best sensor"


def test_what_announces_every_foreseeable_stop_a_week_ahead_is_told_so(seen: Survey, chillers: Fleet) -> None:
    stops = {(s.asset, s.time_ms) for s in seen.shutdowns if s.has_precursor and s.time_ms > seen.span_ms[0]}
    names = np.array(seen.keys.assets)[seen.keys.asset]
    risk = np.zeros(len(seen.keys))
    for asset, time_ms in stops:
        ahead_ms = time_ms - seen.keys.end_ms
        risk[(names == asset) & (ahead_ms > 0) & (ahead_ms <= 7 * DAY_MS)] = 1.0
    series = RiskSeries(*seen.keys.columns, risk)
    alerting = replace(chillers.alerting, raise_count=1, raise_among=1)
    (row, *_) = judge_all(
        replace(chillers, alerting=alerting), [Contender("seer", "", series, series)], seen, seen, (0.5,), {}
    )
    assert row.foreseeable == len(stops) > 0
    assert row.recall_foreseeable == 1.0


def test_modes_are_counted_where_a_fault_was_under_way(seen: Survey, chillers: Fleet) -> None:
    schema = FeatureSchema(chillers)
    row = 5
    name, end_ms = seen.keys.assets[seen.keys.asset[row]], int(seen.keys.end_ms[row])
    features = seen.features.copy()
    places = {schema.names[c]: i for i, c in enumerate(seen.columns.tolist())}
    features[row, places["refrigerant_leak_index.1d.mean"]] = 50.0
    told = replace(seen, features=features, faults=(FaultRecord(name, "leak", end_ms - 1),))
    case, modes = Case(name, end_ms), {"refrigerant leak": ("leak",), "bearing wear": ("bearing",)}
    assert mode_shares(chillers, told, [case], modes) == (1.0, 1.0)
    assert mode_shares(chillers, told, [case], {"refrigerant leak": ("bearing",)}) == (0.0, 1.0)
    assert mode_shares(chillers, replace(told, faults=()), [case], modes) == (None, None)
