"""A real Apache Kafka for tests: one KRaft node, or several, where they can be had.

In this order: ``CHILLCAST_TEST_KAFKA`` (an address), ``CHILLCAST_KAFKA_HOME`` (an unpacked distribution), the
jars through Maven (`scripts/kafka.sh`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from streams.kafka.embedded_broker import free_port
from streams.processes import children

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "chillcast", "a-password"
WORKER = "worker"  # who may do what it is granted, and nothing else
_CLUSTER = "4L6g3nShT-eMCtK--X86sw"
_START_S = 60.0


class NotHereError(Exception):
    """There is no Kafka on this machine, and none can be had; the text says why."""


def jars() -> Path:
    """Return the folder of Kafka's jars. Raises NotHereError."""
    home = os.environ.get("CHILLCAST_KAFKA_HOME")
    if home:
        return Path(home) / "libs"
    found = subprocess.run([ROOT / "scripts" / "kafka.sh"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NotHereError(found.stderr.strip().splitlines()[-1])
    return Path(found.stdout.strip())


class KafkaServer:
    """One node with its data in ``folder``; use it in a ``with``. `stop` and `start` keep port and data.

    ``listener`` is the protocol of its clients: PLAINTEXT, SSL or SASL_SSL, the latter two with a certificate
    that only ``folder / "ca.pem"`` vouches for; SASL is SCRAM-SHA-512 with `USER`, who may do anything, or
    `WORKER`, and `PASSWORD`. ``controllers`` are the addresses at which the nodes of its cluster agree, of
    which ``number`` is its own, from 1; without any it is a cluster of itself.
    """

    def __init__(
        self, folder: Path, listener: str = "PLAINTEXT", number: int = 1, controllers: Sequence[str] = ()
    ) -> None:
        self.folder, self.listener, self.number = folder, listener, number
        self.controllers = tuple(controllers) or (f"127.0.0.1:{free_port()}",)
        self.bootstrap = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._libs = jars()

    def __enter__(self) -> KafkaServer:
        self.format()
        self.start()
        return self

    def format(self) -> None:
        """Write its settings and the beginning of its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.listener != "PLAINTEXT":
            _certificate(self.folder)
        (self.folder / "server.properties").write_text(self._properties(), encoding="utf-8")
        words = ["-t", _CLUSTER, "-c", str(self.folder / "server.properties")]
        for name in (USER, WORKER):
            words += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={PASSWORD}]"]
        command = [*self._java(), "kafka.tools.StorageTool", "format", *words]
        subprocess.run(command, check=True, capture_output=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it listens."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it; a node listens to clients once most nodes of its cluster run."""
        command = [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]
        self._process = children.start(command, self.folder / "kafka.log")

    def wait(self) -> None:
        """Return when it listens. Raises NotHereError if it does not within a minute."""
        host, port = self.bootstrap.split(":")
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.1)
        raise NotHereError(f"Kafka did not start: see {self.folder / 'kafka.log'}")

    def stop(self, grace_s: float = 20.0) -> None:
        """Stop it; what it was given stays."""
        if self._process is not None:
            children.stop(self._process, grace_s)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _java(self) -> list[str]:
        return ["java", "-Xmx512m", "-cp", f"{self._libs}/*"]

    def _properties(self) -> str:
        host, port = self.bootstrap.split(":")
        lines = {
            "process.roles": "broker,controller",
            "node.id": str(self.number),
            "controller.quorum.voters": ",".join(f"{i}@{c}" for i, c in enumerate(self.controllers, 1)),
            "listeners": f"{self.listener}://{host}:{port},CONTROLLER://{self.controllers[self.number - 1]}",
            "advertised.listeners": f"{self.listener}://{host}:{port}",
            "inter.broker.listener.name": self.listener,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{self.listener}:{self.listener}",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "log.cleaner.backoff.ms": "1000",
            "message.max.bytes": "8388608",
            "default.replication.factor": (copies := str(len(self.controllers))),
            "min.insync.replicas": (least := str(len(self.controllers) // 2 + 1)),
        }
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            few = {"replication.factor": copies, "min.isr": least, "num.partitions": "4"}
            lines |= {f"{topic}.{key}": value for key, value in few.items()}
        return "".join(f"{key}={value}\n" for key, value in (lines | self._security()).items())

    def _security(self) -> dict[str, str]:
        if self.listener == "PLAINTEXT":
            return {}
        out = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.folder / "server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.folder / "ca.pem"),
        }
        if self.listener == "SASL_SSL":
            login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
            out |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": f"User:{USER};User:ANONYMOUS",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                    f'{login} username="{USER}" password="{PASSWORD}";'
                ),
            }
        return out


class KafkaCluster:
    """Three nodes, each with a copy of everything; what is written is on two of them.

    Use it in a ``with``.
    """

    def __init__(self, folder: Path) -> None:
        controllers = [f"127.0.0.1:{free_port()}" for _ in range(3)]
        self.nodes = [KafkaServer(folder / f"node-{i}", number=i, controllers=controllers) for i in (1, 2, 3)]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def __enter__(self) -> KafkaCluster:
        for node in self.nodes:
            node.format()
            node.launch()
        for node in self.nodes:
            node.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.kill()


Servers = KafkaServer | KafkaCluster


def _certificate(folder: Path) -> None:
    """Make an authority of our own and a server certificate that it signed."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    authority = ["-subj", "/CN=chillcast tests", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *authority)
    request = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"]
    openssl("req", "-newkey", "rsa:2048", "-nodes", *request)
    (folder / "san.cnf").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n", encoding="utf-8")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san.cnf", "-days", "2"]
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt")
    pem = [(folder / name).read_text(encoding="utf-8") for name in ("server.key", "server.crt")]
    (folder / "server.pem").write_text("".join(pem), encoding="utf-8")
