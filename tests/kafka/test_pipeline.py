"""The whole pipeline on a real Apache Kafka, its workers killed: the same verdict, every score once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics
from streams.records import Scores
from streams.wire import codec
from tests.support.commands import ROOT, chillcast
from tests.support.drives import drives

pytestmark = pytest.mark.kafka
PARTITIONS, PREFIX = 2, "pipeline-"
WORDS = ("--fleet", "fleets/backblaze.toml", "--train-until", "2020-03-16", "--horizon", "7", "--json")
SPEED = "100000"  # slow enough that scores still come when the last stage is to be killed


def process_of(stage: str, home: Path) -> int | None:
    """Return the process that runs a stage under ``home``."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if line[-3:-1] == [b"worker", stage.encode()] and str(home).encode() in environment:
            return int(folder.name)
    return None


class Reading:
    """How often each score was read, and a worker killed whenever there are enough new ones."""

    def __init__(self, feed: Feed, home: Path, stages: Iterator[str]) -> None:
        self.feed, self.home, self.stages = feed, home, stages
        self.seen: Counter[tuple[str, int, int]] = Counter()
        self.killed: list[str] = []
        self._stage, self._next = next(stages, ""), 1

    def read(self) -> None:
        for message in self.feed.poll(0.2):
            record = codec.decode_scores(message.value, message.content_type)
            if isinstance(record, Scores):
                names = [record.assets[i] for i in record.asset]
                self.seen.update(zip(names, record.end_ms.tolist(), record.revision.tolist(), strict=True))

    def kill(self) -> None:
        pid = process_of(self._stage, self.home) if self._stage and len(self.seen) >= self._next else None
        if pid:
            os.kill(pid, signal.SIGKILL)
            self.killed.append(self._stage)
            self._stage, self._next = next(self.stages, ""), len(self.seen) + 300


def test_a_pipeline_whose_every_stage_is_killed_says_what_the_batch_says(
    kafka: Connection, tmp_path: Path
) -> None:
    recording, home = drives(tmp_path / "drives.parquet"), tmp_path / "home"
    tested = chillcast("backtest", str(recording), *WORDS, home=tmp_path / "offline")
    settings = {
        "PARTITIONS": PARTITIONS,
        "TOPIC_PREFIX": PREFIX,
        "SESSION_TIMEOUT_S": 3,
        "STATE_INTERVAL_S": 1,
    }
    command = [sys.executable, "-m", "chillcast", "replay", str(recording), *WORDS, "--speed", SPEED]
    command += ["--home", str(home), "--broker", str(kafka)]
    environment = {**os.environ, **{f"CHILLCAST_{k}": str(v) for k, v in settings.items()}}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as replay:
        deadline = time.monotonic() + 60
        while process_of("sink", home) is None:
            assert time.monotonic() < deadline
            assert replay.poll() is None, replay.communicate()
            time.sleep(0.2)
        stages = iter(("risk", "features", "sink"))
        with Feed(kafka, (Topics(PREFIX).scores,), PARTITIONS, from_start=True) as feed:
            reading = Reading(feed, home, stages)
            while replay.poll() is None:
                reading.read()
                reading.kill()
            reading.read()
        out, err = replay.communicate(timeout=30)
    assert replay.returncode == 0, err
    assert reading.killed == ["risk", "features", "sink"]
    streamed, offline = json.loads(out), json.loads(tested.stdout)
    assert {key: streamed[key] for key in offline} == offline
    assert set(reading.seen.values()) == {1}
