"""What may be deleted from the feature store, and what may not; what a date means."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from chillcast.training.datasets import backfill, parse_date, past_of, prune
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.store.dataset import Catalogue, select
from models.store.feature_store import FeatureStore, Origin
from models.telemetry.samples import Event
from simulators.recordings.archiver import Archiver
from simulators.recordings.recorder import Recorder
from streams.records import Sample
from streams.stage import Incoming
from streams.wire import codec
from tests.support.stored_windows import SCHEMA, windows
from tests.support.toy_fleet import fleet_of

FLEET = fleet_of(lateness_s=240)


def recorded(folder: Path) -> Path:
    """Write what a machine sent in two hours around a midnight, and then of the days before."""
    with Archiver(folder, FLEET) as archiver:
        recorder = Recorder(archiver, FLEET, 1, pytest.fail)
        for n, minute in enumerate([*range(4 * 1440 - 60, 4 * 1440 + 60), *range(1440, 3 * 1440, 10)]):
            sent = codec.sample("telemetry", Sample(asset="a", time=minute * 60_000, values={"s0": 20.0}))
            recorder.take(Incoming(sent.topic, 0, n, sent.key, sent.value, sent.content_type))
        recorder.finish("test")
    return folder


def landed(recording: Path, home: Path, *, by_time: bool) -> tuple[dict[str, Any], str]:
    """Return what a backfill says, and what it writes to its progress."""
    said = io.StringIO()
    past = past_of(str(recording), FLEET, by_time=by_time)
    reporter = Reporter(Console(file=said, width=500))
    return backfill(Resources(Settings(home=str(home)), FLEET), past, None, reporter), said.getvalue()


def test_a_backfill_says_how_many_samples_came_too_late_for_any_window(tmp_path: Path) -> None:
    done, said = landed(recorded(tmp_path / "past"), tmp_path / "home", by_time=False)
    assert done["too_late"] == 288
    assert "ALARM 288 samples of" in said
    assert "--by-time" in said


def test_older_days_that_arrived_after_newer_ones_give_windows_when_taken_by_their_times(
    tmp_path: Path,
) -> None:
    done, said = landed(recorded(tmp_path / "past"), tmp_path / "home", by_time=True)
    assert (done["samples"], done["too_late"]) == (408, 0)
    assert "ALARM" not in said
    store = Resources(Settings(home=str(tmp_path / "home")), FLEET).feature_store
    assert [f.day_ms // DAY_MS for f in store.window_files(done["fingerprint"])] == [1, 2, 3, 4]


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
