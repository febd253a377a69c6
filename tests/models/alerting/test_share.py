"""The policy of a fixed share alerts the riskiest of each cohort."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alerting.share import SharePolicy, highest
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from tests.support.policies import HYSTERESIS, SHARE


@given(st.lists(st.lists(st.floats(0, 1), max_size=30), max_size=8), st.floats(0.01, 0.99))
def test_never_more_than_the_share_of_a_cohort_or_one_is_alerted_and_nobody_below_another(
    cohorts: list[list[float]], share: float
) -> None:
    policy = SharePolicy(Alerting(horizon_d=0.5, daily_share=share))
    for day, risks in enumerate(cohorts):
        for i, risk in enumerate(risks):
            policy.observe(f"a{i:02d}", day * DAY_MS, risk)
        # Half a day of horizon: whoever was alerted yesterday is decided anew today.
        opened = [d.risk for d in policy.advance(day * DAY_MS) if d.stage == "open"]
        assert opened == sorted(risks, reverse=True)[: max(int(share * len(risks)), 1)]


def test_a_case_of_the_share_stays_open_until_its_machine_was_not_among_it_for_the_horizon() -> None:
    policy, found = SharePolicy(Alerting(horizon_d=3.0, daily_share=0.5)), []
    for day, first in enumerate(["a", "b", "a", "b", "b", "b", "b"]):
        for asset in ("a", "b"):
            policy.observe(asset, day * DAY_MS, 0.9 if asset == first else 0.1)
        found += [(day, d.asset, d.stage, d.reason) for d in policy.advance(day * DAY_MS)]
    assert found == [(0, "a", "open", ""), (1, "b", "open", ""), (5, "a", "closed", "expired")]


def test_a_share_policy_without_a_share_is_refused() -> None:
    with pytest.raises(ValueError, match="daily_share is None"):
        SharePolicy(HYSTERESIS)


def test_a_case_of_the_share_expires_with_the_risk_that_its_machine_has_then() -> None:
    policy = SharePolicy(Alerting(horizon_d=1.0, daily_share=0.5))
    for day, risk in enumerate([0.9, 0.2]):
        policy.observe("a", day * DAY_MS, risk)
        policy.observe("b", day * DAY_MS, 0.5)
        decided = policy.advance(day * DAY_MS)
    assert [(d.asset, d.stage, d.risk) for d in decided] == [("a", "closed", 0.2), ("b", "open", 0.5)]


def test_the_share_policy_alerts_the_highest_and_breaks_ties_by_name() -> None:
    policy = SharePolicy(SHARE)
    for i in reversed(range(29)):
        policy.observe(f"a{i:02d}", DAY_MS, 0.5 if i in (7, 3, 9) else 0.1)
    opened = policy.advance(DAY_MS)
    assert [d.asset for d in opened] == ["a03", "a07"]


def test_a_cohort_waits_for_its_watermark() -> None:
    policy = SharePolicy(SHARE)
    for i in range(10):
        policy.observe(f"a{i}", DAY_MS, i / 10)
    assert policy.advance(DAY_MS - 1) == []
    assert [d.asset for d in policy.advance(DAY_MS)] == ["a9"]
    assert policy.advance(DAY_MS) == []


def test_a_risk_that_is_not_said_is_never_among_the_highest_but_counts_as_one_of_the_fleet() -> None:
    assert highest({"a": float("nan"), "b": 0.1, "c": 0.2, "d": 0.3}, 0.5) == ["d", "c"]
    assert highest({"a": float("nan"), "b": float("nan")}, 0.5) == []
