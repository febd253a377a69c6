"""Simulated, recorded, replayed and steered over a real broker: the same messages each time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.pipeline.publishing import GroupLag, Playing, publish
from chillcast.pipeline.steering import send_control
from chillcast.recordings.capturing import record
from chillcast.recordings.recorded import ReplayRequest as Recording
from chillcast.recordings.recorded import publish_recording
from chillcast.settings import Settings
from chillcast.simulation.simulating import SimulationRequest, simulate
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError
from models.fleet.fleet import load_fleet
from models.telemetry.labels import DAY_MS
from simulators.fleet.scenario import load_scenario
from simulators.recordings.archive import Archive
from simulators.replay.playable import Span
from streams.kafka.cluster import Cluster, GroupStatus
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import Watermark
from streams.stage import Incoming
from streams.wire.codec import WATERMARK, decode_json
from tests.simulators.dirt.test_dirt import FLEET as TOY
from tests.simulators.dirt.test_dirt import clean
from tests.test_end_to_end import chillcast, drives

ROOT = Path(__file__).parents[1]
FLEET = load_fleet(ROOT / "fleets" / "chiller.toml")
SCENARIO = replace(load_scenario(ROOT / "fleets" / "scenarios" / "demo.toml"), assets=5, days=3, seed=7)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log") as found:
        yield found.bootstrap


def settings(broker: str, prefix: str) -> Settings:
    return Settings(broker=broker, topic_prefix=prefix)


def telemetry(broker: str, prefix: str) -> dict[int, list[Incoming]]:
    """Read the telemetry topic up to the end of every partition."""
    found: dict[int, list[Incoming]] = {0: [], 1: []}
    ended: set[int] = set()
    deadline = time.monotonic() + 60
    with Feed(Connection(broker), (Topics(prefix).telemetry,), 2, from_start=True) as feed:
        while len(ended) < 2:
            assert time.monotonic() < deadline
            for message in feed.poll(0.2):
                found[message.partition].append(message)
                if message.content_type == WATERMARK and decode_json(message.value, Watermark).end:
                    ended.add(message.partition)
    return found


def content(broker: str, prefix: str) -> dict[int, list[tuple[bytes | None, bytes | None, str]]]:
    return {p: [(m.key, m.value, m.content_type) for m in ms] for p, ms in telemetry(broker, prefix).items()}


def check_same_bytes(broker: str, prefix: str, tmp_path: Path) -> None:
    """Simulate onto a broker, replay the recording, record the topic and replay that: the same messages."""
    reporter = Reporter()
    request = SimulationRequest(SCENARIO, tmp_path / "simulated", kafka=True)
    said = simulate(settings(broker, f"{prefix}a."), FLEET, request, reporter)
    live = content(broker, f"{prefix}a.")
    assert (
        simulate(settings("", ""), FLEET, SimulationRequest(SCENARIO), reporter)["sha256"] == said["sha256"]
    )
    assert Archive(tmp_path / "simulated", FLEET).manifest.sha256 == said["sha256"]

    again = Recording(tmp_path / "simulated", FLEET, None, 1)
    publish_recording(settings(broker, f"{prefix}b."), again, reporter)
    assert content(broker, f"{prefix}b.") == live

    taken = record(settings(broker, f"{prefix}a."), FLEET, tmp_path / "recorded", reporter, from_start=True)
    assert (taken["readings"], taken["shutdowns"]) == (said["readings"], said["shutdowns"])
    fast = Recording(tmp_path / "recorded", FLEET, None, 1, speed=400_000.0)
    publish_recording(settings(broker, f"{prefix}c."), fast, reporter)
    assert content(broker, f"{prefix}c.") == live


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


class Said(Reporter):
    """Keeps lines and alarms."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)

    def alarm(self, text: str) -> None:
        self.said.append(f"ALARM {text}")


def check_steering(broker: str, prefix: str) -> None:
    """Pause, resume and speed up a replay by the control topic; it comes to its end."""
    reporter, mine = Said(), settings(broker, prefix)
    playing = Playing("toy", lambda _: clean(), DAY_MS, 7 * DAY_MS, speed=60.0)
    thread = threading.Thread(target=publish, args=(mine, TOY, playing, reporter))
    thread.start()
    deadline = time.monotonic() + 60

    def told(command: str, value: str | None, answer: str) -> None:
        while not any(answer in text for text in reporter.said):
            assert time.monotonic() < deadline, reporter.said
            send_control(mine, command, value)
            time.sleep(0.3)

    told("pause", None, "paused at 1970-01-02")
    told("resume", None, "going on from 1970-01-02")
    told("speed", "max", "speed max")
    thread.join(60)
    assert not thread.is_alive()
    assert telemetry(broker, prefix)


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
