from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.fleet.knowledge import Running
from models.learning.fitting import fit
from models.learning.history import History
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of, select, verify
from models.store.feature_store import FeatureStore, Origin, stored_schema
from models.telemetry.samples import Event
from tests.support.rising_fleet import DAYS, EVENTS, fitted, fleet, ignore, plan, slices, written

END_MS = DAYS * DAY_MS


def landed(folder: Path, toy: Fleet, cut: int = 1) -> FeatureStore:
    """Land the made-up fleet, ``cut`` days to a file."""
    store, history, parts = FeatureStore(folder), History(toy, ()), slices(EVENTS)
    store.describe(stored_schema(history.schema), None)
    for first in range(0, DAYS, cut):
        origin = Origin("toy", first, first + cut - 1)
        found = [w for part in parts[first : first + cut] for w in history.see(part)]
        store.land(stored_schema(history.schema), found, origin)
        store.land_events([e for part in parts[first : first + cut] for e in part.events], origin)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return landed(tmp_path_factory.mktemp("store"), fleet())


def whole(store: FeatureStore) -> Dataset:
    return select(store, "toy", 0, END_MS)


def rows(found: list[Windows]) -> dict[tuple[str, int], bytes]:
    return {
        (w.assets[w.asset[i]], int(w.end_ms[i])): w.values[i].tobytes() for w in found for i in range(len(w))
    }


def test_a_stored_history_has_the_windows_of_a_replayed_one_to_the_bit(store: FeatureStore) -> None:
    replayed = [w for w in History(fleet(), slices(EVENTS)).until(END_MS) if w.revision.max() == 0]
    stored = StoredHistory(store, whole(store), fleet())
    assert rows(list(stored.until(END_MS))) == rows(replayed)
    assert sorted(set(stored.events)) == sorted({e for part in slices(EVENTS) for e in part.events})


def test_it_goes_on_where_it_stopped_and_thins_to_a_stride(store: FeatureStore) -> None:
    twice, once = StoredHistory(store, whole(store), fleet()), StoredHistory(store, whole(store), fleet())
    halves = [w for until in (40, DAYS) for w in twice.until(until * DAY_MS, emit_s=43_200)]
    assert rows(halves) == {k: v for k, v in rows(list(once.until(END_MS))).items() if k[1] % 43_200_000 == 0}


def test_events_are_known_only_up_to_where_it_has_come(store: FeatureStore) -> None:
    history = StoredHistory(store, whole(store), fleet())
    list(history.until(40 * DAY_MS))
    assert max(e.time_ms for e in history.events) <= 40 * DAY_MS


def test_features_that_are_not_wanted_are_not_read(store: FeatureStore) -> None:
    toy = replace(fleet(), training=replace(fleet().training, features=("s0.*",)))
    history = StoredHistory(store, whole(store), toy)
    first = next(iter(history.until(END_MS)))
    read = np.flatnonzero(~np.isnan(first.values).all(axis=0)).tolist()
    others = [name for name in (history.schema.names[i] for i in read) if not name.startswith("s0.")]
    assert others == ["s1.1d.mean"], "which tells that the sensor was seen"


def test_training_from_the_store_gives_a_model_and_the_same_again(
    store: FeatureStore, tmp_path: Path
) -> None:
    found = []
    for name in ("a", "b"):
        history = StoredHistory(store, whole(store), fleet())
        made = fit(plan(), history, ignore)
        found.append(written(made, tmp_path / name))
    assert found[0] == found[1]
    assert made.metrics["calibration_roc_auc"] == pytest.approx(
        fitted(slices(EVENTS), fleet()).metrics["calibration_roc_auc"], abs=0.03
    )


def test_the_digest_names_files_and_question(store: FeatureStore, tmp_path: Path) -> None:
    again = landed(tmp_path, fleet())
    assert whole(again).digest == whole(store).digest
    assert select(store, "toy", 0, END_MS - DAY_MS).digest != whole(store).digest
    again.land_events([Event(5, "a00", "restart")], Origin("late", 0, 0))
    assert whole(again).digest != whole(store).digest


def test_rows_that_a_crash_cut_otherwise_count_once(store: FeatureStore, tmp_path: Path) -> None:
    other = landed(tmp_path, fleet(), cut=1)
    landed(tmp_path, fleet(), cut=7)
    doubled = select(other, "toy", 0, END_MS)
    assert len(doubled.windows) > len(whole(store).windows)
    found = list(StoredHistory(other, doubled, fleet()).until(END_MS))
    plain = list(StoredHistory(store, whole(store), fleet()).until(END_MS))
    assert sum(map(len, found)) == sum(map(len, plain))
    assert rows(found) == rows(plain)


def test_of_a_corrected_window_the_first_revision_counts(tmp_path: Path) -> None:
    store = landed(tmp_path, fleet())
    before = rows(list(StoredHistory(store, whole(store), fleet()).until(END_MS)))
    width = len(FeatureSchema(fleet()))
    again = Windows(
        ("a00",),
        np.zeros(1, np.int32),
        np.array([DAY_MS]),
        np.ones(1, np.int32),
        np.zeros((1, width), np.float32),
    )
    store.land(stored_schema(FeatureSchema(fleet())), [again], Origin("late", 0, 0))
    assert rows(list(StoredHistory(store, whole(store), fleet()).until(END_MS))) == before


def test_an_empty_range_is_refused(store: FeatureStore) -> None:
    with pytest.raises(ModelError, match="no windows of any fingerprint from 1970-05-03 00:00 to"):
        select(store, "toy", 122 * DAY_MS, 130 * DAY_MS)


def test_a_schema_change_within_the_range_is_refused_by_name_unless_one_is_chosen(tmp_path: Path) -> None:
    store = landed(tmp_path, fleet())
    sampling = replace(fleet().sampling, windows_s=(21_600, 172_800))
    landed(tmp_path, replace(fleet(), sampling=sampling))
    first, second = store.fingerprints()
    with pytest.raises(
        ModelError, match=f"schema changes from .*: {first} from .*; {second} from .* narrow the"
    ):
        select(store, "toy", 0, END_MS)
    mine = FeatureSchema(fleet()).fingerprint
    assert select(store, "toy", 0, END_MS, mine).fingerprint == mine


def test_a_dataset_of_another_fleet_file_is_refused(store: FeatureStore) -> None:
    sampling = replace(fleet().sampling, windows_s=(21_600, 172_800))
    with pytest.raises(ModelError, match="use the fleet file it was landed with"):
        StoredHistory(store, whole(store), replace(fleet(), sampling=sampling))


def test_a_file_that_is_gone_or_changed_is_named(tmp_path: Path) -> None:
    store = landed(tmp_path, fleet())
    dataset = whole(store)
    verify(store, dataset)
    path = store.folder / dataset.windows[3]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    with pytest.raises(ModelError, match=f"{path.name}: damaged"):
        verify(store, dataset)
    path.unlink()
    with pytest.raises(
        ModelError, match=f"{path.name}: no such file: it is part of dataset {dataset.digest[:16]}"
    ):
        verify(store, dataset)


def test_the_catalogue_finds_a_dataset_by_the_beginning_of_its_digest(tmp_path: Path) -> None:
    store = landed(tmp_path, fleet())
    catalogue, dataset = Catalogue(store), whole(store)
    catalogue.keep(dataset)
    catalogue.keep(dataset)
    assert catalogue.find(dataset.digest[:8]) == dataset
    assert catalogue.all() == [dataset]
    for wrong in ("", "0" * 16):
        with pytest.raises(ModelError, match=f"unknown; there are {dataset.digest[:16]}"):
            catalogue.find(wrong)
    (path,) = catalogue.folder.glob("*.json")
    path.write_bytes(b'{"fleet": "\xff"}')
    with pytest.raises(ModelError, match=f"{path.name}: not a dataset"):
        catalogue.all()


def test_a_dataset_names_the_state_of_the_inventory_it_was_drawn_with(tmp_path: Path) -> None:
    store = landed(tmp_path, fleet())
    before = whole(store)
    assert inventory_of(store, before) == Inventory()
    store.keep_inventory(Inventory({"a00": {"model": "X"}}))
    drawn = whole(store)
    store.keep_inventory(Inventory({"a00": {"model": "Y"}}))
    assert len({before.digest, drawn.digest, whole(store).digest}) == 3
    assert inventory_of(store, drawn).machines == {"a00": {"model": "X"}}
    (store.folder / drawn.inventory).write_bytes(b"{}")
    with pytest.raises(ModelError, match="damaged"):
        verify(store, drawn)


def test_training_sees_by_what_a_machine_is_told_to_run(store: FeatureStore) -> None:
    """Its feature is read though the model may not use it: else a machine would stand for ever."""
    running = Running(sensor="s1", above=0.0)
    toy = replace(fleet(), running=running, training=replace(fleet().training, features=("s0.*",)))
    history = StoredHistory(store, whole(store), toy)
    first = next(iter(history.until(END_MS)))
    level = first.values[:, history.schema.index("s1", history.schema.windows[0], "mean")]
    assert not np.isnan(level).all()
