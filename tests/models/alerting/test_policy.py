from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alerting.policy import (
    Case,
    HysteresisPolicy,
    Policy,
    RiskSeries,
    Settled,
    SharePolicy,
    cases_of,
    create_policy,
    false_cases,
    learn_threshold,
    unexplained,
)
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event

HOUR_MS, WEEK_MS = 3_600_000, 7 * DAY_MS
HYSTERESIS = Alerting(
    horizon_d=7.0, raise_count=3, raise_among=4, clear_ratio=0.5, clear_d=0.25, cooldown_d=2.0
)
SHARE = Alerting(horizon_d=7.0, daily_share=0.1)


def hysteresis(threshold: float = 0.4) -> HysteresisPolicy:
    return HysteresisPolicy(HYSTERESIS, threshold)


def stages(policy: Policy, risks: list[float], asset: str = "a") -> list[tuple[int, str, str]]:
    """Feed one risk an hour; return (hour, stage, reason)."""
    out = []
    for hour, risk in enumerate(risks):
        out += [(hour, d.stage, d.reason) for d in policy.observe(asset, hour * HOUR_MS, risk)]
    return out


@pytest.fixture(params=["hysteresis", "share"])
def policy(request: pytest.FixtureRequest) -> Policy:
    return hysteresis() if request.param == "hysteresis" else SharePolicy(SHARE)


class TestEveryPolicy:
    def feed(self, policy: Policy, days: int, risky: str = "a00") -> list[tuple[str, str]]:
        out = []
        for hour in range(days * 24):
            end_ms = hour * HOUR_MS
            for i in range(10):
                asset = f"a{i:02d}"
                risk = 0.9 if asset == risky else 0.01 + i / 1000
                out += [(d.asset, d.stage) for d in policy.observe(asset, end_ms, risk)]
            out += [(d.asset, d.stage) for d in policy.advance(end_ms)]
        return out

    def test_the_machine_with_the_high_risk_gets_the_one_case(self, policy: Policy) -> None:
        assert self.feed(policy, 1) == [("a00", "open")]

    def test_an_outcome_closes_the_case_and_says_so(self, policy: Policy) -> None:
        self.feed(policy, 1)
        (closed,) = policy.event("a00", DAY_MS)
        assert (closed.asset, closed.stage, closed.reason) == ("a00", "closed", "event")
        assert policy.event("a00", DAY_MS + 1) == []

    def test_an_outcome_without_a_case_decides_nothing(self, policy: Policy) -> None:
        assert policy.event("unseen", DAY_MS) == []


HISTORY = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([0.0, 0.3, 0.9]), st.booleans()), max_size=150
)


@pytest.mark.parametrize("alerting", [HYSTERESIS, Alerting(horizon_d=2.0, daily_share=0.34)])
@given(HISTORY)
def test_the_cases_of_each_machine_open_and_close_in_turn(
    alerting: Alerting, history: list[tuple[str, float, bool]]
) -> None:
    """Whoever keeps cases by machine relies on it; outcomes come in between."""
    policy = create_policy(alerting, 0.4)
    decided = []
    for step, (asset, risk, trips) in enumerate(history):
        end_ms = step * 7 * HOUR_MS
        decided += policy.event(asset, end_ms) if trips else policy.observe(asset, end_ms, risk)
        decided += policy.advance(end_ms)
    for asset in "abc":
        own = [d.stage for d in decided if d.asset == asset]
        assert own == ["open", "closed"] * (len(own) // 2) + ["open"] * (len(own) % 2)
    assert [d.time_ms for d in decided] == sorted(d.time_ms for d in decided)


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
    for day, highest in enumerate(["a", "b", "a", "b", "b", "b", "b"]):
        for asset in ("a", "b"):
            policy.observe(asset, day * DAY_MS, 0.9 if asset == highest else 0.1)
        found += [(day, d.asset, d.stage, d.reason) for d in policy.advance(day * DAY_MS)]
    assert found == [(0, "a", "open", ""), (1, "b", "open", ""), (5, "a", "closed", "expired")]


def test_a_share_policy_without_a_share_is_refused() -> None:
    with pytest.raises(ValueError, match="daily_share is None"):
        SharePolicy(HYSTERESIS)


def test_an_outcome_forgets_the_risks_before_it() -> None:
    policy = HysteresisPolicy(Alerting(horizon_d=7.0, cooldown_d=0.0), 0.4)
    assert stages(policy, [0.9, 0.9]) == []
    policy.event("a", 2 * HOUR_MS)
    assert policy.observe("a", 2 * HOUR_MS, 0.9) == []


def test_events_that_are_no_outcome_close_nothing_in_a_replay() -> None:
    series = RiskSeries(["a"], np.zeros(6, np.int32), np.arange(6) * HOUR_MS, np.full(6, 0.9))
    events = [Event(3 * HOUR_MS + 1, "a", kind) for kind in ("cycling", "maintenance")]
    (case,) = cases_of(hysteresis(), series, EventLog(events))
    assert (case.asset, case.opened_ms) == ("a", 2 * HOUR_MS)


def test_a_case_is_false_unless_an_outcome_of_its_machine_follows_in_its_time() -> None:
    series = RiskSeries(
        ["a", "b"],
        np.repeat(np.arange(2, dtype=np.int32), 4),
        np.tile(np.arange(4) * HOUR_MS, 2),
        np.full(8, 0.9),
    )
    cases = cases_of(hysteresis(), series, EventLog())
    edge = Event(2 * HOUR_MS + 7 * DAY_MS, "a", "shutdown")
    assert [c.asset for c in false_cases(cases, EventLog([edge]), WEEK_MS)] == ["b"]
    beyond = Event(edge.time_ms + 1, "a", "shutdown")
    assert [c.asset for c in false_cases(cases, EventLog([beyond]), WEEK_MS)] == ["a", "b"]


def test_a_budget_that_no_threshold_meets_gives_the_highest_risk() -> None:
    none = Alerting(horizon_d=7.0, false_alarms_per_asset_year=1e-9, raise_count=1, raise_among=1)
    series = RiskSeries(["a"], np.zeros(50, np.int32), np.arange(50) * HOUR_MS, np.linspace(0, 0.6, 50))
    assert learn_threshold(none, series, EventLog()) == 0.6


def test_the_lowest_threshold_is_taken_that_just_keeps_to_the_budget() -> None:
    """A year of one machine with false alarms at 0.5, 0.7 and 0.9, of which two are allowed."""
    year_h = int(365.25 * 24)
    risk = np.zeros(year_h + 1)
    for start, level in ((1000, 0.5), (3000, 0.7), (5000, 0.9)):
        risk[start : start + 40] = level
    series = RiskSeries(["a"], np.zeros(year_h + 1, np.int32), np.arange(year_h + 1) * HOUR_MS, risk)
    two = Alerting(horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=2.1)
    found = learn_threshold(two, series, EventLog())
    assert 0.5 < found <= 0.7
    assert len(cases_of(HysteresisPolicy(two, found), series, EventLog())) == 2


def test_a_replay_takes_windows_and_outcomes_of_all_machines_in_order_of_time() -> None:
    """Machine by machine, the outcome of b would be taken before its windows, and cost it its case."""
    asset, end_ms = np.repeat(np.arange(2, dtype=np.int32), 8), np.tile(np.arange(8) * HOUR_MS, 2)
    series = RiskSeries(["a", "b"], asset, end_ms, np.full(16, 0.9))
    outcome = EventLog([Event(5 * HOUR_MS + 1, "b", "shutdown")])
    assert [(c.asset, c.opened_ms) for c in cases_of(hysteresis(), series, outcome)] == [
        ("a", 2 * HOUR_MS),
        ("b", 2 * HOUR_MS),
    ]


def test_an_outcome_at_the_end_of_a_window_comes_after_it_in_a_replay() -> None:
    series = RiskSeries(["a"], np.zeros(3, np.int32), np.arange(3) * HOUR_MS, np.full(3, 0.9))
    (case,) = cases_of(hysteresis(), series, EventLog([Event(2 * HOUR_MS, "a", "shutdown")]))
    assert case.opened_ms == 2 * HOUR_MS


def test_a_replay_decides_the_last_cohort_too() -> None:
    series = RiskSeries(["a", "b"], np.arange(2, dtype=np.int32), np.full(2, DAY_MS), np.array([0.1, 0.9]))
    (case,) = cases_of(SharePolicy(Alerting(horizon_d=7.0, daily_share=0.5)), series, EventLog())
    assert (case.asset, case.opened_ms) == ("b", DAY_MS)


def test_another_threshold_holds_from_the_next_risk_on() -> None:
    policy = hysteresis()
    policy.hold_to(0.95)
    assert stages(policy, [0.9] * 6) == []
    policy.hold_to(0.3)
    assert stages(policy, [0.35] * 3) == [(2, "open", "")]


def test_a_risk_at_the_share_of_the_threshold_does_not_clear_a_case() -> None:
    assert stages(hysteresis(), [0.5, 0.5, 0.5, 0.2]) == [(2, "open", "")]


def test_a_policy_that_was_restored_forgets_old_risks_as_before() -> None:
    before, after = hysteresis(), hysteresis()
    stages(before, [0.5, 0.5, 0.1, 0.1])
    after.restore("a", before.remember("a"))
    assert stages(after, [0.1, 0.5]) == stages(before, [0.1, 0.5]) == []


def test_a_case_of_the_share_expires_with_the_risk_that_its_machine_has_then() -> None:
    policy = SharePolicy(Alerting(horizon_d=1.0, daily_share=0.5))
    for day, risk in enumerate([0.9, 0.2]):
        policy.observe("a", day * DAY_MS, risk)
        policy.observe("b", day * DAY_MS, 0.5)
        decided = policy.advance(day * DAY_MS)
    assert [(d.asset, d.stage, d.risk) for d in decided] == [("a", "closed", 0.2), ("b", "open", 0.5)]


def test_a_case_opens_at_three_of_four_and_not_before() -> None:
    assert stages(hysteresis(), [0.5, 0.1, 0.5, 0.1, 0.5, 0.1]) == []
    assert stages(hysteresis(), [0.5, 0.1, 0.5, 0.5]) == [(3, "open", "")]


def test_a_risk_at_the_threshold_counts() -> None:
    assert stages(hysteresis(0.4), [0.4, 0.4, 0.4]) == [(2, "open", "")]


def test_a_case_clears_once_the_risk_stayed_below_half_the_threshold_for_long_enough() -> None:
    assert stages(hysteresis(0.4), [0.5, 0.5, 0.5, 0.21] + [0.19] * 7) == [
        (2, "open", ""),
        (10, "closed", "cleared"),
    ]


@given(st.lists(st.floats(0.0, 0.19), min_size=1, max_size=6), st.floats(0.2, 1.0))
def test_a_dip_closes_no_case(dip: list[float], back: float) -> None:
    assert stages(hysteresis(0.4), [*[0.5] * 3, *dip, back, *dip, back]) == [(2, "open", "")]


def test_a_case_expires_when_its_time_has_passed() -> None:
    found = stages(hysteresis(), [0.9] * (24 * 7 + 3))
    assert found == [(2, "open", ""), (2 + 24 * 7, "closed", "expired")]


def test_a_case_that_expires_while_the_risk_is_as_high_is_followed_by_another_without_a_cooldown() -> None:
    found = stages(hysteresis(), [0.9] * (24 * 8))
    assert found[1:] == [(2 + 24 * 7, "closed", "expired"), (5 + 24 * 7, "open", "")]


def test_a_case_may_stand_for_longer_than_the_horizon() -> None:
    alerting = Alerting(horizon_d=1.0, case_d=2.0, clear_ratio=0.1)
    found = stages(HysteresisPolicy(alerting, 0.4), [0.9] * 3 + [0.3] * 60)
    assert found == [(2, "open", ""), (2 + 48, "closed", "expired")]


def test_a_case_announces_what_comes_in_its_time_even_if_it_cleared_before() -> None:
    assert Case("a", 0).announces(Event(WEEK_MS, "a", "shutdown"), WEEK_MS)
    assert not Case("a", 0).announces(Event(WEEK_MS + 1, "a", "shutdown"), WEEK_MS)
    assert not Case("b", 0).announces(Event(WEEK_MS, "a", "shutdown"), WEEK_MS)


def test_work_that_found_a_fault_explains_a_case_and_a_service_does_not() -> None:
    cases = [Case("a", 0), Case("b", 0), Case("c", 0)]
    found = Event(DAY_MS, "a", "maintenance", "corrective")
    service = Event(DAY_MS, "b", "maintenance", "annual-service")
    assert [c.asset for c in unexplained(cases, EventLog([found, service]), HYSTERESIS)] == ["b", "c"]


@pytest.mark.parametrize(("budget_of", "allowed"), [("unexplained", True), ("all", False)])
def test_the_budget_counts_what_it_is_told_to(
    budget_of: Literal["unexplained", "all"], allowed: bool
) -> None:
    alerting = Alerting(
        horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=0.5, budget_of=budget_of
    )
    risk = np.zeros(365)
    risk[100:105] = 0.9
    series = RiskSeries(["a"], np.zeros(365, np.int32), np.arange(365) * DAY_MS, risk)
    found = EventLog([Event(103 * DAY_MS, "a", "maintenance", "corrective")])
    assert (learn_threshold(alerting, series, found) < 0.9) is allowed


def test_cases_that_are_not_settled_do_not_count_in_learning() -> None:
    alerting = Alerting(horizon_d=7.0, raise_count=1, raise_among=1, false_alarms_per_asset_year=0.5)
    risk = np.zeros(365)
    risk[360] = 0.9
    series = RiskSeries(["a"], np.zeros(365, np.int32), np.arange(365) * DAY_MS, risk)
    assert learn_threshold(alerting, series, EventLog()) < 0.9


def test_after_an_outcome_no_case_opens_for_the_cooldown() -> None:
    policy = hysteresis()
    stages(policy, [0.9] * 3)
    policy.event("a", 3 * HOUR_MS)
    found = [(h, d.stage) for h in range(4, 60) for d in policy.observe("a", h * HOUR_MS, 0.9)]
    assert found == [(51, "open")]


def test_after_a_case_that_cleared_a_new_sign_opens_another_at_once() -> None:
    risks = [0.9] * 3 + [0.0] * 7 + [0.9] * 3
    assert stages(hysteresis(), risks) == [(2, "open", ""), (9, "closed", "cleared"), (12, "open", "")]


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


def test_the_fleet_file_chooses_the_policy() -> None:
    assert isinstance(create_policy(SHARE, 0.5), SharePolicy)
    assert isinstance(create_policy(HYSTERESIS, 0.5), HysteresisPolicy)


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_a_learnt_threshold_keeps_to_the_budget_on_its_own_slice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assets, hours = [f"a{i}" for i in range(8)], 24 * 60
    asset = np.repeat(np.arange(8, dtype=np.int32), hours)
    end_ms = np.tile(np.arange(hours) * HOUR_MS, 8)
    series = RiskSeries(assets, asset, end_ms, rng.beta(1, 8, 8 * hours))
    events = EventLog([Event(int(rng.integers(0, hours)) * HOUR_MS, "a1", "shutdown")])
    threshold = learn_threshold(HYSTERESIS, series, events)
    cases = cases_of(HysteresisPolicy(HYSTERESIS, threshold), series, events)
    settled = Settled(HYSTERESIS, 0, (hours - 1) * HOUR_MS)
    years = 8 * settled.years
    false = false_cases(settled.of(cases), events, HYSTERESIS.case_ms)
    assert len(false) / years <= HYSTERESIS.false_alarms_per_asset_year or threshold == series.risk.max()
