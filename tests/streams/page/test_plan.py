"""The weeks ahead and behind."""

from __future__ import annotations

from pathlib import Path

from streams.page.plan import read_plan
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point

NOW_MS = 1_767_225_600_000


def test_maintenance_is_found_among_all_other_events_the_newest_first(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    for i in range(6_000):
        tags = {"asset": f"CH-{i % 50}", "kind": "start"}
        store.add([Point("events", tags, {"count": 1.0}, NOW_MS - i)])
    for i, kind in enumerate(("repair", "maintenance", "service")):
        tags = {"asset": "CH-1", "kind": kind, "code": kind}
        store.add([Point("events", tags, {"count": 1.0}, NOW_MS - 10_000 - i)])
    store.add([Point("events", {"asset": "CH-1", "kind": "repair"}, {"count": 1.0}, NOW_MS + 1)])
    store.flush()
    found = read_plan(store, [], NOW_MS).done
    assert [code for _, _, code in found] == ["repair", "maintenance", "service"]
