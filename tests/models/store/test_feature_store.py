from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import ModelError
from models.event_time import DAY_MS
from models.store.feature_store import FeatureStore, Origin
from models.telemetry.samples import Event
from tests.support.stored_windows import HOUR_MS, SCHEMA, windows


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    found = FeatureStore(tmp_path)
    found.describe(SCHEMA, None)
    return found


def test_what_is_landed_is_read_back_to_the_bit(store: FeatureStore) -> None:
    given = windows([1, 2])
    store.land(SCHEMA, [given], Origin("features-0", 3, 7))
    (file,) = store.window_files(SCHEMA.fingerprint)
    table = store.read_windows(file, SCHEMA.feature_names)
    for i, name in enumerate(SCHEMA.feature_names):
        assert table[name].to_numpy().tobytes() == given.values[:, i].tobytes()
    assert table["asset"].to_pylist() == ["a", "b", "a", "b"]
    assert table["end_ms"].to_numpy().tolist() == given.end_ms.tolist()
    assert table["revision"].to_pylist() == [0] * 4


def test_only_the_wanted_features_are_read(store: FeatureStore) -> None:
    store.land(SCHEMA, [windows([1])], Origin("features-0", 0, 0))
    (file,) = store.window_files(SCHEMA.fingerprint)
    assert store.read_windows(file, ["s1.1h.mean"]).column_names == [
        "asset",
        "end_ms",
        "revision",
        "s1.1h.mean",
    ]


def test_a_file_is_named_by_source_offsets_and_content(store: FeatureStore) -> None:
    store.land(SCHEMA, [windows([1])], Origin("features-0", 3, 7))
    (file,) = store.window_files(SCHEMA.fingerprint)
    name = Path(file.path).name
    assert name.startswith("features-0-000000000003-000000000007-")
    assert len(file.sha256) == 16


def test_landing_the_same_again_changes_nothing_and_another_log_overwrites_nothing(
    store: FeatureStore,
) -> None:
    for given in (windows([1]), windows([1]), windows([2])):
        store.land(SCHEMA, [given], Origin("features-0", 0, 0))
    assert len(store.window_files(SCHEMA.fingerprint)) == 2


def test_a_window_belongs_to_the_day_in_which_it_ends_and_midnight_to_the_day_before(
    store: FeatureStore,
) -> None:
    store.land(SCHEMA, [windows([23, 24, 25])], Origin("features-0", 0, 0))
    files = store.window_files(SCHEMA.fingerprint)
    assert [f.day_ms for f in files] == [0, DAY_MS]
    assert [store.read_windows(f, []).num_rows for f in files] == [4, 2]


def test_events_come_back_as_they_were(store: FeatureStore) -> None:
    given = [Event(HOUR_MS, "a", "shutdown", "surge"), Event(2 * DAY_MS, "b", "restart")]
    store.land_events(given, Origin("features-0", 0, 4))
    assert [e for f in store.event_files() for e in store.read_events(f)] == given


def test_a_schema_that_was_never_landed_is_refused_with_those_that_were(store: FeatureStore) -> None:
    assert store.schema(SCHEMA.fingerprint) == SCHEMA
    with pytest.raises(ModelError, match=f"no windows of this fingerprint: there are {'f' * 16}"):
        store.schema("0" * 16)
    (path,) = store.folder.glob("windows/*/schema.json")
    path.write_bytes(b'{"fleet": "\xff"}')
    with pytest.raises(ModelError, match=f"{path.name}: not a schema"):
        store.schema(SCHEMA.fingerprint)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_corrupt_file_is_named_with_what_to_do(store: FeatureStore, damage: bytes) -> None:
    store.land(SCHEMA, [windows([1])], Origin("features-0", 0, 0))
    (file,) = store.window_files(SCHEMA.fingerprint)
    (store.folder / file.path).write_bytes(damage)
    with pytest.raises(ModelError, match=r"features-0.*damaged: .*restore it, or move it away and backfill"):
        store.read_windows(file, [])


def test_a_landing_that_is_interrupted_leaves_nothing_half_written(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", press)
    with pytest.raises(KeyboardInterrupt):
        store.land(SCHEMA, [windows([1])], Origin("features-0", 0, 0))
    assert list(store.folder.rglob("*.partial")) == []


def test_a_file_that_was_left_half_written_is_not_part_of_the_store(store: FeatureStore) -> None:
    store.land(SCHEMA, [windows([1])], Origin("features-0", 0, 0))
    (file,) = store.window_files(SCHEMA.fingerprint)
    path = store.folder / file.path
    path.rename(path.with_name(path.name + ".123.partial"))
    assert store.window_files(SCHEMA.fingerprint) == []
