"""The newest promotion of a role counts, wherever it was heard of."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from models.registry.promotion import CHAMPION
from streams.champions.promotion_watch import Watch
from tests.support.promoted_bundles import Home, home, ready
from tests.support.toy_model import Trained, fleet, trained

__all__ = ["home"]


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


def test_what_the_pointer_names_is_considered(home: Home) -> None:
    pool = home.pool()
    home.write("2", home.toy.model)
    home.promote("2")
    Watch(pool).look()
    assert ready(pool) == "2"


def test_what_was_heard_of_counts_where_it_is_newer_than_the_pointer(home: Home) -> None:
    pool = home.pool()
    home.write("2", home.toy.model)
    second = home.promote("2")
    home.write("3", home.toy.model)
    third = home.promote("3")
    home.promotions.withdraw(third)
    home.promotions.enforce(CHAMPION)
    watch = Watch(pool)
    watch.look([third, second])
    assert ready(pool) == "3"
    watch.look()
    assert ready(pool) == "3"


def test_a_promotion_of_another_fleet_says_nothing(home: Home) -> None:
    pool = home.pool()
    home.write("2", home.toy.model)
    foreign = msgspec.structs.replace(home.promote("2"), fleet="other")
    home.promotions.withdraw(foreign)
    home.promotions.enforce(CHAMPION)
    Watch(pool).look([foreign])
    assert ready(pool) == "1"


def test_a_pointer_that_is_none_is_an_alarm(home: Home) -> None:
    pool = home.pool()
    (home.folder / "champion.json").write_text("{")
    Watch(pool).look()
    assert ready(pool) == "1"
    assert "champion.json: not a promotion" in home.alarms[0]


def waited(condition: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 20
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.01)
    return condition()


def test_a_watch_goes_on_after_looks_that_fail_and_says_so(home: Home) -> None:
    pool, pointer = home.pool(), home.folder / "champion.json"
    home.write("2", home.toy.model)
    pointer.unlink()
    pointer.symlink_to("x" * 300)  # a name that no file system takes: to look whether it is there fails
    Watch(pool, again_s=0.01).start()
    assert waited(lambda: len(home.alarms) > 2)
    assert "promotions are not looked at: OSError: [Errno 36]" in home.alarms[0]
    home.promote("2")
    assert waited(lambda: ready(pool) == "2")
