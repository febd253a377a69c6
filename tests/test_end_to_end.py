"""The whole pipeline, as processes, on the embedded broker: what a user runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.pipeline.publishing import BackgroundReplay, Playing
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.learning.history import History
from models.telemetry.samples import Event
from simulators.recordings.recording import Recorded, read_recording
from streams.kafka.embedded_broker import free_port
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import partition_of
from streams.records import DeadLetter, Sample, Watermark
from streams.stage import Outgoing
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Row
from streams.wire import codec
from tests.support.collected import Final, collect
from tests.support.commands import ROOT, chillcast, left_behind
from tests.support.drives import drives
from tests.support.reporters import Alarms
from tests.support.small_disk import SmallDisk


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drives(tmp_path_factory.mktemp("recording") / "drives.parquet")


def test_replay_and_backtest_judge_a_recording_alike(recording: Path, tmp_path: Path) -> None:
    words = [
        str(recording),
        "--fleet",
        "fleets/backblaze.toml",
        "--train-until",
        "2020-03-16",
        "--horizon",
        "7",
    ]
    replayed = chillcast("replay", *words, "--json", home=tmp_path / "a")
    tested = chillcast("backtest", *words, "--json", home=tmp_path / "b")
    assert replayed.returncode == 0, replayed.stderr
    assert tested.returncode == 0, tested.stderr
    (line,) = replayed.stdout.splitlines()
    streamed, offline = json.loads(line), json.loads(tested.stdout)
    keys = {"failures", "alerted", "budget", "lead_days_median", "roc_auc", "average_precision"}
    assert keys | {"rule_alerted", "days_tested"} <= set(streamed)
    assert {k: streamed[k] for k in offline} == offline
    assert streamed["days_tested"] == 11
    assert 0 < streamed["alerted"] <= streamed["failures"]
    assert streamed["dead_letters"] == 0
    assert left_behind(tmp_path / "a") == []
    fleet = load_fleet(ROOT / "fleets" / "backblaze.toml")
    (version,) = Resources(Settings(home=str(tmp_path / "a")), fleet).registry.versions(fleet.name)
    assert version.is_champion


@pytest.fixture
def recorded(recording: Path) -> Recorded:
    return read_recording(recording, load_fleet(ROOT / "fleets" / "backblaze.toml"))


def batch(recorded: Recorded) -> Final:
    history, out = History(recorded.fleet, recorded.slices()), dict[tuple[str, int], bytes]()
    for windows in history.until(1 << 62):
        collect(out, windows)
    return out


class Stream:
    """Everything that comes out of the features stage."""

    def __init__(self, feed: Feed, fleet: Fleet, partitions: int) -> None:
        self.feed, self.partitions = feed, partitions
        self.fingerprint = FeatureSchema(fleet).fingerprint
        self.windows: Final = {}
        self.letters: list[DeadLetter] = []
        self.ended: set[int] = set()
        self.reached: dict[int, int] = {}

    @property
    def watermark_ms(self) -> int:
        return min(self.reached.values()) if len(self.reached) == self.partitions else 0

    def read(self) -> None:
        for message in self.feed.poll(0.1):
            if message.topic.endswith("dead-letters"):
                self.letters.append(codec.decode_json(message.value, DeadLetter))
                continue
            record = codec.decode_features(message.value, message.content_type, self.fingerprint)
            if isinstance(record, Windows):
                collect(self.windows, record)
            elif isinstance(record, Watermark):
                self.reached[message.partition] = record.time_ms
                if record.end:
                    self.ended.add(message.partition)


def stream(recorded: Recorded, home: Path, *, kills: int = 0, poison: int = 0) -> tuple[Stream, list[str]]:
    """Run the features stage over a recording, killing its worker ``kills`` times on the way."""
    alarms: list[str] = []
    settings, fleet = Settings(home=str(home)), recorded.fleet
    deadline = time.monotonic() + 120
    with running(settings, fleet, ["features"], Alarms(alarms)) as pipeline:
        topics, partitions = pipeline.topics, pipeline.partitions
        watched = (topics.features, topics.dead_letters)
        with Feed(pipeline.connection, watched, partitions, from_start=True) as feed:
            found = Stream(feed, fleet, partitions)
            with Publisher(pipeline.connection) as publisher:
                for i in range(poison):
                    publisher.send(i % partitions, Outgoing(topics.telemetry, b"x", b"\xff" * (i + 1), ""))
            with BackgroundReplay(
                Playing("drives", lambda _: recorded.slices(), 0, 1),
                fleet,
                connection=pipeline.connection,
                topics=topics,
                partitions=partitions,
                done_ms=lambda: found.watermark_ms,
                ahead_ms=2 * DAY_MS,
            ) as source:
                while len(found.ended) < partitions or len(found.letters) < poison:
                    assert time.monotonic() < deadline, f"{len(found.windows)} windows, {alarms}"
                    source.raise_failure()
                    pipeline.supervisor.watch()
                    found.read()
                    pid = pipeline.supervisor.status()[0].pid
                    days = (found.watermark_ms - recorded.quality.from_ms) / DAY_MS
                    if kills and pid and days > 6 * (4 - kills):
                        os.kill(pid, signal.SIGKILL)
                        kills -= 1
    return found, alarms


def test_streamed_features_equal_the_batch_bit_for_bit(recorded: Recorded, tmp_path: Path) -> None:
    found, alarms = stream(recorded, tmp_path)
    assert found.windows == batch(recorded)
    assert (found.letters, alarms) == ([], [])


def test_a_worker_killed_three_times_loses_and_changes_nothing(recorded: Recorded, tmp_path: Path) -> None:
    found, alarms = stream(recorded, tmp_path, kills=3)
    assert len(alarms) == 3
    assert "worker features ended with -9" in alarms[0]
    assert found.windows == batch(recorded)


def test_a_flood_of_poison_ends_in_dead_letters_and_the_rest_goes_on(
    recorded: Recorded, tmp_path: Path
) -> None:
    found, alarms = stream(recorded, tmp_path, poison=50)
    assert len(found.letters) == 50
    assert all(letter.reason for letter in found.letters)
    assert alarms == []
    assert found.windows == batch(recorded)


def test_the_alarm_of_a_running_worker_reaches_the_terminal(recorded: Recorded, tmp_path: Path) -> None:
    alarms: list[str] = []
    settings = Settings(home=str(tmp_path), influx_url="http://127.0.0.1:9", influx_token=SecretStr("token"))
    deadline = time.monotonic() + 60
    with running(settings, recorded.fleet, ["sink"], Alarms(alarms)) as pipeline:
        with Publisher(pipeline.connection) as publisher:
            publisher.send(0, codec.event(pipeline.topics.events, Event(DAY_MS, "Z1", "shutdown")))
        while not any("worker sink" in text and "nothing is lost" in text for text in alarms):
            assert time.monotonic() < deadline, alarms
            pipeline.supervisor.watch()
            time.sleep(0.1)


def test_a_home_on_a_full_disk_is_an_alarm_and_the_workers_go_on_when_there_is_room(
    recorded: Recorded, small_disk: SmallDisk
) -> None:
    """The worker cannot say so itself: its log lies on the same disk."""
    alarms: list[str] = []
    settings = Settings(home=str(small_disk.folder / "home"))
    deadline = time.monotonic() + 120
    many = [Event(DAY_MS + i, f"Z{i % 50}", "shutdown", "x" * 100) for i in range(2_000)]
    with running(settings, recorded.fleet, ["sink"], Alarms(alarms)) as pipeline:
        with Publisher(pipeline.connection) as publisher:
            publisher.send(0, codec.event(pipeline.topics.events, many[0]))
            until(lambda: len(stored(settings, many)) == 1, pipeline, deadline)
            small_disk.fill(leave_bytes=50_000)
            for event in many[1:]:
                publisher.send(0, codec.event(pipeline.topics.events, event))
        until(lambda: any("MB are left on the disk" in text for text in alarms), pipeline, deadline)
        time.sleep(3)
        assert len(stored(settings, many)) < len(many)
        small_disk.make_room()
        until(lambda: len(stored(settings, many)) == len(many), pipeline, deadline)


def stored(settings: Settings, events: Sequence[Event]) -> list[Row]:
    """Return the events of the store, as a page would read them; none while it is not there."""
    if not settings.store_path.exists():
        return []
    with contextlib.closing(SqliteStore(settings.store_path)) as store:
        return [
            row
            for asset in {e.asset for e in events}
            for row in store.history("events", asset, 0, 2 * DAY_MS)
        ]


def until(what: Callable[[], bool], pipeline: Pipeline, deadline: float) -> None:
    while not what():
        assert time.monotonic() < deadline
        pipeline.supervisor.watch()
        time.sleep(0.2)


def scraped(port: int) -> dict[str, float]:
    """Return what a worker tells Prometheus, added up over partitions; nothing while it starts."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            out: dict[str, float] = defaultdict(float)
            for sample in (s for family in families for s in family.samples):
                out[sample.name] += sample.value
            return dict(out)
    except OSError:
        return {}


def test_a_running_worker_tells_prometheus_what_it_has_done(recorded: Recorded, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), metrics_port=(port := free_port()))
    deadline = time.monotonic() + 60
    with running(settings, recorded.fleet, ["features"], Alarms([])) as pipeline:
        with Publisher(pipeline.connection) as publisher:
            for i, name in enumerate(recorded.samples.assets[:50]):
                value = Sample(asset=name, time=(20_000 + i // 25) * DAY_MS, values={"smart_5": 1.0})
                home = partition_of(name, pipeline.partitions)
                publisher.send(home, codec.sample(pipeline.topics.telemetry, value))
            publisher.send(0, Outgoing(pipeline.topics.telemetry, b"x", b"\xff", ""))
        while (found := scraped(port)).get("chillcast_messages_total", 0) < 51:
            assert time.monotonic() < deadline, found
            pipeline.supervisor.watch()
            time.sleep(0.1)
    assert found["chillcast_messages_total"] == 51
    assert found["chillcast_readings_total"] == 50 * len(recorded.fleet.sensors)
    assert found["chillcast_dead_letters_total"] == 1
    assert found["chillcast_step_seconds_count"] >= 1


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("demo")
    run = chillcast("demo", "--assets", "24", "--days", "200", "--replay-days", "20", home=home)
    assert run.returncode == 0, run.stderr
    return home, run.stderr


def test_the_demonstration_reports_by_event(demonstration: tuple[Path, str]) -> None:
    home, text = demonstration
    report = json.loads((home / "demo" / "report.json").read_text())
    assert report["shutdowns"] == report["alerted"] + len(report["missed"])
    assert {"asset", "cause"} <= set(report["missed"][0]) if report["missed"] else True
    assert report["false_alarms_per_asset_year"] >= 0
    assert report["dead_letters"] == 0
    assert (home / "demo" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert str(home) in text.replace("\n", "")


def test_the_demonstration_leaves_no_process_behind(demonstration: tuple[Path, str]) -> None:
    assert left_behind(demonstration[0]) == []


def test_what_was_streamed_stands_in_the_store(demonstration: tuple[Path, str]) -> None:
    from streams.stores.sqlite import SqliteStore  # noqa: PLC0415

    store = SqliteStore(demonstration[0] / "store.db")
    newest = store.latest("scores")
    assert len(newest) == 24
    assert all(0 <= float(row.fields["risk_14d"]) <= 1 for row in newest)
    assert {row.tags["asset"] for row in newest} == {f"CH-{i:04d}" for i in range(1, 25)}


def test_ctrl_c_stops_the_demonstration_and_its_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chillcast", "demo", "--assets", "24", "--days", "120"]
    command += ["--replay-days", "60", "--home", str(tmp_path)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    assert run.stderr is not None
    for line in run.stderr:
        if "replaying through Kafka" in line:
            break
    time.sleep(1.0)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(40) != 0
    assert left_behind(tmp_path) == []


def test_a_broker_that_is_not_there_is_named_and_retried_visibly(recording: Path, tmp_path: Path) -> None:
    words = ["up", "--broker", "127.0.0.1:9", "--home", str(tmp_path)]
    run = subprocess.Popen(
        [sys.executable, "-m", "chillcast", *words], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert run.stderr is not None
    lines = [run.stderr.readline() for _ in range(2)]
    run.terminate()
    run.wait(20)
    assert all("ALARM Kafka broker 127.0.0.1:9 does not answer" in line for line in lines)


def test_every_asset_lands_on_one_partition(recorded: Recorded) -> None:
    homes = {name: partition_of(name, 2) for name in recorded.samples.assets}
    assert set(homes.values()) == {0, 1}
