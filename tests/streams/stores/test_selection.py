"""Rows of all machines since some time, over the embedded store and a real InfluxDB 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.stores.selection import ASSET, TIME, Condition, Selection
from streams.stores.store import Point, Row, Store
from tests.support.stores import STORES, opened

NOW_MS = 1_767_225_600_000


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def told(asset: str, sensor: str, hour: int) -> Point:
    tags = {"detector": "stuck", "asset": asset, "sensor": sensor}
    return Point("drift", tags, {"value": float(hour), "text": "stands still"}, NOW_MS + hour * 3_600_000)


def test_every_row_since_a_time_is_read_the_newest_first_with_its_tags(store: Store) -> None:
    store.add([told("a", "x", hour) for hour in range(5)] + [told("b", "y", 3)])
    store.add([Point("events", {"asset": "a", "kind": "shutdown"}, {"count": 1.0}, NOW_MS + 1)])
    store.flush()
    since = Condition(TIME, ">", float(NOW_MS + 3_600_000))
    found = store.select(Selection("drift", TIME, (since,), descending=True, most=3, every=True))
    assert (found.found, [row.fields["value"] for row in found.rows]) == (4, [4.0, 3.0, 3.0])
    assert found.rows[0] == Row(
        NOW_MS + 4 * 3_600_000,
        {"detector": "stuck", "asset": "a", "sensor": "x"},
        {"value": 4.0, "text": "stands still"},
    )
    newest = store.select(Selection("drift", TIME, (since,), descending=True))
    assert [row.fields["value"] for row in newest.rows] == [4.0, 3.0]


def test_rows_are_asked_for_by_a_tag_before_any_are_left_out(store: Store) -> None:
    for hour in range(6):
        kind = "shutdown" if hour in (1, 2) else "maintenance" if hour == 3 else "start"
        store.add([Point("events", {"asset": "a", "kind": kind}, {"count": 1.0}, NOW_MS + hour)])
    store.flush()
    for condition, hours in (
        (Condition("kind", "=", "shutdown"), [2, 1]),
        (Condition("kind", "of", ("maintenance", "shutdown")), [3, 2]),
        (Condition("kind", "!=", "start"), [3, 2]),
        (Condition("code", "=", "surge"), []),
    ):
        found = store.select(Selection("events", TIME, (condition,), descending=True, most=2, every=True))
        assert [row.time_ms - NOW_MS for row in found.rows] == hours


def test_a_name_that_is_a_tag_elsewhere_is_asked_for_as_a_field(store: Store) -> None:
    for kind in ("opened", "worse"):
        store.add([Point("deliveries", {"channel": kind, "ending": "sent"}, {"kind": kind}, NOW_MS)])
    store.flush()
    found = store.select(Selection("deliveries", TIME, (Condition("kind", "=", "worse"),), every=True))
    assert [row.word("channel") for row in found.rows] == ["worse"]


def test_rows_of_no_asset_are_asked_for_by_an_empty_one(store: Store) -> None:
    store.add([told("a", "x", hour) for hour in range(5)])
    nobody = Condition(ASSET, "=", "")
    of_nobody = Selection("drift", TIME, (nobody,), descending=True, most=1, every=True)
    store.flush()
    assert store.select(of_nobody).found == 0
    store.add([Point("drift", {"detector": "fleet"}, {"value": 7.0}, NOW_MS)])
    store.flush()
    found = store.select(of_nobody)
    assert (found.found, [row.fields["value"] for row in found.rows]) == (1, [7.0])


def test_nothing_is_found_in_an_empty_store(store: Store) -> None:
    assert store.select(Selection("drift", TIME)).found == 0


@pytest.mark.parametrize("name", ["a b", "x'", "", "A"])
def test_what_is_no_name_of_a_field_never_becomes_part_of_a_query(name: str) -> None:
    with pytest.raises(ValueError, match="snake_case"):
        Condition(name, "=", 1.0)
    with pytest.raises(ValueError, match="snake_case"):
        Selection(name, "time_ms")
