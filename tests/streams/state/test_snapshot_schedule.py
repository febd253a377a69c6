"""Partitions are saved in time, early where that costs little, and not all at once."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.state.snapshot_schedule import SaveSchedule

INTERVAL_S = 60.0


def savings(took_s: float, partitions: int, until_s: float) -> list[tuple[int, float]]:
    """Ask every tenth of a second, in turn; return which partitions were saved, and when."""
    schedule, now_s, ends_s, out = SaveSchedule(INTERVAL_S), 0.0, math.inf, []
    while now_s < until_s:
        for partition in range(partitions):
            if schedule.is_due(partition, now_s):
                out.append((partition, now_s))
                schedule.began(partition, now_s)
                ends_s = now_s + took_s
        now_s += 0.1
        if now_s >= ends_s:
            schedule.ended(ends_s)
            ends_s = math.inf
    return out


def test_what_is_quickly_saved_is_saved_after_a_twelfth_of_the_interval() -> None:
    times = [round(at_s) for _, at_s in savings(took_s=0.01, partitions=1, until_s=31)]
    assert times == [5, 10, 15, 20, 25, 30]


def test_what_takes_long_is_saved_once_an_interval() -> None:
    times = [round(at_s) for _, at_s in savings(took_s=6.0, partitions=1, until_s=190)]
    assert times == [5, 65, 125, 185]


def test_partitions_take_turns_and_rest_between() -> None:
    found = savings(took_s=0.5, partitions=3, until_s=38)
    assert [partition for partition, _ in found] == [0, 1, 2, 0, 1, 2]
    assert all(b - a >= 0.5 + 10 * 0.5 for (_, a), (_, b) in itertools.pairwise(found))


def test_a_partition_that_fell_silent_holds_up_the_others_for_an_interval_at_most() -> None:
    schedule = SaveSchedule(INTERVAL_S)
    assert not any(schedule.is_due(partition, 0.0) for partition in (1, 0))
    times = [at_s for at_s in range(1, 100) if schedule.is_due(0, float(at_s))]
    assert min(times) <= INTERVAL_S


@given(st.floats(0.0, 10.0), st.integers(1, 12))
@settings(deadline=None)
def test_no_partition_is_saved_later_than_an_interval_and_the_savings_of_the_others(
    took_s: float, partitions: int
) -> None:
    last_s = dict.fromkeys(range(partitions), 0.0)
    for partition, at_s in savings(took_s, partitions, until_s=300.0):
        assert at_s - last_s[partition] <= INTERVAL_S + partitions * took_s + 0.2
        last_s[partition] = at_s
    assert min(last_s.values()) >= 300.0 - INTERVAL_S - partitions * took_s - 0.2


def test_one_is_saved_at_a_time_and_who_waited_longest_is_next() -> None:
    schedule = SaveSchedule(INTERVAL_S)
    asked = [(partition, schedule.is_due(partition, 0.0)) for partition in range(3)]
    assert not any(due for _, due in asked)
    schedule.began(0, 60.0)
    assert not any(schedule.is_due(partition, 200.0) for partition in (0, 2, 1))
    schedule.ended(200.0)
    assert schedule.is_due(1, 200.0)


def test_one_that_was_given_up_is_due_as_if_it_had_not_begun() -> None:
    schedule = SaveSchedule(INTERVAL_S)
    assert not schedule.is_due(0, 0.0)
    schedule.began(0, 60.0)
    schedule.given_up()
    assert schedule.is_due(0, 60.1)


def test_an_interval_of_nothing_saves_with_every_batch() -> None:
    schedule = SaveSchedule(0.0)
    assert all(schedule.is_due(0, float(s)) for s in range(3))
