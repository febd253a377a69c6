"""Planned stops in each kind of store: as they are now, by machine, by time and by plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from models.cases.case import Mark
from models.cases.stops import PlannedStop
from streams.stores.planned_stops import Planned, await_stops, by_plan, stop_point, stops_of, stops_since
from streams.stores.store import Store
from tests.support.stores import STORES, opened

STOP = PlannedStop(
    plan="p1",
    asset="a",
    from_ms=50,
    until_ms=90,
    planned_until_ms=90,
    who="ann",
    time_ms=2,
    text="oil 'n' \"b\"",
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def keep(store: Store, *stops: PlannedStop) -> None:
    store.add(map(stop_point, stops))
    assert store.flush().rejected == ()


def test_a_stop_that_is_cancelled_takes_the_place_of_what_it_was(store: Store) -> None:
    gone = replace(STOP, until_ms=50, cancelled=Mark(who="bob", time_ms=7))
    keep(store, STOP)
    before = store.stamp("planned_stops")
    keep(store, gone)
    assert stops_of(store, "a") == [gone]
    assert store.stamp("planned_stops") != before


def test_stops_are_found_by_machine_by_time_and_by_plan(store: Store) -> None:
    other = replace(STOP, asset="b", site="north", from_ms=40, until_ms=60)
    later = replace(STOP, plan="p2", time_ms=3, from_ms=95, until_ms=99)
    keep(store, STOP, other, later)
    assert stops_of(store, "a") == [later, STOP]
    assert stops_since(store, 0) == [other, STOP, later]
    assert stops_since(store, 60) == [STOP, later]
    assert stops_since(store, 0, ["b", "c"]) == [other]
    assert stops_since(store, 0, plan="p1") == [other, STOP]
    assert [[s.asset for s in one.stops] for one in by_plan(stops_since(store, 0))] == [["a", "b"], ["a"]]
    assert stops_since(store, 0, ["nobody"]) == []


def test_none_is_left_out_however_many_there_are(store: Store) -> None:
    stops = [replace(STOP, asset=f"m{i}", from_ms=50 + i) for i in range(5)]
    keep(store, *stops)
    assert stops_since(store, 0, at_once=2) == stops


def test_who_looks_next_sees_it_but_nobody_waits_for_ever(store: Store) -> None:
    passed = iter(range(100))
    await_stops(store, [STOP], lambda: next(passed), lambda _: None)
    assert next(passed) == 6
    keep(store, STOP)
    await_stops(store, [STOP], lambda: 0.0, lambda _: pytest.fail("it is there"))


def test_a_plan_is_called_after_its_site_and_a_machine_that_still_stops() -> None:
    gone = replace(STOP, until_ms=50, site="north")
    assert Planned((gone, replace(STOP, asset="b"))).first.asset == "b"
    assert (Planned((STOP,)).about, Planned((gone,)).about) == ("a", "north")
