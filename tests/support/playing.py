"""A scenario that is simulated, recorded, replayed and steered over a broker."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from pathlib import Path

from chillcast.pipeline.publishing import Playing, publish
from chillcast.pipeline.steering import send_control
from chillcast.recordings.capturing import record
from chillcast.recordings.recorded import publish_recording
from chillcast.recordings.replay_request import ReplayRequest as Recording
from chillcast.settings import Settings
from chillcast.simulation.simulating import SimulationRequest, simulate
from chillcast.terminal.reporter import Reporter
from models.errors import UnavailableError
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from simulators.fleet.scenario import load_scenario
from simulators.recordings.archive import Archive
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics
from streams.records import Watermark
from streams.stage import Incoming
from streams.wire.codec import WATERMARK, decode_json
from tests.support.commands import ROOT
from tests.support.reporters import Said
from tests.support.tidy_telemetry import FLEET as TOY
from tests.support.tidy_telemetry import clean

FLEET = load_fleet(ROOT / "fleets" / "chiller.toml")
SCENARIO = replace(load_scenario(ROOT / "fleets" / "scenarios" / "demo.toml"), assets=5, days=3, seed=7)


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
            with contextlib.suppress(UnavailableError):  # it listens a little later
                send_control(mine, command, value)
            time.sleep(0.3)

    told("pause", None, "paused at 1970-01-02")
    told("resume", None, "going on from 1970-01-02")
    told("speed", "max", "speed max")
    thread.join(60)
    assert not thread.is_alive()
    assert telemetry(broker, prefix)
