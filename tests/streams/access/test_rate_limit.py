from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.access.rate_limit import RateLimit, Refusal


class Seconds:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def test_a_minutes_worth_passes_at_once_and_then_evenly(clock: Seconds) -> None:
    limit = RateLimit(30, clock)
    assert [limit.take("a") for _ in range(30)] == [None] * 30
    assert limit.take("a") == Refusal(wait_s=2.0, is_news=True)
    clock.now_s += 1.5
    assert limit.take("a") == Refusal(wait_s=0.5, is_news=False)
    clock.now_s += 0.5
    assert limit.take("a") is None


def test_each_has_a_bucket_of_their_own(clock: Seconds) -> None:
    limit = RateLimit(1, clock)
    assert [limit.take(who) for who in "abc"] == [None] * 3
    assert limit.take("a") is not None


def test_it_is_news_once_a_minute_that_somebody_asks_too_often(clock: Seconds) -> None:
    limit, news = RateLimit(60, clock), 0
    for _ in range(1800):
        refusal = limit.take("a")
        news += refusal is not None and refusal.is_news
        clock.now_s += 0.1
    assert news == 3


def test_no_more_are_remembered_than_can_be_and_those_heard_last_stay(clock: Seconds) -> None:
    limit = RateLimit(1, clock, most=2)
    for who in ("a", "b", "a", "c"):
        limit.take(who)
    assert (limit.take("a") is None, limit.take("b") is None) == (False, True)


@given(st.integers(1, 500), st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_more_pass_than_a_minutes_worth_and_what_the_time_brings(
    per_minute: int, pauses_s: list[float]
) -> None:
    clock = Seconds()
    limit, passed = RateLimit(per_minute, clock), 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        refusal = limit.take("a")
        passed += refusal is None
        if refusal is not None:
            assert 0 < refusal.wait_s <= 60 / per_minute
    assert passed <= per_minute + sum(pauses_s) * per_minute / 60 + 1e-6
