"""What is recorded from a topic is sent again as it was."""

from __future__ import annotations

from pathlib import Path

from models.labels import DAY_MS
from simulators.archive import Archive
from simulators.archiver import Archiver
from simulators.dirt import soil
from simulators.recorder import Recorder
from streams import messages
from streams.messages import Sample
from streams.stage import Incoming, Outgoing
from tests.simulators.test_dirt import ALL, FLEET, clean
from tests.simulators.test_replay import raw_of


def recorded(sent: list[tuple[int, Outgoing]], path: Path) -> tuple[Archive, list[str], Recorder]:
    problems: list[str] = []
    with Archiver(path, FLEET) as archiver:
        recorder = Recorder(archiver, FLEET, 2, problems.append)
        for i, (partition, out) in enumerate(sent):
            recorder.take(Incoming(out.topic, partition, i, out.key, out.value, out.content_type))
        recorder.finish("topic")
    return Archive(path, FLEET), problems, recorder


def test_a_dirty_stream_is_sent_again_byte_for_byte(tmp_path: Path) -> None:
    sent = raw_of(soil(clean(), ALL, FLEET, 1), FLEET)
    archive, problems, recorder = recorded(sent, tmp_path / "r")
    again = raw_of(archive.slices(), FLEET)
    assert [[m for p, m in again if p == n] for n in (0, 1)] == [
        [m for p, m in sent if p == n] for n in (0, 1)
    ]
    assert (problems, recorder.ended) == ([], True)
    assert archive.manifest.sha256 == archive.digest()


def test_named_samples_arrive_at_the_latest_time_so_far(tmp_path: Path) -> None:
    times = [DAY_MS, DAY_MS + 120_000, DAY_MS + 60_000]
    values: dict[str, float | None] = {"s0": 1.0, "s1": None}
    sent = [(0, messages.sample("t", Sample(asset="a", time=t, values=values))) for t in times]
    archive, *_ = recorded(sent, tmp_path / "r")
    (part,) = archive.slices()
    assert part.frames.time_ms.tolist() == times
    assert part.arrivals.tolist() == [DAY_MS, DAY_MS + 120_000, DAY_MS + 120_000]


def test_what_cannot_be_read_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    good = messages.sample("t", Sample(asset="a", time=DAY_MS, values={"s0": 1.0}))
    archive, problems, recorder = recorded([(0, Outgoing("t", b"", b"\xff", "")), (0, good)], tmp_path / "r")
    assert recorder.refused == 1
    assert problems[0].startswith("t/0 offset 0: not a Sample in JSON")
    assert archive.manifest.rows == 1


def test_an_empty_topic_makes_an_empty_recording(tmp_path: Path) -> None:
    archive, *_ = recorded([], tmp_path / "r")
    assert list(archive.slices()) == []
