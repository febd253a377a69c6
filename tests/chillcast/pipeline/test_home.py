from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chillcast.cli.app import app
from chillcast.pipeline.home import at_work
from models.errors import ConfigError

HOLDS = """
import sys, time
from pathlib import Path
from chillcast.pipeline.home import at_work
with at_work(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def another_at_work(home: Path, *works: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-c", HOLDS, str(home), *works]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which runs workers in the same home."""
    with another_at_work(tmp_path, "streaming") as process:
        yield process


def test_who_is_at_work_already_is_named(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    refusal = (
        rf"CHILLCAST_HOME = '{tmp_path}': .* no other command uses for streaming: process {other.pid} does"
    )
    for _ in range(2):
        with pytest.raises(ConfigError, match=refusal), at_work(tmp_path, "training", "streaming"):
            pass


def test_other_work_and_another_home_are_not_in_the_way(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    assert other.poll() is None
    with at_work(tmp_path, "training"), at_work(tmp_path / "elsewhere", "streaming"):
        pass


def test_a_home_is_free_again_when_its_process_was_killed(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    with at_work(tmp_path, "streaming"):
        pass


def test_a_process_may_do_more_than_one_thing_in_its_home(tmp_path: Path) -> None:
    with at_work(tmp_path, "training", "streaming"), at_work(tmp_path, "streaming"):
        pass


@pytest.mark.parametrize(
    ("command", "work"),
    [
        ("demo", "streaming"),
        ("demo", "training"),
        ("up", "streaming"),
        ("replay recording.csv", "streaming"),
        ("replay recording.csv", "training"),
        ("train chiller", "training"),
    ],
)
def test_a_command_that_would_meet_another_in_its_home_is_refused_before_it_does_anything(
    command: str, work: str, tmp_path: Path
) -> None:
    with another_at_work(tmp_path, work) as process:
        result = CliRunner().invoke(app, [*command.split(), "--home", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).endswith(f"uses for {work}: process {process.pid} does")
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "cache"}
