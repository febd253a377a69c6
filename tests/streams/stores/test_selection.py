"""Rows of all machines since some time, over the embedded store and a real InfluxDB 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.stores.selection import TIME, Condition, Selection
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


def test_nothing_is_found_in_an_empty_store(store: Store) -> None:
    assert store.select(Selection("drift", TIME)).found == 0


@pytest.mark.parametrize("name", ["a b", "x'", "", "A"])
def test_what_is_no_name_of_a_field_never_becomes_part_of_a_query(name: str) -> None:
    with pytest.raises(ValueError, match="snake_case"):
        Condition(name, "=", 1.0)
    with pytest.raises(ValueError, match="snake_case"):
        Selection(name, "time_ms")
