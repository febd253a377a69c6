"""The container, built and run without a daemon, as buildah does it in a chroot, against Apache Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import free_port
from streams.worker.endpoint import READY
from tests.kafka.fault_run import Run, judge
from tests.kafka.up_process import up
from tests.support.commands import processes_for
from tests.support.probes import ready_and_said

pytestmark = pytest.mark.image
ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("CHILLCAST_CACHE") or Path.home() / ".cache" / "chillcast")
STORAGE = Path(os.environ.get("IMAGE_STORAGE") or CACHE / "image" / "storage")
BUILDAH = ["buildah", "--root", str(STORAGE), "--storage-driver", "vfs"]


def buildah(*words: str) -> str:
    done = subprocess.run([*BUILDAH, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container of the image, which is built first."""
    found = subprocess.run([str(ROOT / "scripts" / "image.sh")], capture_output=True, text=True, check=False)
    if found.returncode == 3:
        pytest.skip(found.stderr.strip())
    assert found.returncode == 0, found.stderr
    name = buildah("from", found.stdout.strip())
    yield name
    buildah("rm", name)


def run(container: str, *words: str) -> str:
    return buildah("run", "--isolation", "chroot", container, "--", *words)


def test_it_runs_as_nobody_and_knows_its_version(container: str) -> None:
    assert run(container, "id", "-u") == "10001"
    assert run(container, "chillcast", "--version").startswith("chillcast 0.")


def test_nothing_that_builds_or_installs_is_inside(container: str) -> None:
    tools = "('pip', 'hatchling', 'pytest', 'mypy')"
    inside = f"import importlib.util as u; print([m for m in {tools} if u.find_spec(m)])"
    assert run(container, "python3", "-c", inside) == "[]"
    assert run(container, "sh", "-c", "command -v gcc cc make pip uv || echo none") == "none"


def test_a_worker_in_it_becomes_ready(container: str, kafka: Connection) -> None:
    port = free_port()
    settings = {
        "CHILLCAST_HOME": "/data",
        "CHILLCAST_FLEET": "monash",
        "CHILLCAST_BROKER": kafka.bootstrap,
        "CHILLCAST_TOPIC_PREFIX": "image-",
        "CHILLCAST_METRICS_PORT": str(port),
    }
    command = running(container, settings, "worker", "features")
    ready, _, said = ready_and_said(command, f"http://127.0.0.1:{port}{READY}")
    assert ready, said


def test_all_stages_in_it_say_what_an_undisturbed_run_says(
    container: str, kafka: Connection, home: Path
) -> None:
    run = Run(kafka, home, None, exactly_once=True)
    for path in (home, *home.rglob("*")):
        path.chmod(0o777)
    command = running(container, run.settings.environment(), "up", lent=home)
    with run.stack:
        run.thread.start()
        with up(run, command, lambda _: end_inside(home)):
            run.hurried.set()
            run.thread.join(timeout=240)
            outcomes = judge(run, "image", ())
    assert all(outcome.is_right for outcome in outcomes), outcomes


def end_inside(home: Path) -> None:
    """Send SIGTERM to what was begun in the container: buildah, if that is sent it, kills it at once."""
    (begun,) = [n for n, words in processes_for(home).items() if "python" in words[0] and "up" in words]
    os.kill(begun, signal.SIGTERM)


def running(container: str, settings: Mapping[str, str], *words: str, lent: Path | None = None) -> list[str]:
    """Return what runs a command in the container, which is lent a folder at the same place."""
    given = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    volume = [] if lent is None else ["--volume", f"{lent}:{lent}"]
    return [*BUILDAH, "run", "--isolation", "chroot", *given, *volume, container, "--", "chillcast", *words]
