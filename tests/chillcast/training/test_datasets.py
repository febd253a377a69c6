"""What may be deleted from the feature store, and what may not; what a date means."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.training.datasets import parse_date, prune
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.store.dataset import Catalogue, select
from models.store.feature_store import FeatureStore, Origin
from models.telemetry.samples import Event
from tests.support.stored_windows import SCHEMA, windows
from tests.support.toy_fleet import fleet_of

FLEET = fleet_of(lateness_s=240)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Three days of windows, and an event on the first."""
    found = FeatureStore(tmp_path)
    found.describe(SCHEMA, None)
    found.land(SCHEMA, [windows([1, 25, 49])], Origin("features-0", 0, 9))
    found.land_events([Event(3_600_000, "a", "shutdown")], Origin("features-0", 0, 9))
    return found


def days(store: FeatureStore) -> list[int]:
    return [f.day_ms // DAY_MS for f in store.window_files(SCHEMA.fingerprint)]


def test_what_lies_before_a_date_is_deleted_and_its_folders_with_it(store: FeatureStore) -> None:
    described = prune(store, DAY_MS + 1, force=False)
    assert (described["files"], described["datasets_lost"]) == (2, [])
    assert described["bytes"] > 0
    assert days(store) == [1, 2]
    assert store.event_files() == []
    assert len(list(store.folder.glob("**/day=*"))) == 2


def test_what_a_dataset_stands_on_stays_unless_one_insists(store: FeatureStore) -> None:
    dataset = select(store, "toy", DAY_MS, 3 * DAY_MS)
    Catalogue(store).keep(dataset)
    assert prune(store, DAY_MS, force=False)["files"] == 2
    with pytest.raises(ConfigError, match=f"--before = '1970-01-03 00:00'.*{dataset.digest[:16]}"):
        prune(store, 2 * DAY_MS, force=False)
    assert days(store) == [1, 2]
    assert prune(store, 2 * DAY_MS, force=True)["datasets_lost"] == [dataset.digest[:16]]
    assert days(store) == [2]


def test_a_date_is_utc_unless_it_says_otherwise() -> None:
    assert parse_date("1970-01-02", "--from") == DAY_MS
    assert parse_date("1970-01-02T01:00+01:00", "--from") == DAY_MS
    with pytest.raises(ConfigError, match="--from = '2nd of May': expected a date, as 2013-04-24"):
        parse_date("2nd of May", "--from")
