from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features.expectation import Expectation
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice, Expected
from models.risk.causes import train_causes
from models.risk.explain import Explainer, in_words
from models.risk.explanation import Explanation, Reason
from models.risk.hazard import RiskModel
from models.risk.remaining import Span
from models.risk.wording import percent, sentence
from models.telemetry.samples import Float32
from tests.support.toy_model import HORIZONS, Trained, fleet, trained
from tests.support.watched_fleet import EXPECTATION, watched


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


RISKS = np.array([0.01, 0.05, 0.4])


def driven_by(toy: Trained, vector: Float32, *keys: str) -> tuple[Reason, ...]:
    """Return the reasons where the daily means of these sensors raise the risk, each more than the next."""
    strength = {toy.schema.index(key, "1d", "mean"): 1.0 / (1 + i) for i, key in enumerate(keys)}
    contributions = np.array([[strength.get(i, 0.0) for i in range(len(toy.schema))]])
    model = create_autospec(RiskModel, instance=True)
    model.contributions.return_value = contributions
    return toy.explainer.explain(vector, RISKS, model=model).reasons


def test_the_sensor_behind_a_risk_comes_first_with_its_advice(toy: Trained) -> None:
    by_s0 = toy.explainer.explain(toy.vector(s0=2.5), RISKS)
    assert (by_s0.reasons[0].key, by_s0.fault, by_s0.check) == ("s0", "fouling", "clean the tubes")
    by_s1 = toy.explainer.explain(toy.vector(s0=-2.0, s1=2.5), RISKS)
    assert (by_s1.reasons[0].key, by_s1.fault, by_s1.check) == ("s1", "leak", "look for oil")


def test_a_reason_compares_the_last_day_with_the_machines_own_longest_window(toy: Trained) -> None:
    reason = toy.explainer.explain(toy.vector(s0=2.5), RISKS).reasons[0]
    assert (reason.value, reason.baseline, reason.unit, reason.label) == (2.5, 1.0, "K", "s0")


def test_a_sensor_that_said_nothing_is_a_reason_without_a_value(toy: Trained) -> None:
    vector = toy.vector()
    vector[toy.schema.index("s0", "1d", "mean")] = np.nan
    (reason,) = driven_by(toy, vector, "s0")
    assert reason.value is None
    assert (reason.label, reason.said, reason.usual) == ("s0", "no reading", "1 K")


def test_the_contribution_of_a_sensor_is_that_of_all_its_features(toy: Trained) -> None:
    vector = toy.vector(s0=2.0, s1=3.0)
    found = toy.explainer.explain(vector, RISKS)
    features = toy.model.contributions(vector[None, :], 2)[0]
    assert {r.key for r in found.reasons} >= {"s0", "s1"}
    for reason in found.reasons:
        own = toy.schema.point_index == toy.fleet.keys.index(reason.key)
        assert reason.contribution == pytest.approx(features[own].sum())
    strengths = [r.contribution for r in found.reasons]
    assert strengths == sorted(strengths, reverse=True)


def test_only_the_strongest_are_named(toy: Trained) -> None:
    assert len(toy.explainer.explain(toy.vector(s0=2.0), RISKS, top=1).reasons) == 1


def with_sensors(toy: Trained, *changes: dict[str, Any]) -> Trained:
    """Return the toy with other sensors of the same keys."""
    sensors = zip(toy.fleet.sensors, changes, strict=True)
    changed = tuple(replace(sensor, **change) for sensor, change in sensors)
    found = replace(toy.fleet, sensors=changed)
    return replace(toy, fleet=found, explainer=Explainer(found, toy.model, toy.schema))


def test_a_reading_that_its_sensor_cannot_tell_from_the_usual_one_is_no_reason(toy: Trained) -> None:
    toy = with_sensors(toy, {"resolution": 0.1}, {"resolution": 0.01}, {})
    vector = toy.vector(s0=1.04, s1=1.04)
    assert [(r.key, r.said, r.usual) for r in driven_by(toy, vector, "s0", "s1")] == [
        ("s1", "1.04 K", "1.00 K")
    ]


def test_a_sensor_that_lowers_the_risk_is_no_reason(toy: Trained) -> None:
    found = toy.explainer.explain(toy.vector(s0=2.5, s1=-2.5), RISKS)
    assert "s1" not in [r.key for r in found.reasons]


def test_a_state_is_a_reason_in_words(toy: Trained) -> None:
    limit = {"unit": "1", "low": 0.0, "high": 1.0, "state": "capacity was limited"}
    toy = with_sensors(toy, limit, {}, {})
    vector = toy.vector(s0=0.1)
    vector[toy.schema.index("s0", "7d", "mean")] = 0.0
    (reason,) = driven_by(toy, vector, "s0")
    said = sentence(reason.label, reason.said, reason.usual)
    assert said == "capacity was limited 10 % of the last day, usually never"


def test_where_no_sensor_raises_the_risk_there_is_no_advice(toy: Trained) -> None:
    calm = toy.explainer.explain(toy.vector(s0=-2.5, s1=-2.5), RISKS)
    assert (calm.fault, calm.check) == ("", "")


def test_a_fleet_without_advice_gives_none() -> None:
    silent = trained(replace(fleet(), advice=()))
    found = silent.explainer.explain(silent.vector(s0=2.5), RISKS)
    assert (found.fault, found.reasons[0].key) == ("", "s0")


@pytest.mark.parametrize(
    ("risks", "severity"),
    [
        ([0.01, 0.05, 0.4], "warning"),
        ([0.01, 0.05, 0.49], "warning"),
        ([0.01, 0.05, 0.5], "critical"),
        ([0.2, 0.21, 0.22], "critical"),
    ],
)
def test_a_high_or_a_near_risk_is_critical(toy: Trained, risks: list[float], severity: str) -> None:
    assert toy.explainer.explain(toy.vector(), np.array(risks)).severity == severity


def test_the_text_names_the_outcome_and_when(toy: Trained) -> None:
    assert toy.explainer.explain(toy.vector(), np.array([0.0, 0.0, 0.4])).text == "Likely stop in 3–7 days"
    assert toy.explainer.explain(toy.vector(), np.array([0.4, 0.4, 0.4])).text == "Likely stop within a day"


@given(st.floats(0, 30), st.floats(0, 30))
def test_words_hold_the_interval_they_speak_of(a: float, b: float) -> None:
    soonest, latest = sorted((a, b))
    said = in_words(soonest, latest)
    numbers = [int(word) for part in said.split() for word in part.split("–") if word.isdigit()] or [1]
    assert numbers[-1] >= latest
    assert numbers[0] <= soonest or len(numbers) == 1


def test_the_days_that_were_learnt_are_said_over_the_time_of_a_case() -> None:
    """A constant hazard of a tenth a day: a tenth and nine tenths of what thirty days hold of it."""
    toy = trained(replace(fleet(), alerting=replace(fleet().alerting, case_d=30.0)))
    model = replace(toy.model, span=Span(low=0.1, high=0.9, outcomes=20))
    risks = 1 - np.exp(-0.1 * np.array(HORIZONS))
    found = Explainer(toy.fleet, model, toy.schema).explain(toy.vector(), risks)
    assert (found.from_d, found.to_d) == pytest.approx((1.0, 19.3), abs=0.1)
    assert found.text == "Likely stop within 20 days"


def test_a_model_that_learnt_no_span_says_the_middle_of_the_risk(toy: Trained) -> None:
    found = toy.explainer.explain(toy.vector(), np.array([0.1, 0.3, 0.7]))
    assert (found.from_d, found.to_d) == pytest.approx((1.4, 5.6))


def judged(falls: tuple[str, ...], residual: float) -> tuple[str, float | None, float | None]:
    """Return fault, value and baseline of a window whose s0 drives the risk and lies off its expectation."""
    found = replace(
        fleet(),
        expectation=(Expected(drivers=("s2",), sensors=("s0",)),),
        advice=(Advice(fault="fault", sensors=("s0",), check="look", falls=falls),),
    )
    toy = trained(found)
    expectation = Expectation(sensors=("s0",), surfaces=(), sigma=(2.0,), offsets={})
    vector = toy.vector(s0=2.5)
    vector[toy.schema.index("s0_residual", "1d", "mean")] = residual
    for window in ("1d", "7d"):
        spoken = -residual if falls else residual
        vector[toy.schema.index("fault_index", window, "mean")] = spoken
    told = Explainer(found, toy.model, toy.schema, expectation).explain(vector, RISKS)
    return told.fault, told.reasons[0].value, told.reasons[0].baseline


@pytest.mark.parametrize(
    ("falls", "residual", "fault"),
    [((), 3.0, "fault"), ((), -3.0, ""), (("s0",), -3.0, "fault"), (("s0",), 3.0, "")],
)
def test_a_sensor_speaks_for_a_fault_only_when_it_moved_its_way(
    falls: tuple[str, ...], residual: float, fault: str
) -> None:
    assert judged(falls, residual)[0] == fault


def test_with_an_expectation_the_baseline_is_what_the_machine_would_show_at_the_same_load() -> None:
    _, value, baseline = judged((), 3.0)
    assert value == 2.5
    assert baseline == pytest.approx(2.5 - 3.0 * 2.0)


def naming(toy: Fleet) -> Trained:
    """Add causes to the model: oil where s0 is high, ice where it is low."""
    found, rng = trained(toy), np.random.default_rng(4)
    column = np.array([found.schema.index("s0", "1d", "mean")])
    values = rng.normal(0, 2, (400, 1)).astype(np.float32)
    truth = ["oil" if value > 0 else "ice" for value in values[:, 0]]
    causes = train_causes(
        values, truth, codes=("ice", "oil"), columns=column, rounds=40, parameters={}, seed=1
    )
    model = replace(found.model, causes=causes)
    return replace(found, model=model, explainer=Explainer(toy, model, found.schema))


def test_the_most_probable_cause_is_said_and_decides_which_advice_is_given() -> None:
    toy = fleet()
    fouling, leak = toy.advice
    spoken = replace(leak, codes=("oil",))
    found = naming(replace(toy, advice=(fouling, spoken)))
    why = found.explainer.explain(found.vector(s0=3.0), np.array([0.1, 0.2, 0.4]))
    assert [cause.code for cause in why.causes] == ["oil", "ice"]
    assert sum(cause.probability for cause in why.causes) == pytest.approx(1.0)
    assert f", most probably oil ({percent(why.causes[0].probability)})" in why.text
    assert (why.fault, why.check) == ("leak", "look for oil")


def test_without_advice_for_the_cause_the_sensors_decide() -> None:
    found = naming(fleet())
    assert found.explainer.explain(found.vector(s0=3.0), np.array([0.1, 0.2, 0.4])).fault == "fouling"


def test_a_model_without_causes_names_none() -> None:
    found = trained(fleet())
    why = found.explainer.explain(found.vector(s0=3.0), np.array([0.1, 0.2, 0.4]))
    assert why.causes == ()
    assert "probably" not in why.text


def test_the_usual_reading_of_a_relative_and_of_a_derived_point_is_said_in_its_unit() -> None:
    """A flow that is 20 % below what is expected of it: 80 L/s of 100; a difference that is 3 K above."""
    owner = watched()
    schema = FeatureSchema(owner)
    vector = np.ones(len(schema), np.float32)
    said = {
        "s2.1000m.mean": 80.0,
        "s2_residual.1000m.mean": -2.0,
        "gap.1000m.mean": 7.0,
        "gap_residual.1000m.mean": 1.5,
    }
    for name, value in said.items():
        vector[schema.names.index(name)] = value
    contributions = np.zeros((1, len(schema)))
    contributions[0, schema.names.index("s2_margin.1000m.max")] = 2.0
    contributions[0, schema.names.index("gap_residual.1000m.mean")] = 1.0
    model = create_autospec(RiskModel, instance=True, causes=None, span=None)
    model.contributions.return_value = contributions
    explainer = Explainer(owner, model, schema, EXPECTATION)
    found = explainer.explain(vector, np.array([0.5]))
    reasons = [(r.key, r.value, round(r.baseline or 0.0, 3)) for r in found.reasons]
    assert reasons == [("s2", 80.0, 100.0), ("gap", 7.0, 4.0)]
    assert found.fault == ""


def evidence(leak: float, dirt: float) -> Explanation:
    """Explain a window of which the indices of two modes are as given, and all sensors lower the risk."""
    owner = watched()
    schema = FeatureSchema(owner)
    vector = np.ones(len(schema), np.float32)
    said = {"a_leak_index.1000m.mean": leak, "dirt_index.1000m.mean": dirt, "s0_residual.1000m.mean": 2.0}
    said |= {"s2_residual.1000m.mean": -3.0, "gap_residual.1000m.mean": 4.0, "s2.1000m.mean": 70.0}
    for name, value in said.items():
        vector[schema.names.index(name)] = value
    model = create_autospec(RiskModel, instance=True, causes=None, span=None)
    model.contributions.return_value = np.full((1, len(schema)), -1.0)
    return Explainer(owner, model, schema, EXPECTATION).explain(vector, np.array([0.5]))


def test_the_mode_whose_sensors_moved_furthest_is_named_with_those_that_moved_its_way_as_reasons() -> None:
    found = evidence(leak=2.5, dirt=2.0)
    assert (found.fault, found.check) == ("a leak", "look")
    assert [r.key for r in found.reasons] == ["s2", "s0"]


@pytest.mark.parametrize(("leak", "dirt"), [(2.1, 2.0), (0.9, 0.0), (-3.0, -4.0)])
def test_where_two_modes_are_as_near_or_none_moved_none_is_named(leak: float, dirt: float) -> None:
    found = evidence(leak, dirt)
    assert (found.fault, found.check, found.reasons) == ("", "", ())
