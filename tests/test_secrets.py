"""Secrets planted wherever one may stand, and looked for in all that commands and workers say and leave."""

from __future__ import annotations

import base64
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from chillcast.cli.app import main
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker, free_port
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import DeadLetter
from streams.stage import Outgoing
from streams.wire.codec import DEAD_LETTER, decode_json
from tests.support.commands import ROOT

Say = Callable[[tuple[str, ...], Mapping[str, object]], str]

MARK = "planted"  # every secret holds it, and nothing else does
NOWHERE = "127.0.0.1:9"
PLANTED = {
    "INFLUX_URL": f"http://me:{MARK}-influx@{NOWHERE}",
    "INFLUX_TOKEN": f"{MARK}-token",
    "REGISTRY_URI": f"http://me:{MARK}-registry@{NOWHERE}",
    "LOG_LEVEL": "debug",
    "FLEET": "backblaze",
}
OTHERS = {"MLFLOW_TRACKING_TOKEN": f"{MARK}-mlflow", "AWS_SECRET_ACCESS_KEY": f"{MARK}/aws+"}
WRONG: Mapping[str, Mapping[str, str]] = {
    "misspelt": {"INFLUX_TOKNE": f"{MARK}-misspelt"},
    "broken": {"INFLUX_TOKEN": f"{MARK}-one\n{MARK}-two"},
    "no address": {"INFLUX_URL": f"{MARK}-who:{MARK}-bare@{NOWHERE}"},
    "no list": {"BROKER": f"kafka://me:{MARK}-kafka@{NOWHERE}"},
    "no use": {"BROKER_PASSWORD": f"{MARK}-unused", "BROKER_SECURITY": "sasl-tls"},
    "not reached": {
        "BROKER": NOWHERE,
        "BROKER_SECURITY": "sasl-plaintext-insecure",
        "BROKER_MECHANISM": "PLAIN",
        "BROKER_USERNAME": "me",
        "BROKER_PASSWORD": f"{MARK}-pass",
    },
}
COMMANDS = (("doctor",), ("doctor", "--json"), ("models", "list"), ("worker", "sink"))


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Say]:
    """Return a function that runs a command as its process would, and returns all that it says."""

    def run(words: tuple[str, ...], settings: Mapping[str, object]) -> str:
        with monkeypatch.context() as patched:
            for name, value in environment(settings).items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["chillcast", *words])
            patched.setattr(sys, "stdout", sys.stdout)
            patched.setattr(sys, "stderr", sys.stderr)
            with pytest.raises(SystemExit):
                main()
            return "".join(capsys.readouterr())

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)
    logging.disable(logging.NOTSET)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    return {**OTHERS, **{f"CHILLCAST_{name}": str(value) for name, value in settings.items()}}


def started(words: tuple[str, ...], folder: Path, settings: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start a command; what it says goes to files of ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(words)
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "chillcast", *words],
            env={**os.environ, **environment(settings)},
            stdout=out,
            stderr=err,
            cwd=ROOT,
        )


def leaks(folder: Path) -> list[str]:
    """Return where, below a folder, a planted secret stands, the token also as base64 writes it."""
    words = [MARK.encode(), base64.b64encode(PLANTED["INFLUX_TOKEN"].encode()).rstrip(b"=")]
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for line in path.read_bytes().splitlines():
            found += [f"{path.relative_to(folder)}: {line[:300]!r}"] * any(word in line for word in words)
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        yield broker.bootstrap


@pytest.mark.parametrize("kind", WRONG)
def test_settings_that_are_wrong_are_refused_without_a_secret(say: Say, tmp_path: Path, kind: str) -> None:
    settings = {**PLANTED, "HOME": tmp_path / "home", **WRONG[kind]}
    for words in COMMANDS:
        if words[0] == "worker" and kind == "not reached":  # it would wait for its broker
            continue
        said = say(words, settings)
        assert said
        assert MARK not in said
    assert leaks(tmp_path) == []


def answer(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=10) as found:
            return bytes(found.read())
    except urllib.error.HTTPError as error:
        return error.read()
    except OSError:
        return b""


def wait_for(url: str) -> bytes:
    deadline = time.monotonic() + 120
    while not (found := answer(url)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_no_secret_stands_in_anything_that_a_pipeline_says_or_leaves(
    say: Say, broker: str, tmp_path: Path
) -> None:
    home, port, metrics = tmp_path / "out" / "home", free_port(), free_port()
    create_topics(Connection(broker), Topics(""), 2)  # else what is sent first makes its own
    settings = {**PLANTED, "BROKER": broker, "HOME": home}
    running = [
        started(("worker", "features"), tmp_path / "out", {**settings, "METRICS_PORT": metrics}),
        started(("worker", "sink"), tmp_path / "out", settings),
        started(("page", "--port", str(port)), tmp_path / "out", settings),
    ]
    asset = f"http://me:{MARK}-name@gateway"
    sample = f'{{"asset": "{asset}", "time": 1, "values": {{"token={MARK}-sensor": 1}}}}'.encode()
    try:
        said = wait_for(f"http://127.0.0.1:{port}/") + wait_for(f"http://127.0.0.1:{port}/api/fleet")
        with Publisher(Connection(broker)) as publisher:
            for partition in (0, 1):
                publisher.send(partition, Outgoing(Topics("").telemetry, b"x", sample, "application/json"))
        reasons = [letter.reason for letter in letters(broker)]
        (tmp_path / "out" / "page").write_bytes(said)
        (tmp_path / "out" / "metrics").write_bytes(wait_for(f"http://127.0.0.1:{metrics}/metrics"))
        (tmp_path / "out" / "reasons").write_text("\n".join(reasons), encoding="utf-8")
        for words in (*COMMANDS[:3], ("dead-letters", "list", "--json"), ("dead-letters", "show", "0/0")):
            assert MARK not in say(words, settings)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)
    assert leaks(tmp_path / "out") == []
    assert b"does not answer" in said
    assert reasons
    assert all((tmp_path / "out" / f"worker-{name}.err").stat().st_size for name in ("features", "sink"))


def letters(broker: str) -> list[DeadLetter]:
    """Return the first dead letters that come."""
    deadline = time.monotonic() + 90
    with Feed(Connection(broker), (Topics("").dead_letters,), 2, from_start=True) as feed:
        while time.monotonic() < deadline:
            if found := [m for m in feed.poll(0.5) if m.content_type == DEAD_LETTER]:
                return [decode_json(m.value, DeadLetter) for m in found]
    raise AssertionError("no dead letter came")
