from __future__ import annotations

from pathlib import Path

import pytest

from models.cases.book import CaseBook
from models.event_time import DAY_MS
from streams.stores.case_points import case_point, entry_point
from streams.stores.case_reader import case_named, every_case, history_of, present_cases, watermarks_of
from streams.stores.store import Point, Store
from tests.support.case_life import Step, asks, signal, told
from tests.support.stores import STORES, opened


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def keep(store: Store, *steps: Step) -> CaseBook:
    book = CaseBook(DAY_MS)
    for step in steps:
        store.add(entry_point(entry) for entry in told(book, step))
        case = book.remember(step.asset).case
        if case is not None:
            store.add([case_point(case)])
    store.flush()
    return book


def test_a_machine_has_one_present_case_and_every_one_is_found(store: Store) -> None:
    keep(store, signal("open", 100), signal("closed", 100, day=101), signal("open", 200, day=200))
    (present,) = present_cases(store)
    assert present.opened_ms == 200 * DAY_MS
    assert [case.opened_ms // DAY_MS for case in every_case(store)] == [200, 100]


def test_a_case_is_found_by_its_name_and_by_its_machine(store: Store) -> None:
    keep(store, signal("open", 100, asset="a-7"), signal("open", 300, day=300, asset="a-7"))
    keep(store, signal("open", 100, asset="b"), signal("closed", 100, day=101, asset="b"))
    (a,) = [case for case in present_cases(store) if case.asset == "a-7"]
    assert case_named(store, a.case) == case_named(store, "a-7") == a
    assert [case_named(store, name) for name in ("a", "a-8", "b-1", "-", "")] == [None] * 5


def test_the_worst_comes_first_and_what_is_over_last(store: Store) -> None:
    keep(
        store,
        signal("open", 100, asset="calm", latest_d=20),
        signal("open", 100, asset="over", severity="critical"),
        signal("closed", 100, day=101, asset="over"),
        signal("open", 100, asset="soon", latest_d=6),
        signal("open", 100, asset="sooner", latest_d=4),
        signal("open", 100, asset="bad", severity="critical", latest_d=20),
    )
    assert [case.asset for case in present_cases(store)] == ["bad", "sooner", "soon", "calm", "over"]


def test_a_history_is_that_of_one_case_in_its_order(store: Store) -> None:
    keep(
        store,
        signal("open", 100),
        asks("comment", 1, day=300, text="first"),
        signal("closed", 100, day=101),
        signal("open", 200, day=200),
    )
    newest, oldest = every_case(store)
    assert [entry.kind for entry in history_of(store, oldest)] == ["opened", "commented", "cleared"]
    assert [entry.kind for entry in history_of(store, newest)] == ["opened"]


def test_watermarks_are_read_and_an_empty_store_has_none(store: Store) -> None:
    assert list(watermarks_of(store)) == []
    assert present_cases(store) == []
    store.add([Point("watermarks", {"partition": "0"}, {"time_ms": 5.0, "end": 0.0}, 0)])
    store.flush()
    assert list(watermarks_of(store)) == [5]
