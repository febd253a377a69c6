from __future__ import annotations

from models.adaptation.contest import Standing, seen


def after(standing: Standing, days: int, gain: float, a_day: int = 50) -> Standing:
    """Return a standing after days on which an adapted risk saved a share of the champion's loss."""
    for day in range(standing.day + 1, standing.day + 1 + days):
        for _ in range(a_day):
            standing = seen(standing, day, 0.2, 0.2 * (1 - gain))
    return standing


def test_a_win_over_labels_enough_that_lasts_a_week_takes_over_and_not_before() -> None:
    assert not after(Standing(), 24, 0.06).decides
    assert after(Standing(), 36, 0.06).decides


def test_a_win_below_the_margin_never_takes_over() -> None:
    assert not after(Standing(), 400, 0.01).decides


def test_few_labels_decide_nothing_however_good_they_look() -> None:
    assert not after(Standing(), 400, 0.5, a_day=10).decides


def test_a_win_by_a_few_labels_among_many_may_be_chance_and_decides_nothing() -> None:
    standing = Standing()
    for day in range(1, 400):
        for number in range(50):
            lucky = day % 30 == 0 and number < 3
            standing = seen(standing, day, 2.0 if lucky else 0.1, 0.1)
    assert standing.gain > 0.02
    assert not standing.decides


def test_it_steps_back_soon_after_it_began_to_lose_whatever_it_won_before() -> None:
    winner = after(Standing(), 90, 0.2)
    assert winner.decides
    loser = after(winner, 36, -0.1)
    assert loser.gain > 0
    assert not loser.decides


def test_between_the_margins_whoever_decides_goes_on() -> None:
    assert after(after(Standing(), 60, 0.1), 400, 0.005).decides
    assert not after(Standing(), 400, 0.005).decides
