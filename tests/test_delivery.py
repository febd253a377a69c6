"""Running workers tell people of a case, over a channel that is away and over a kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from chillcast.cli.app import app
from models.delivery.notice import Delivery, Silence
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker, free_port
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.records import Alert
from streams.wire import codec
from tests.support.commands import ROOT, printed, refused
from tests.support.receivers import Webhook, webhook
from tests.support.sunk import OPEN

PARTITIONS, TOPICS = 2, Topics()
ROUTES = '[[routes]]\nname = "all"\nchannels = ["ops", "away"]\n'
KEY = "a-1/1/all/1"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log") as broker:
        connection = Connection(broker.bootstrap)
        create_topics(connection, TOPICS, PARTITIONS)
        yield connection


class Workers:
    """Workers `cases` and `delivery` of one home."""

    def __init__(self, broker: Connection, home: Path, channels: dict[str, str]) -> None:
        routes = home / "routes.toml"
        routes.write_text(ROUTES, encoding="utf-8")
        settings = {
            "HOME": home,
            "BROKER": broker,
            "PARTITIONS": PARTITIONS,
            "SESSION_TIMEOUT_S": 2,
            "STATE_INTERVAL_S": 1,
            "ROUTES": routes,
            "CHANNELS": json.dumps(channels),
        }
        told = {f"CHILLCAST_{name}": str(value) for name, value in settings.items()}
        self.home, self.environment = home, {**os.environ, **told}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, stage: str) -> None:
        with (self.home / f"{stage}.log").open("ab") as log:
            command = [sys.executable, "-m", "chillcast", "worker", stage]
            self.running[stage] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )

    def said(self) -> str:
        return "".join(path.read_text(encoding="utf-8") for path in self.home.glob("*.log"))


@contextmanager
def workers(broker: Connection, home: Path, channels: dict[str, str]) -> Iterator[Workers]:
    found = Workers(broker, home, channels)
    try:
        for stage in ("cases", "delivery"):
            found.start(stage)
        yield found
    finally:
        for process in found.running.values():
            process.kill()
            process.wait()


def until(what: Callable[[], bool], workers: Workers, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, workers.said()
        time.sleep(0.1)


def open_case(broker: Connection, alert: Alert = OPEN) -> None:
    with Publisher(broker) as publisher:
        publisher.send(partition_of(alert.asset, PARTITIONS), codec.alert(TOPICS.alerts, alert))


def test_a_notice_arrives_though_one_channel_is_away_and_the_worker_is_killed_before_it_can_say_so(
    broker: Connection, tmp_path: Path
) -> None:
    port = free_port()
    with webhook() as hook, Feed(broker, [TOPICS.deliveries], PARTITIONS, from_start=True) as feed:
        channels = {"ops": f"json://{hook.address}/", "away": f"json://me:geheim99@127.0.0.1:{port}/"}
        with workers(broker, tmp_path, channels) as running:
            hook.on_post = lambda *_: kill_once(running, hook)
            open_case(broker)
            until(lambda: len(hook.keys) > 1, running)
            records: list[Delivery] = []

            def is_on_record() -> bool:
                records.extend(codec.decode_json(m.value, Delivery) for m in feed.poll(0.2))
                sent = {r.channel for r in records if r.ending == "sent"}
                return "ops" in sent and any(r.channel == "away" for r in records)

            until(is_on_record, running)
            assert {r.ending for r in records if r.channel == "away"} == {"failed"}
            assert f"notice {KEY}/away was not delivered" in running.said()
            assert "geheim99" not in running.said() + repr(records)
    assert set(hook.keys) == {f"{KEY}/ops"}


def kill_once(running: Workers, hook: Webhook) -> None:
    """Kill the worker while the receiver has the notice and has not answered; start another."""
    if len(hook.posted) == 1:
        running.running["delivery"].send_signal(signal.SIGKILL)
        running.running["delivery"].wait()
        running.start("delivery")


def test_a_test_goes_over_one_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook() as hook:
        monkeypatch.setenv("CHILLCAST_CHANNELS", json.dumps({"ops": f"json://{hook.address}/in"}))
        said = refused("notify", "test", "opps", "--home", str(tmp_path))
        assert "channel = 'opps': expected one of ops (CHILLCAST_CHANNELS)" in said
        done = subprocess.run(
            [sys.executable, "-m", "chillcast", "notify", "test", "ops", "--home", str(tmp_path), "--json"],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
    assert json.loads(done.stdout) == {"sent": "ops", "reference": None}
    assert json.loads(hook.posted[0][2])["title"] == "chillcast: this is a test, nothing is to be done"


def test_a_case_that_opens_in_a_planned_stop_is_held_and_told_once_it_is_over(
    broker: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: entered at a terminal, led by the worker of cases, held and told by that of delivery."""
    monkeypatch.setenv("CHILLCAST_PARTITIONS", str(PARTITIONS))
    here = ("--home", str(tmp_path), "--json")

    def listed() -> dict[str, Any]:
        rows = json.loads(printed("cases", "list", *here))
        return next((row for row in rows if row["machine"] == "CH-0012"), {})

    with webhook() as hook:
        channels = {"ops": f"json://{hook.address}/", "away": "json://127.0.0.1:1/"}
        with workers(broker, tmp_path, channels) as running:
            running.start("sink")
            until(
                lambda: is_planned(("--from", "2199-01-01", "--until", "2199-01-02"), broker, here), running
            )
            until(lambda: "2199" in printed("plans", "list", *here), running)
            now_s = time.time()
            span = [datetime.fromtimestamp(s, UTC).isoformat() for s in (now_s - 3600, now_s + 60)]
            assert is_planned(("--from", span[0], "--until", span[1], "--text", "service"), broker, here)
            opened_ms = int(now_s * 1000) - 60_000
            name, times = f"CH-0012-{opened_ms}", {"time_ms": opened_ms, "opened_ms": opened_ms}
            open_case(broker, replace(OPEN, asset="CH-0012", case=name, **times))
            until(lambda: bool(listed()), running)
            assert str(listed()["planned_stop"]).startswith("until ")
            until(lambda: bool(hook.keys), running)
            assert hook.keys[0] == f"{name}/1/all/1/ops"
            assert time.time() >= now_s + 60
            assert listed()["planned_stop"] is None
            row = json.loads(printed("plans", "list", "--all", *here))[0]
            assert (row["state"], row["who"], row["text"]) == ("over", "ann", "service")


def is_planned(asked: Sequence[str], broker: Connection, here: Sequence[str]) -> bool:
    """Enter a plan, as soon as the worker runs that answers."""
    by = ("--machine", "CH-0012", "--broker", str(broker), "--who", "ann")
    done = CliRunner().invoke(app, ["plans", "add", *by, *asked, *here])
    assert done.exit_code == 0 or "no cases worker" in str(done.exception), done.exception
    return done.exit_code == 0


def test_a_silence_is_said_to_the_delivery_worker(
    broker: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text('zone = "Europe/Berlin"\n', encoding="utf-8")
    monkeypatch.setenv("CHILLCAST_ROUTES", str(routes))
    here = ("--broker", str(broker), "--home", str(tmp_path), "--who", "ann", "--json")
    with Feed(broker, [TOPICS.notices], PARTITIONS, from_start=False) as feed:
        said = printed("notify", "silence", "2030-01-01", "--site", "north", "--name", "works", *here)
        assert json.loads(said) == {"silence": "works", "until": "2030-01-01 (Europe/Berlin)"}
        found: list[Silence] = []
        deadline = time.monotonic() + 30
        while not found and time.monotonic() < deadline:
            messages = [m for m in feed.poll(0.2) if m.content_type == codec.SILENCE]
            found += [codec.decode_json(m.value, Silence) for m in messages]
    assert (found[0].sites, found[0].until_ms, found[0].who) == (("north",), 1_893_452_400_000, "ann")
    assert "until = 'soon': expected a date or time in Europe/Berlin" in refused(
        "notify", "silence", "soon", *here
    )


@pytest.mark.parametrize(
    "given", ["slack://a", '["slack://a/b/c"]', '{"ops": "Tok3nTok3n"}', '{"o/p": "json://x"}']
)
def test_channels_that_are_no_object_of_addresses_are_refused_and_not_shown(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHILLCAST_CHANNELS", given)
    said = refused("notify", "test", "ops")
    assert "CHILLCAST_CHANNELS = '**********': expected a JSON object" in said
    assert "slack://a" not in said.replace('as {"ops": "slack://…"}', "")
    assert "Tok3n" not in said
