"""Finds or starts a real InfluxDB 2 server for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.kafka.embedded_broker import free_port

ROOT = Path(__file__).parents[2]
ORG = "chillcast"
_START_S = 30.0


@dataclass(frozen=True)
class Influx:
    """A running server: its address and an all-access token."""

    url: str
    token: str

    def create_bucket(self, name: str, keeps_s: int = 0) -> None:
        """Create a bucket that keeps points of any age, or of the last ``keeps_s`` seconds."""
        orgs = self.call("GET", f"/api/v2/orgs?org={ORG}")
        rules = [{"type": "expire", "everySeconds": keeps_s}] if keeps_s else []
        body = {"orgID": orgs["orgs"][0]["id"], "name": name, "retentionRules": rules}
        self.call("POST", "/api/v2/buckets", body)

    def call(self, method: str, path: str, body: object = None) -> dict[str, list[dict[str, str]]]:
        """Call the server's API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if self.token:
            request.add_header("Authorization", f"Token {self.token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, list[dict[str, str]]] = json.loads(answer.read() or b"{}")
        return found


class Server:
    """A server of our own, in a folder of its own."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary, self.folder = binary, folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it is healthy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [f"--bolt-path={self.folder}/bolt", f"--engine-path={self.folder}/engine"]
        paths += [f"--sqlite-path={self.folder}/sqlite", f"--http-bind-address=127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, *paths, "--reporting-disabled"], stdout=log, stderr=log, env={**os.environ}
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                Influx(self.url, "").call("GET", "/health")
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"influxd did not start, see {self.folder}/log")

    def set_up(self) -> Influx:
        """Create the first user, organisation, bucket and token."""
        body = {
            "username": "test",
            "password": "test-password",
            "org": ORG,
            "bucket": "first",
            "token": "test-token",
        }
        Influx(self.url, "").call("POST", "/api/v2/setup", body)
        return Influx(self.url, "test-token")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop it cleanly: it does so on SIGINT, not on SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def find_binary() -> tuple[str, str]:
    """Return the path of an influxd, or an empty one and why there is none."""
    given = os.environ.get("CHILLCAST_INFLUXD")
    if given:
        return given, ""
    found = subprocess.run(
        [str(ROOT / "scripts" / "influxd.sh")],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return (found.stdout.strip(), "") if found.returncode == 0 else ("", found.stderr.strip())


@contextmanager
def serving(folder: Path) -> Iterator[Influx | str]:
    """Yield that of CHILLCAST_TEST_INFLUX (``url token``), one of our own, or why there is none."""
    given = os.environ.get("CHILLCAST_TEST_INFLUX", "").split()
    if len(given) == 2:
        yield Influx(*given)
        return
    binary, problem = find_binary()
    if not binary:
        yield problem
        return
    server = Server(binary, folder)
    server.start()
    try:
        yield server.set_up()
    finally:
        server.stop()
