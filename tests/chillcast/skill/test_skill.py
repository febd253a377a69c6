from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from chillcast.skill.breakdown import by_cause, by_season, calibration
from chillcast.skill.contenders import Contender, rivals
from chillcast.skill.judgement import Verdict, judge_all, row_of
from chillcast.skill.naming import ModeSkill, mode_skill
from chillcast.skill.oracle import oracle
from chillcast.skill.skill import in_words
from chillcast.skill.skill_config import SkillFleet, load_skill_config
from chillcast.skill.spans import SpanSkill, span_skill
from chillcast.skill.survey import Survey, join, survey
from chillcast.skill.trade_off import trade_off
from models.alerting.cases import Case, RiskSeries
from models.errors import ConfigError
from models.evaluation.metrics import roc_auc
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.telemetry.event_log import EventLog
from models.telemetry.labels import label, time_to_next
from models.telemetry.samples import Event
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


def test_a_verdict_stands_for_every_contender_under_every_budget(
    seen: Survey, known: Contender, chillers: Fleet
) -> None:
    contenders = [*rivals(chillers, seen, seen, 1), known]
    rows = [row_of(v, seen) for v in judge_all(chillers, contenders, seen, seen, (0.5, 1.0))]
    assert [r.policy for r in rows[::4]] == ["best sensor", "rules", "age", "random", "oracle"]
    assert {(r.budget, r.budget_of) for r in rows} == {
        (b, k) for b in (0.5, 1.0) for k in ("all", "unexplained")
    }
    assert all(0 <= r.sound_alarms <= r.false_alarms for r in rows)
    assert in_words(rows[0])["scored_by"] == "best sensor"


@pytest.fixture(scope="module")
def seer(seen: Survey, chillers: Fleet) -> Contender:
    """Return who warns of every foreseeable stop a week ahead, and of nothing else."""
    names, risk = np.array(seen.keys.assets)[seen.keys.asset], np.zeros(len(seen.keys))
    for stop in (s for s in seen.shutdowns if s.has_precursor):
        ahead_ms = stop.time_ms - seen.keys.end_ms
        risk[(names == stop.asset) & (ahead_ms > 0) & (ahead_ms <= 7 * DAY_MS)] = 1.0
    series = RiskSeries(*seen.keys.columns, risk)
    curve = risk[:, None] * np.minimum(np.array(chillers.horizons_d) / 7.0, 1.0)
    return Contender("model", "", series, series, (curve, curve))


@pytest.fixture(scope="module")
def verdict(seen: Survey, seer: Contender, chillers: Fleet) -> Verdict:
    alerting = replace(chillers.alerting, raise_count=1, raise_among=1)
    return next(judge_all(replace(chillers, alerting=alerting), [seer], seen, seen, (0.5,)))


def test_what_announces_every_foreseeable_stop_a_week_ahead_is_told_so(
    seen: Survey, verdict: Verdict
) -> None:
    row = row_of(verdict, seen)
    stops = [s for s in seen.shutdowns if s.has_precursor and s.time_ms > seen.span_ms[0]]
    assert row.foreseeable == len(stops) > 0
    assert row.recall_foreseeable == 1.0


def test_every_shutdown_is_counted_once_by_cause_and_once_by_season(seen: Survey, verdict: Verdict) -> None:
    causes, seasons = by_cause(verdict, seen), by_season(verdict, seen)
    row = row_of(verdict, seen)
    assert sum(r.shutdowns for r in causes) == sum(r.shutdowns for r in seasons) == row.shutdowns
    assert sum(r.foreseeable for r in seasons) == row.foreseeable
    assert sum(r.announced for r in seasons) == row.foreseeable
    gradual = [r for r in causes if r.cause not in {"sudden", "no fault"}]
    assert all(r.announced == r.shutdowns for r in gradual)
    assert sum(r.three_days_ahead for r in gradual) == sum(r.three_days_ahead for r in seasons)
    assert sum(r.machine_years for r in seasons) == pytest.approx(row.machine_years, rel=0.05)
    assert [r.season for r in seasons if r.shutdowns] == ["Apr–Jun", "Jul–Sep"]


def test_false_alarms_stand_in_the_season_in_which_they_were_opened(seen: Survey, verdict: Verdict) -> None:
    sick = {f.asset for f in seen.faults if not f.is_of_instrument}
    sound = next(name for name in seen.keys.assets if name not in sick)
    ill = next(f for f in seen.faults if not f.is_of_instrument)
    spring_ms = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp()) * 1000
    false = (Case(sound, spring_ms), Case(ill.asset, ill.begin_ms))
    told = replace(verdict, report=replace(verdict.report, false_alarms=false, explained=false[1:]))
    spring = by_season(told, seen)[1]
    assert spring.unexplained_alarms == spring.sound_alarms == pytest.approx(1 / spring.machine_years)
    assert spring.false_alarms == pytest.approx(2 / spring.machine_years)
    assert row_of(told, seen).sound_alarms == pytest.approx(1 / verdict.report.asset_years)


def test_a_calibration_sets_the_mean_risk_against_what_came(seen: Survey, chillers: Fleet) -> None:
    labels = label(seen.keys, seen.log, seen.span_ms[1], ("maintenance",))
    horizon_d = chillers.alerting.horizon_d
    came = labels.follows(horizon_d).astype(np.float64)
    series = RiskSeries(*seen.keys.columns, came)
    right = calibration(chillers, Contender("model", "", series, series), seen)
    assert [r.season for r in right] == ["all year", "Apr–Jun"]
    assert [r.error_points for r in right] == [0.0, 0.0]
    assert right[0].windows == labels.known(horizon_d).sum()
    high = RiskSeries(*seen.keys.columns, np.minimum(came + 0.1, 1.1))
    assert calibration(chillers, Contender("model", "", high, high), seen)[0].error_points == pytest.approx(
        10
    )


def test_a_span_is_right_if_the_stop_comes_between_its_days(
    seen: Survey, verdict: Verdict, seer: Contender, chillers: Fleet
) -> None:
    assert span_skill(chillers, replace(verdict, cases=[]), seen, seen) == SpanSkill(None, None)
    own = np.flatnonzero(seen.keys.asset == seen.keys.asset[0])
    name, first_ms = seen.keys.assets[seen.keys.asset[0]], int(seen.keys.end_ms[own].min())
    curve = np.tile(np.minimum(np.array(chillers.horizons_d) / 7.0, 1.0), (len(seen.keys), 1))
    for wait_d, right in ((3.0, 1.0), (0.5, 0.0), (6.0, 0.0)):
        stopped = replace(
            seen, log=EventLog([Event(first_ms + int(wait_d * DAY_MS), name, "shutdown", "surge")])
        )
        told = replace(
            verdict,
            contender=replace(seer, curves=(curve, curve)),
            cases=[Case(name, first_ms)],
            threshold=2.0,
        )
        found = span_skill(chillers, told, stopped, stopped)
        assert found.right == right
        assert found.days_median == pytest.approx(0.6 * 7.0)


def test_who_gives_no_probabilities_names_no_days(seen: Survey, verdict: Verdict, seer: Contender) -> None:
    rule = replace(verdict, contender=replace(seer, curves=None))
    assert span_skill(load_fleet(Path("fleets/chiller.toml")), rule, seen, seen) == SpanSkill(None, None)


def test_a_trade_off_goes_from_few_alarms_to_many(seen: Survey, seer: Contender, chillers: Fleet) -> None:
    rival = rivals(chillers, seen, seen, 1)[0]
    points = [p for p in trade_off(chillers, [seer, rival], seen) if p.policy == rival.name]
    alarms = [p.false_alarms for p in points]
    assert alarms[0] <= alarms[-1]
    assert (points[0].recall_foreseeable or 0.0) <= (points[-1].recall_foreseeable or 0.0)


def test_modes_are_counted_where_a_fault_was_under_way(seen: Survey, chillers: Fleet) -> None:
    schema = FeatureSchema(chillers)
    row = 5
    name, end_ms = seen.keys.assets[seen.keys.asset[row]], int(seen.keys.end_ms[row])
    features = seen.features.copy()
    places = {schema.names[c]: i for i, c in enumerate(seen.columns.tolist())}
    features[row, places["refrigerant_leak_index.1d.mean"]] = 50.0
    told = replace(seen, features=features, faults=(FaultRecord(name, "leak", end_ms - 1),))
    case, modes = Case(name, end_ms), {"refrigerant leak": ("leak",), "bearing wear": ("bearing",)}
    right = mode_skill(chillers, told, [case], modes)
    assert (right.named, right.right) == (1.0, 1.0)
    assert right.said is not None
    assert 0.5 < right.said < 1.0
    wrong = mode_skill(chillers, told, [case], {"refrigerant leak": ("bearing",)})
    assert wrong == ModeSkill(1.0, 0.0, right.said)
    assert mode_skill(chillers, replace(told, faults=()), [case], modes) == ModeSkill(None, None, None)
