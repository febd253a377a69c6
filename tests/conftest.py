"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from streams.kafka.embedded_broker import EmbeddedBroker
from streams.redaction import redact
from tests.support.influxd import Influx, serving
from tests.support.small_disk import SmallDisk, mounted

# The same examples in every run; HYPOTHESIS_PROFILE=wander looks at others.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("wander", derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# A shell has what it starts in the background ignore Ctrl-C, and every process of the tests would, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> Iterator[None]:
    """Forget what a test gave a process to hide: another may have it as a word."""
    yield
    redact.forget()


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A real InfluxDB 2 server; where none can be had, the test is skipped with the reason."""
    with serving(tmp_path_factory.mktemp("influxd")) as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of one embedded broker for the whole run; every test uses topics of its own."""
    with EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log") as broker:
        yield broker.bootstrap


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 24 MB; if none can be mounted, the test is skipped with the reason."""
    with mounted(tmp_path / "small", 24) as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found
