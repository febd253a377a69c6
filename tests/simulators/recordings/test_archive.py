"""A recording gives back what was written, bit for bit, however it is cut; what is none is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.errors import ConfigError, RecordingError
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.telemetry.samples import Event, TimeSlice
from simulators.dirt.dirt import corrupt
from simulators.recordings import archive
from simulators.recordings.archive import Archive
from simulators.recordings.archiver import Archiver
from simulators.recordings.digest import Digest
from simulators.replay.playable import Span, open_recording
from simulators.truth import FaultRecord
from tests.support.hours import raw_of
from tests.support.tidy_telemetry import ALL, FLEET, clean
from tests.support.toy_fleet import fleet_of


def corrupted() -> list[TimeSlice]:
    return list(corrupt(clean(), ALL, FLEET, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "r"
    digest = Digest()
    with Archiver(path, FLEET) as archiver:
        for part in corrupted():
            digest.add(part)
            archiver.write(part)
        archiver.write_truth("faults", [FaultRecord("a", "leak", 1)], FaultRecord)
        archiver.finish("test", digest.hexdigest(), Inventory({"a": {"model": "X"}}))
    return path


def test_every_bit_comes_back_in_the_order_of_arrival(folder: Path) -> None:
    found = list(Archive(folder, FLEET).slices())
    for part, same in zip(corrupted(), found, strict=True):
        assert (part.start_ms, part.end_ms, part.events) == (same.start_ms, same.end_ms, same.events)
        assert part.samples.assets == same.samples.assets
        for name in ("asset", "time_ms", "values"):
            assert getattr(part.samples, name).tobytes() == getattr(same.samples, name).tobytes()
        assert part.arrivals.tobytes() == same.arrivals.tobytes()


def test_a_recording_is_replayed_in_the_messages_of_its_source(folder: Path) -> None:
    assert raw_of(Archive(folder, FLEET).slices(), FLEET) == raw_of(corrupted(), FLEET)


def test_the_fingerprint_is_of_the_content_not_of_the_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Archive(folder, FLEET)
    assert whole.digest() == whole.manifest.sha256
    monkeypatch.setattr(archive, "_SLICE_ROWS", 500)
    monkeypatch.setattr(archive, "_CHUNK_ROWS", 100)
    assert whole.span_ms < DAY_MS
    assert whole.digest() == whole.manifest.sha256


def test_a_part_is_what_arrived_in_it(folder: Path) -> None:
    low, high = 2 * DAY_MS + 3_600_000, 4 * DAY_MS + 60_000
    parts = list(Archive(folder, FLEET).slices(low, high))
    came = np.concatenate([p.arrivals for p in parts])
    everything = np.concatenate([p.arrivals for p in corrupted()])
    assert came.tolist() == everything[(everything >= low) & (everything < high)].tolist()
    assert (parts[0].start_ms, parts[-1].end_ms) == (low, high)


def test_logs_side_by_side_are_merged_by_arrival(tmp_path: Path) -> None:
    with Archiver(tmp_path / "r", FLEET) as archiver:
        for part in clean():
            for a in range(len(part.samples.assets)):
                rows = np.flatnonzero(part.samples.asset == a)
                samples = part.samples.take(rows)
                events = tuple(e for e in part.events if e.asset == part.samples.assets[a])
                archiver.write(TimeSlice(part.start_ms, part.end_ms, samples, events), f"log-{a}")
        archiver.finish("test")
    assert raw_of(Archive(tmp_path / "r", FLEET).slices(), FLEET) == raw_of(clean(), FLEET)


def test_a_day_in_which_nothing_arrived_is_empty(tmp_path: Path) -> None:
    first, *_, last = clean()
    with Archiver(tmp_path / "r", FLEET) as archiver:
        archiver.write(first)
        archiver.write(last)
        archiver.finish("test")
    rows = [len(p.samples) for p in Archive(tmp_path / "r", FLEET).slices()]
    assert rows[0] == rows[-1] > 0
    assert set(rows[1:-1]) == {0}


def test_the_truth_lies_apart_and_only_an_evaluations_ceiling_reads_one(folder: Path) -> None:
    assert pq.read_table(folder / "truth" / "faults.parquet").to_pylist()[0]["kind"] == "leak"
    readers = [
        p for name in ("simulators", "chillcast", "models", "streams") for p in Path(name).rglob("*.py")
    ]
    named = {str(p) for p in readers if '"truth"' in p.read_text(encoding="utf-8")}
    assert named == {"simulators/recordings/archiver.py", "chillcast/training/truth.py"}
    users = {str(p) for p in readers if "read_truth" in p.read_text(encoding="utf-8")}
    assert users == {"chillcast/training/truth.py", "chillcast/training/training.py"}


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(ConfigError, match=r"--out = .*: expected a new or empty folder"):
        Archiver(tmp_path, FLEET)


def test_a_recording_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    with Archiver(tmp_path / "r", FLEET) as archiver:
        archiver.write(next(clean()))
    with pytest.raises(RecordingError, match="no recording, or not a finished one"):
        Archive(tmp_path / "r", FLEET)


def test_a_recording_of_other_sensors_is_refused(folder: Path) -> None:
    with pytest.raises(RecordingError, match="expected that of fleet toy"):
        Archive(folder, fleet_of())


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of the recording, to be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize("kind", ["telemetry", "events"])
def test_a_file_that_is_cut_is_named_as_the_recording_is_opened(copy: Path, kind: str) -> None:
    file = sorted((copy / kind).rglob("*.parquet"))[1]
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(RecordingError, match=rf"{kind}/.*part-0\.parquet: not a whole Parquet file"):
        Archive(copy, FLEET)


def test_a_file_that_is_damaged_in_the_middle_is_named_when_it_is_reached(copy: Path) -> None:
    file = sorted((copy / "telemetry").rglob("*.parquet"))[1]
    data = bytearray(file.read_bytes())
    data[4:400] = b"U" * 396
    file.write_bytes(data)
    slices = Archive(copy, FLEET).slices()
    next(slices)
    with pytest.raises(RecordingError, match=r"telemetry/.*part-0\.parquet: not a whole Parquet file"):
        list(slices)


@pytest.mark.parametrize("kind", ["telemetry", "events"])
def test_a_copy_that_lacks_a_day_is_refused(copy: Path, kind: str) -> None:
    holding = [f for f in sorted((copy / kind).rglob("*.parquet")) if pq.read_metadata(f).num_rows]
    holding[0].unlink()
    with pytest.raises(RecordingError, match=rf"{kind}: \d+ rows: expected the \d+ of recording\.json"):
        Archive(copy, FLEET)


def test_an_empty_recording_cannot_be_played(tmp_path: Path) -> None:
    with Archiver(tmp_path / "r", FLEET) as archiver:
        archiver.finish("test")
    with pytest.raises(RecordingError, match="nothing was recorded in it"):
        open_recording(tmp_path / "r", FLEET)


def test_a_folder_and_a_part_of_it_can_be_played_with_dirt_and_counted(folder: Path) -> None:
    whole, part = open_recording(folder, FLEET), open_recording(folder, FLEET, Span(2 * DAY_MS, 3 * DAY_MS))
    assert whole.quality.assets == 5
    assert whole.quality.rows == Archive(folder, FLEET).manifest.rows
    assert whole.quality.duplicates > 0
    assert whole.quality.missing["s0"] > 0
    assert part.events == (Event(2 * DAY_MS, "a", "shutdown"),)
    assert 0 < part.quality.rows < whole.quality.rows
    dirty = open_recording(folder, FLEET, dirt=replace(ALL, missing_samples=0.3))
    assert dirty.quality.rows < whole.quality.rows
    with pytest.raises(RecordingError, match="nothing between --from and --until"):
        open_recording(folder, FLEET, Span(100 * DAY_MS, 101 * DAY_MS))


def test_what_the_machines_are_comes_back(folder: Path) -> None:
    assert open_recording(folder, FLEET).inventory == Inventory({"a": {"model": "X"}})
