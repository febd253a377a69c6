"""What is recorded from a topic is sent again as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.event_time import DAY_MS
from models.telemetry.samples import Event
from simulators.dirt.dirt import corrupt
from simulators.recordings import recorder
from simulators.recordings.archive import Archive
from simulators.recordings.archiver import Archiver
from simulators.recordings.recorder import Recorder
from streams.records import Sample
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.support.hours import raw_of
from tests.support.tidy_telemetry import ALL, FLEET, clean


def recorded(sent: list[tuple[int, Outgoing]], path: Path) -> tuple[Archive, list[str], Recorder]:
    problems: list[str] = []
    with Archiver(path, FLEET) as archiver:
        taking = Recorder(archiver, FLEET, 2, problems.append)
        for i, (partition, out) in enumerate(sent):
            taking.take(Incoming(out.topic, partition, i, out.key, out.value, out.content_type))
        taking.finish("topic")
    return Archive(path, FLEET), problems, taking


def test_a_dirty_stream_is_sent_again_byte_for_byte(tmp_path: Path) -> None:
    sent = raw_of(corrupt(clean(), ALL, FLEET, 1), FLEET)
    archive, problems, taken = recorded(sent, tmp_path / "r")
    again = raw_of(archive.slices(), FLEET)
    assert [[m for p, m in again if p == n] for n in (0, 1)] == [
        [m for p, m in sent if p == n] for n in (0, 1)
    ]
    assert (problems, taken.ended) == ([], True)
    assert archive.manifest.sha256 == archive.digest()


def test_named_samples_arrive_at_the_latest_time_so_far(tmp_path: Path) -> None:
    times = [DAY_MS, DAY_MS + 120_000, DAY_MS + 60_000]
    values: dict[str, float | None] = {"s0": 1.0, "s1": None}
    sent = [(0, codec.sample("t", Sample(asset="a", time=t, values=values))) for t in times]
    archive, *_ = recorded(sent, tmp_path / "r")
    (part,) = archive.slices()
    assert part.samples.time_ms.tolist() == times
    assert part.arrivals.tolist() == [DAY_MS, DAY_MS + 120_000, DAY_MS + 120_000]


def test_what_cannot_be_read_is_named_once_a_reason_and_the_rest_is_kept(tmp_path: Path) -> None:
    good = codec.sample("t", Sample(asset="a", time=DAY_MS, values={"s0": 1.0}))
    archive, problems, taken = recorded(
        [*[(0, Outgoing("t", b"", b"\xff", ""))] * 3, (0, good)], tmp_path / "r"
    )
    assert taken.refused == 3
    (problem,) = problems
    assert problem.startswith("t/0 offset 0: not a Sample in JSON")
    assert archive.manifest.rows == 1


def test_an_event_that_comes_after_all_rows_costs_none_of_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_FLUSH_ROWS", 1)
    times = [DAY_MS, 2 * DAY_MS, 3 * DAY_MS]
    sent = [(0, codec.sample("t", Sample(asset="a", time=t, values={"s0": 1.0}))) for t in times]
    late = codec.event("t", Event(DAY_MS + 1, "a", "shutdown"))
    archive, *_ = recorded([*sent, (0, late)], tmp_path / "r")
    parts = list(archive.slices())
    assert [t for p in parts for t in p.samples.time_ms.tolist()] == times
    assert [e for p in parts for e in p.events] == [Event(DAY_MS + 1, "a", "shutdown")]


def test_an_empty_topic_makes_an_empty_recording(tmp_path: Path) -> None:
    archive, *_ = recorded([], tmp_path / "r")
    assert list(archive.slices()) == []
