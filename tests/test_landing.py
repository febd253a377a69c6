"""The feature store, filled by running workers: nothing is lost or changed by a kill -9."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from chillcast.pipeline.pipeline import running
from chillcast.pipeline.publishing import BackgroundReplay, Playing
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet, load_fleet
from models.store.dataset import StoredHistory, select
from models.store.feature_store import FeatureStore
from models.telemetry.samples import Event
from simulators.recordings.recording import Recorded, read_recording
from tests.support.commands import ROOT, chillcast, printed, refused
from tests.support.drives import drives
from tests.support.reporters import Alarms

FLEET = "fleets/backblaze.toml"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drives(tmp_path_factory.mktemp("recording") / "drives.parquet")


@pytest.fixture(scope="module")
def backfilled(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("backfilled")
    done = chillcast("data", "backfill", str(recording), "--fleet", FLEET, "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["assets"] == 400
    return home


def fleet() -> Fleet:
    return load_fleet(ROOT / FLEET)


def windows(store: FeatureStore) -> dict[tuple[str, int], bytes]:
    """Return every window of a store that training would see, to the bit."""
    if not any(store.window_files(fingerprint) for fingerprint in store.fingerprints()):
        return {}
    history = StoredHistory(store, select(store, "backblaze", 0, 1 << 42), fleet())
    return {
        (part.assets[part.asset[i]], int(part.end_ms[i])): part.values[i].tobytes()
        for part in history.until(1 << 42)
        for i in range(len(part))
    }


def events(store: FeatureStore) -> set[Event]:
    """Return every event of a store."""
    return {event for file in store.event_files() for event in store.read_events(file)}


def reached_ms(store: FeatureStore) -> int:
    """Return the end of the last day of which something has landed."""
    days = [f.day_ms + DAY_MS for name in store.fingerprints() for f in store.window_files(name)]
    return max(days, default=0)


def stream(recorded: Recorded, home: Path, expected: int, kills: int) -> tuple[FeatureStore, list[str]]:
    """Run a recording through features and landing, killing the latter ``kills`` times on the way."""
    alarms: list[str] = []
    settings = Settings(home=str(home))
    store, deadline = Resources(settings, recorded.fleet).feature_store, time.monotonic() + 120
    with (
        running(settings, recorded.fleet, ["features", "landing"], Alarms(alarms)) as pipeline,
        BackgroundReplay(
            Playing("drives", lambda _: recorded.slices(), 0, 1),
            recorded.fleet,
            connection=pipeline.connection,
            topics=pipeline.topics,
            partitions=pipeline.partitions,
            done_ms=lambda: reached_ms(store),
            ahead_ms=3 * DAY_MS,
        ) as source,
    ):
        while len(windows(store)) < expected or len(events(store)) < len(set(recorded.events)):
            assert time.monotonic() < deadline, f"{len(windows(store))} windows, {alarms}"
            source.raise_failure()
            pipeline.supervisor.watch()
            pid = pipeline.supervisor.status()[1].pid
            days = (reached_ms(store) - recorded.quality.from_ms) / DAY_MS
            if kills and pid and days > 8 * (3 - kills):
                os.kill(pid, signal.SIGKILL)
                kills -= 1
            time.sleep(0.05)
    return store, alarms


@pytest.mark.parametrize("kills", [0, 2])
def test_what_was_streamed_equals_the_backfill_to_the_bit(
    recording: Path, backfilled: Path, tmp_path: Path, kills: int
) -> None:
    recorded = read_recording(recording, fleet())
    expected = windows(Resources(Settings(home=str(backfilled)), fleet()).feature_store)
    store, alarms = stream(recorded, tmp_path, len(expected), kills)
    assert [a.partition(";")[0] for a in alarms] == ["worker landing ended with -9"] * kills
    assert windows(store) == expected
    assert events(store) == set(recorded.events)


def test_a_dataset_is_named_shown_and_compared(backfilled: Path) -> None:
    def said(*words: str) -> dict[str, object]:
        there = ("--fleet", str(ROOT / FLEET), "--home", str(backfilled))
        found: dict[str, object] = json.loads(printed("data", *words, *there, "--json"))
        return found

    whole = said("define", "--from", "2020-03-01", "--until", "2020-03-27")
    half = said("define", "--from", "2020-03-01", "--until", "2020-03-14")
    assert whole["assets"] == 400
    assert whole["days_without_windows"] == 0
    assert whole["outcomes_by_code"] == {"failure": whole["outcomes"]}
    assert said("show", str(whole["dataset"])[:12]) == whole
    listed = said("list")
    assert {d["dataset"] for d in listed["datasets"]} == {whole["dataset"], half["dataset"]}  # type: ignore[attr-defined]
    found = said("diff", str(half["dataset"])[:12], str(whole["dataset"])[:12])
    assert found["same"] is False
    assert list(found["query"]) == ["until_ms"]  # type: ignore[call-overload]
    assert found["files_only_in_first"] == []
    assert len(found["files_only_in_second"]) > 13  # type: ignore[arg-type]


def test_a_dataset_that_is_not_named_is_a_mistake_of_usage(backfilled: Path) -> None:
    done = chillcast("data", "show", "--fleet", FLEET, home=backfilled)
    assert done.returncode == 2
    assert "Missing argument 'digest'" in done.stderr


def test_a_backfill_that_needs_to_know_what_is_normal_says_so(tmp_path: Path) -> None:
    assert "no champion yet" in refused("data", "backfill", "demo", "--home", str(tmp_path))
