"""What a backfill lands, and that groups of machines side by side give the windows of the whole fleet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chillcast.cluster import pool_of
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from chillcast.training.backfill import backfill, past_of
from models.event_time import DAY_MS
from models.learning.task_pool import HERE, LocalPool, TaskPool
from models.store.feature_store import FeatureStore
from models.telemetry.samples import Event
from simulators.recordings.archiver import Archiver
from simulators.recordings.recorder import Recorder
from streams.records import Sample
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.support.dask_clusters import cluster_of
from tests.support.toy_fleet import fleet_of

FLEET = fleet_of(lateness_s=240)
MACHINES = ("a", "b", "c", "d", "e")
Row = tuple[str, int, int, str]


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


def of_several(folder: Path) -> Path:
    """Write what five machines sent in a day and a half, some of it late, and their shutdowns."""
    with Archiver(folder, FLEET) as archiver:
        recorder = Recorder(archiver, FLEET, 1, pytest.fail)
        for n, message in enumerate(_sent()):
            recorder.take(Incoming(message.topic, 0, n, message.key, message.value, message.content_type))
        recorder.finish("test")
    return folder


def _sent() -> list[Outgoing]:
    out: list[Outgoing] = []
    for minute in range(60, 2160, 3):
        for i, asset in enumerate(MACHINES):
            time_ms = (minute - 2 * (minute % 7 == i)) * 60_000
            values: dict[str, float | None] = {"s0": 20.0 + i + minute % 11}
            out.append(codec.sample("telemetry", Sample(asset=asset, time=time_ms, values=values)))
            if minute == 600 * (i % 3 + 1):
                out.append(codec.event("telemetry", Event(minute * 60_000, asset, "shutdown")))
    return out


def in_groups(past: Path, home: Path, pool: TaskPool) -> tuple[dict[str, Any], list[Row], list[Event]]:
    """Return what a backfill says, and every window and event that it lands."""
    resources = Resources(Settings(home=str(home)), FLEET)
    reporter = Reporter(Console(file=io.StringIO()))
    done = backfill(resources, past_of(str(past), FLEET), None, reporter, pool)
    store = resources.feature_store
    return done, rows(store), sorted(e for file in store.event_files() for e in store.read_events(file))


def rows(store: FeatureStore) -> list[Row]:
    """Return every window of a store, by machine and time."""
    (fingerprint,) = store.fingerprints()
    names = store.schema(fingerprint).feature_names
    tables = [store.read_windows(file, names) for file in store.window_files(fingerprint)]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted((r["asset"], r["end_ms"], r["revision"], repr([r[n] for n in names])) for r in found)


def test_groups_of_machines_give_the_windows_and_events_of_the_whole(tmp_path: Path) -> None:
    past = of_several(tmp_path / "past")
    whole = in_groups(past, tmp_path / "whole", HERE)
    assert (whole[0]["assets"], whole[0]["events"], len(whole[2])) == (5, 5, 5)
    assert len(whole[1]) == whole[0]["windows"] > 1_000
    assert in_groups(past, tmp_path / "groups", LocalPool(3)) == whole


def test_a_cluster_gives_the_same(tmp_path: Path) -> None:
    past = of_several(tmp_path / "past")
    whole = in_groups(past, tmp_path / "whole", HERE)
    with cluster_of(2) as address, pool_of(None, address) as pool:
        assert in_groups(past, tmp_path / "there", pool) == whole
