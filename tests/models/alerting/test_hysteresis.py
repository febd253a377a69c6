"""The policy of repeated high risks opens and closes cases as it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.alerting.hysteresis import HysteresisPolicy
from models.fleet.alerting import Alerting
from tests.support.policies import HOUR_MS, hysteresis, stages


def test_an_outcome_forgets_the_risks_before_it() -> None:
    policy = HysteresisPolicy(Alerting(horizon_d=7.0, cooldown_d=0.0), 0.4)
    assert stages(policy, [0.9, 0.9]) == []
    policy.event("a", 2 * HOUR_MS)
    assert policy.observe("a", 2 * HOUR_MS, 0.9) == []


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


def test_after_an_outcome_no_case_opens_for_the_cooldown() -> None:
    policy = hysteresis()
    stages(policy, [0.9] * 3)
    policy.event("a", 3 * HOUR_MS)
    found = [(h, d.stage) for h in range(4, 60) for d in policy.observe("a", h * HOUR_MS, 0.9)]
    assert found == [(51, "open")]


def test_after_a_case_that_cleared_a_new_sign_opens_another_at_once() -> None:
    risks = [0.9] * 3 + [0.0] * 7 + [0.9] * 3
    assert stages(hysteresis(), risks) == [(2, "open", ""), (9, "closed", "cleared"), (12, "open", "")]


NONE = float("nan")


def test_a_risk_that_is_not_said_opens_nothing_and_is_not_one_of_the_last_ones() -> None:
    assert stages(hysteresis(), [0.5, 0.5, NONE, NONE, NONE, NONE]) == []
    assert stages(hysteresis(), [0.5, 0.5, NONE, NONE, NONE, 0.5]) == [(5, "open", "")]


def test_what_is_not_said_clears_no_case_and_a_case_expires_by_it() -> None:
    assert stages(hysteresis(), [0.5] * 3 + [NONE] * 100) == [(2, "open", "")]
    assert stages(hysteresis(), [0.5] * 3 + [0.1] * 6 + [NONE] + [0.1] * 6) == [(2, "open", "")]
    assert stages(hysteresis(), [0.5] * 3 + [0.1] * 7)[-1] == (9, "closed", "cleared")
    week_h = 7 * 24
    assert stages(hysteresis(), [0.5] * 3 + [NONE] * week_h)[-1] == (week_h + 2, "closed", "expired")
