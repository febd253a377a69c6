"""Cases are chosen by the store, over the embedded one and a real InfluxDB 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.cases.book import CaseBook
from models.cases.case import Case
from models.event_time import DAY_MS
from streams.stores.case_points import case_point
from streams.stores.case_query import ORDERS, WANTED_STATES, CaseQuery, find_cases
from streams.stores.case_reader import present_cases
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Store
from tests.support.case_life import PRESENT, Step, asks, does, fresh, lives, signal
from tests.support.stores import STORES, opened

DAY = 20_454
NOW_MS = (DAY + 1) * DAY_MS


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    found = opened(request, tmp_path)
    book = CaseBook(DAY_MS)
    steps = [
        signal("open", DAY, asset="a", latest_d=6),
        signal("open", DAY, asset="b", severity="critical", latest_d=2),
        signal("open", DAY - 3, asset="c"),
        signal("closed", DAY - 3, day=DAY, asset="c", reason="event"),
        signal("open", DAY - 40, asset="d"),
        signal("closed", DAY - 40, day=DAY - 38, asset="d"),
        signal("open", DAY - 1, day=DAY - 1, asset="d", latest_d=9),
        signal("open", DAY, asset="e"),
    ]
    for step in steps:
        book.hear(step)
        _keep(found, book, step.asset)
    for command in (
        asks("assign", PRESENT, DAY, asset="a", assignee="Ann"),
        asks("acknowledge", PRESENT, DAY, asset="b"),
        asks("snooze", PRESENT, DAY, asset="d", until="date", until_ms=NOW_MS + 1),
        asks("resolve", PRESENT, DAY, asset="e", outcome="confirmed", mode="leak"),
    ):
        assert book.ask(fresh(book, command))[0].accepted
        _keep(found, book, command.asset)
    found.flush()
    return found


def _keep(store: Store, book: CaseBook, asset: str) -> None:
    case = book.remember(asset).case
    assert case is not None
    store.add([case_point(case)])


def names(store: Store, **asked: object) -> str:
    found, cases = find_cases(store, CaseQuery(**{"now_ms": NOW_MS, **asked}))  # type: ignore[arg-type]
    shown = "".join(case.asset for case in cases)
    return shown if found == len(cases) else f"{shown} of {found}"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "bad"),
        ({"state": "all"}, "badce"),
        ({"state": "new"}, "a"),
        ({"state": "acknowledged"}, "b"),
        ({"state": "snoozed"}, "d"),
        ({"state": "snoozed", "now_ms": NOW_MS + 1}, ""),
        ({"state": "new", "now_ms": NOW_MS + 1}, "ad"),
        ({"state": "ended"}, "c"),
        ({"state": "resolved"}, "e"),
        ({"assignee": "Ann"}, "a"),
        ({"assignee": ""}, "bd"),
        ({"mode": "fouling"}, "bad"),
        ({"mode": "leak"}, ""),
        ({"assets": ["a", "d", "z"]}, "ad"),
        ({"assets": []}, ""),
        ({"words": "FOUL a-"}, "a"),
        ({"words": "'; DROP"}, ""),
        ({"state": "all", "start": 1, "most": 2}, "ad of 5"),
        ({"order": "soonest"}, "bad"),
        ({"order": "machine"}, "abd"),
        ({"order": "newest"}, "bad"),
    ],
)
def test_a_store_is_asked_for_a_part_of_the_cases(store: Store, asked: dict[str, object], found: str) -> None:
    assert names(store, **asked) == found


def test_the_stamp_is_another_after_each_change_of_a_case_alone(store: Store) -> None:
    stamps = [store.stamp("cases")]
    book = CaseBook(DAY_MS)
    book.hear(signal("open", DAY, asset="z"))
    _keep(store, book, "z")
    store.flush()
    stamps.append(store.stamp("cases"))
    book.ask(asks("acknowledge", 1, asset="z"))
    _keep(store, book, "z")
    store.flush()
    stamps += [store.stamp("cases"), store.stamp("cases")]
    assert len(set(stamps)) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=lives(), state=st.sampled_from(WANTED_STATES), day=st.integers(0, 120))
def test_the_store_finds_what_the_cases_themselves_say(
    tmp_path_factory: pytest.TempPathFactory, life: list[Step], state: str, day: int
) -> None:
    store, book = SqliteStore(tmp_path_factory.mktemp("q") / "s.db"), CaseBook(14 * DAY_MS)
    for step in life:
        change = does(book, step)[1]
        if change.case is not None:
            store.add([case_point(change.case)])
    store.flush()

    def fits(case: Case) -> bool:
        is_wanted = case.is_open if state == "open" else case.state(day * DAY_MS) == state
        return state == "all" or is_wanted

    wanted = [case for case in present_cases(store) if fits(case)]
    assert find_cases(store, CaseQuery(day * DAY_MS, state)) == (len(wanted), wanted)
    for order in ORDERS:
        _, found = find_cases(store, CaseQuery(day * DAY_MS, state, order=order))
        assert sorted(c.case for c in found) == sorted(c.case for c in wanted)
    store.close()
