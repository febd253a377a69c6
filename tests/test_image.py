"""The container, really built and run: without a daemon, as buildah does it in a chroot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.embedded_broker import free_port
from streams.worker.endpoint import READY
from tests.support.probes import ready_and_said

pytestmark = pytest.mark.image
ROOT = Path(__file__).parent.parent
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


def test_a_worker_in_it_becomes_ready(container: str, bootstrap: str) -> None:
    port = free_port()
    settings = {
        "CHILLCAST_HOME": "/data",
        "CHILLCAST_FLEET": "monash",
        "CHILLCAST_BROKER": bootstrap,
        "CHILLCAST_TOPIC_PREFIX": "image-",
        "CHILLCAST_METRICS_PORT": str(port),
    }
    given = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    command = [
        *BUILDAH,
        "run",
        "--isolation",
        "chroot",
        *given,
        container,
        "--",
        "chillcast",
        "worker",
        "features",
    ]
    ready, _, said = ready_and_said(command, f"http://127.0.0.1:{port}{READY}")
    assert ready, said
