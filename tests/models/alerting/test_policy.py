from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.policy import Policy, create_policy
from models.alerting.share import SharePolicy
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from tests.support.policies import HOUR_MS, HYSTERESIS, SHARE, hysteresis


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


def test_the_fleet_file_chooses_the_policy() -> None:
    assert isinstance(create_policy(SHARE, 0.5), SharePolicy)
    assert isinstance(create_policy(HYSTERESIS, 0.5), HysteresisPolicy)


@pytest.mark.parametrize("daily_share", [None, 0.5])
def test_windows_between_those_looked_at_decide_nothing(daily_share: float | None) -> None:
    alerting = Alerting(horizon_d=7.0, raise_count=1, raise_among=1, every_s=21_600, daily_share=daily_share)
    policy = create_policy(alerting, 0.4)
    for hour in range(1, 6):
        assert policy.observe("a", hour * HOUR_MS, 0.9) == []
    assert policy.advance(5 * HOUR_MS) == []
    opened = policy.observe("a", 6 * HOUR_MS, 0.9) + policy.advance(6 * HOUR_MS)
    assert [(d.stage, d.time_ms) for d in opened] == [("open", 6 * HOUR_MS)]
