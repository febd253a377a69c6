from __future__ import annotations

import msgspec
import pytest

from models.registry.gate import Evidence, Limits, judge, judge_first

GOOD = {
    "recall": 0.5,
    "false_alarms_per_asset_year": 0.8,
    "log_loss": 0.10,
    "brier": 0.02,
    "recall/north": 0.5,
    "shutdowns/north": 20.0,
    "recall/south": 0.5,
    "shutdowns/south": 3.0,
}


def evidence(**changes: float) -> Evidence:
    metrics = {**GOOD, **{name.replace("__", "/"): value for name, value in changes.items()}}
    return Evidence(version="2", slice="s", metrics=metrics, latency_ms=60.0, nbytes=10_000)


CHAMPION = msgspec.structs.replace(evidence(), version="1")


def test_a_version_that_is_as_good_as_the_champion_passes() -> None:
    verdict = judge(evidence(), CHAMPION)
    assert (verdict.passed, verdict.objections, verdict.against) == (True, "", "1")


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"recall": 0.49}, "recall: 0.49, at least 0.5 is wanted"),
        ({"false_alarms_per_asset_year": 0.81}, "false_alarms_per_asset_year: 0.81, at most 0.8 is wanted"),
        ({"log_loss": 0.106}, "log_loss: 0.106, at most 0.105 is wanted"),
        ({"brier": 0.0211}, "brier: 0.0211, at most 0.021 is wanted"),
        ({"recall__north": 0.44}, "recall/north: 0.44, at least 0.45 is wanted"),
    ],
)
def test_one_figure_that_is_worse_is_an_objection_of_its_own(
    changes: dict[str, float], objection: str
) -> None:
    assert judge(evidence(**changes), CHAMPION).objections == objection


def test_who_announces_more_may_spend_the_budget_that_a_champion_which_says_nothing_does_not() -> None:
    silent = msgspec.structs.replace(evidence(recall=0.0, false_alarms_per_asset_year=0.0), version="1")
    limits = Limits(budget=0.8)
    assert judge(evidence(), silent, limits).passed
    assert not judge(evidence(false_alarms_per_asset_year=0.9), silent, limits).passed
    assert not judge(evidence(recall=0.0), silent, limits).passed


def test_a_segment_with_few_outcomes_says_nothing() -> None:
    assert judge(evidence(recall__south=0.0), CHAMPION).passed
    strict = Limits(segment_shutdowns=3)
    assert judge(evidence(recall__south=0.0), CHAMPION, strict).objections.startswith("recall/south: 0,")


def test_figures_of_another_slice_are_no_figures() -> None:
    verdict = judge(msgspec.structs.replace(evidence(recall=1.0), slice="later"), CHAMPION)
    assert verdict.objections.startswith("not measured on the champion's slice (it: later, champion: s)")
    told = judge(msgspec.structs.replace(evidence(), slice="later"), CHAMPION, apart="its windows are gone")
    assert "and not judged again: its windows are gone;" in told.objections
    nowhere = msgspec.structs.replace(CHAMPION, slice="")
    assert not judge(msgspec.structs.replace(evidence(), slice=""), nowhere).passed


def test_a_figure_that_is_missing_is_an_objection() -> None:
    bare = msgspec.structs.replace(evidence(), metrics={})
    assert "recall: not measured" in judge(bare, CHAMPION).objections


def test_a_model_that_is_too_slow_or_large_is_refused_also_as_the_first() -> None:
    slow = msgspec.structs.replace(evidence(), latency_ms=2500.0, nbytes=1 << 30)
    verdict = judge(slow, None)
    assert [check.name for check in verdict.checks if not check.passed] == ["latency_ms", "nbytes"]
    assert judge(evidence(), None).passed
    just = msgspec.structs.replace(evidence(), latency_ms=2000.0, nbytes=64 * 1024 * 1024)
    assert judge(just, None).passed


@pytest.mark.parametrize(
    ("model", "rules", "passed"),
    [
        ((0.5, 0.2), (0.4, 0.3), True),
        ((0.5, 0.3), (0.5, 0.2), True),
        ((0.5, 0.2), (0.5, 0.2), False),
        ((0.4, 0.9), (0.5, 0.1), False),
    ],
)
def test_the_first_champion_has_to_beat_the_rules_of_the_fleet(
    model: tuple[float, float], rules: tuple[float, float], passed: bool
) -> None:
    names = ("recall_at_budget", "average_precision")
    mine, theirs = (dict(zip(names, values, strict=True)) for values in (model, rules))
    first = msgspec.structs.replace(evidence(**mine), rules=theirs)
    verdict = judge_first(first, has_rules=True)
    assert (verdict.passed, judge_first(first, has_rules=False).passed) == (passed, True)
    if not passed:
        said = (
            f"recall_at_budget {model[0]} against {rules[0]}, average_precision {model[1]} against {rules[1]}"
        )
        assert verdict.objections == f"rules: not beaten: {said}"


def test_a_first_champion_that_nobody_held_against_the_rules_is_an_objection_and_bounds_hold() -> None:
    slow = msgspec.structs.replace(evidence(), latency_ms=2500.0)
    assert [c.name for c in judge_first(slow, has_rules=True).checks if not c.passed] == [
        "latency_ms",
        "rules",
    ]


def test_a_verdict_survives_json() -> None:
    verdict = judge(evidence(recall=0.1), CHAMPION)
    again = msgspec.json.decode(msgspec.json.encode(verdict), type=type(verdict))
    assert again == verdict
