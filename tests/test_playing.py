"""Simulated, recorded, replayed and steered over a real broker: the same messages each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chillcast.pipeline.publishing import GroupLag
from chillcast.pipeline.steering import send_control
from chillcast.recordings.recorded import publish_recording
from chillcast.recordings.replay_request import ReplayRequest as Recording
from chillcast.simulation.simulating import SimulationRequest, simulate
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError
from models.event_time import DAY_MS
from simulators.recordings.archive import Archive
from simulators.replay.playable import Span
from streams.kafka.cluster import Cluster, GroupStatus
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.publisher import Publisher
from streams.records import Watermark
from streams.wire.codec import WATERMARK, decode_json
from tests.support.commands import chillcast
from tests.support.drives import drives
from tests.support.playing import FLEET, SCENARIO, check_same_bytes, check_steering, settings, telemetry

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log") as found:
        yield found.bootstrap


def test_simulated_recorded_and_replayed_the_messages_are_the_same_bytes(broker: str, tmp_path: Path) -> None:
    check_same_bytes(broker, "", tmp_path)


def test_a_part_is_published(broker: str, tmp_path: Path) -> None:
    simulate(settings("", ""), FLEET, SimulationRequest(SCENARIO, tmp_path / "r"), Reporter())
    start_ms = Archive(tmp_path / "r", FLEET).manifest.start_ms
    part = Recording(tmp_path / "r", FLEET, None, 1, span=Span(start_ms + DAY_MS, start_ms + 2 * DAY_MS))
    publish_recording(settings(broker, "d."), part, Reporter())
    marks = [
        decode_json(m.value, Watermark) for m in telemetry(broker, "d.")[0] if m.content_type == WATERMARK
    ]
    assert marks[0].time_ms == start_ms + DAY_MS + 3_600_000
    assert marks[-1].time_ms == start_ms + 2 * DAY_MS


def test_the_control_topic_steers_a_running_replay(broker: str) -> None:
    check_steering(broker, "e.")


@pytest.mark.parametrize(
    ("command", "value", "message"),
    [
        ("dance", None, "command = 'dance': expected one of pause, resume, seek, speed, stop"),
        ("seek", None, "seek = None: expected a time to seek to"),
        ("seek", "noon", "seek = 'noon': expected a time to seek to"),
        ("speed", "fast", "speed = 'fast': expected a number above 0, or max"),
        ("pause", "3", "pause = '3': expected no value"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(command: str, value: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        send_control(settings("127.0.0.1:9", ""), command, value)


class Behind(Cluster):
    """A group in a given state."""

    def __init__(self, *states: GroupStatus) -> None:
        self.states = list(states)

    def group(self, name: str) -> GroupStatus:
        return self.states.pop(0)


class Kilobytes(Publisher):
    """Whose messages have a kilobyte each."""

    def __init__(self) -> None:
        self.sent, self._bytes = 1000, 1_024_000


def test_who_publishes_waits_for_a_group_that_is_far_behind_also_when_its_worker_is_gone() -> None:
    said: list[str] = []
    clock = iter(range(10))
    group = Behind(
        GroupStatus("g", False, 0, "Empty"),
        GroupStatus("g", True, 10, "Stable"),
        GroupStatus("g", True, 100_000, "Stable"),
        GroupStatus("g", True, 100_000, "Empty"),
        GroupStatus("g", True, 10, "Stable"),
    )
    lag = GroupLag(group, "g", Kilobytes(), said.append, lambda: float(next(clock) // 2))
    assert [lag(0) for _ in range(5)] == [False, False, True, True, False]
    assert said == ["no worker takes what group g has left, 100000 messages"]


def test_the_same_dirty_recording_gives_the_same_alerts(tmp_path: Path) -> None:
    recording = drives(tmp_path / "drives.parquet", assets=200)
    (tmp_path / "dirt.toml").write_text("[dirt]\nmissing_values = 0.05\nduplicates = 0.05\nlate = 0.02\n")
    words = [str(recording), "--fleet", "fleets/backblaze.toml", "--train-until", "2020-03-16", "--json"]
    words += ["--dirt", str(tmp_path / "dirt.toml"), "--horizon", "7"]
    alerts, said = [], []
    for name, speed in (("a", "max"), ("b", "400000")):
        run = chillcast("replay", *words, "--speed", speed, home=tmp_path / name)
        assert run.returncode == 0, run.stderr
        said.append(json.loads(run.stdout))
        alerts.append(_alerts(tmp_path / name))
    assert alerts[0] == alerts[1]
    assert alerts[0]
    assert said[0] == said[1]
    assert said[0]["missing_values"]


def _alerts(home: Path) -> list[str]:
    from streams.stores.sqlite import SqliteStore  # noqa: PLC0415

    rows = SqliteStore(home / "store.db").latest("alerts")
    return sorted(f"{row.time_ms} {sorted(row.tags.items())} {sorted(row.fields.items())}" for row in rows)
