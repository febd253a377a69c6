"""Injects faults into running workers and compares every window with the undisturbed run's.

``python -m tests.kafka.faults`` (`make faults`) runs all of them on Apache Kafka and, where they apply, on
the embedded broker, prints a table and writes ``.chillcast/faults.json``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from kafka import KafkaAdminClient

from chillcast.settings import Settings
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.config import table_json
from models.fleet.fleet import Fleet, parse_fleet
from models.learning.history import History
from models.telemetry.samples import Samples, TimeSlice
from simulators.replay.replay import replay
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.live_reader import Feed
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.processes.supervisor import Supervisor
from streams.records import Watermark
from streams.stage import Outgoing
from streams.wire import codec
from tests.support.collected import Final, collect
from tests.support.kafkad import KafkaServer, NotHereError

ROOT = Path(__file__).parents[2]
PARTITIONS, ASSETS, HOURS = 4, 24, 160
SESSION_S = 3
HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS


@dataclass(frozen=True)
class Outcome:
    """What came out of a run with a fault."""

    fault: str
    broker: str
    expected: int
    missing: int
    wrong: int
    duplicate: int
    lag: int

    @property
    def is_right(self) -> bool:
        """Nothing missing or wrong, nothing doubled where that is promised, and nothing left to read."""
        doubled = self.duplicate if self.broker == "kafka" else 0
        return not (self.missing or self.wrong or doubled or self.lag)


@dataclass
class Run:
    """One run: a topic prefix of its own, a load, and workers that come and go."""

    connection: Connection
    home: Path
    server: KafkaServer | None
    exactly_once: bool = False
    load_s: float = 20.0
    alarms: list[str] = field(default_factory=list)
    extra: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topics = Topics(f"run{time.time_ns()}-")
        self.fleet = fleet()
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "fleet.json").write_bytes(table_json(self.fleet))
        self.fault_file = self.home / "fault"
        self.stack = ExitStack()
        self.thread = threading.Thread(target=self._publish, daemon=True)
        create_topics(self.connection, self.topics, PARTITIONS)
        self.settings = Settings(
            home=str(self.home),
            fleet=str(self.home / "fleet.json"),
            broker=str(self.connection),
            partitions=PARTITIONS,
            session_timeout_s=SESSION_S,
            state_interval_s=1,
            topic_prefix=self.topics.prefix,
        )

    def workers(self, *names: str, stage: str = "features", **test: str) -> Supervisor:
        """Start workers of a stage; they are restarted when they end. ``test`` is for their test settings."""
        told = {f"CHILLCAST_TEST_{key.upper()}": value for key, value in test.items()}
        environment = {**self.settings.environment(), "CHILLCAST_TEST_FAULT": str(self.fault_file), **told}
        command = [sys.executable, "-m", "tests.kafka.fault_worker", stage]
        supervisor = Supervisor(
            dict.fromkeys(names, command),
            self.home / "logs",
            environment=environment,
            alarm=self.alarms.append,
        )
        return self.stack.enter_context(supervisor)

    def watch(self, supervisor: Supervisor, seconds: float) -> None:
        """Let time pass."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            supervisor.watch()
            time.sleep(0.1)

    def plant(self, fault: str) -> None:
        """Ask the workers for a disturbance."""
        self.fault_file.with_suffix(".hit").unlink(missing_ok=True)
        waiting = self.fault_file.with_suffix(".new")
        waiting.write_text(fault, encoding="utf-8")
        waiting.rename(self.fault_file)

    def _publish(self) -> None:
        with Publisher(self.connection) as publisher:
            for i, message in enumerate(self.extra):
                publisher.send(i % PARTITIONS, message)
            replay(
                slices(),
                self.fleet,
                partitions=PARTITIONS,
                telemetry=self.topics.telemetry,
                send=publisher.send,
                pace=lambda _: time.sleep(self.load_s / HOURS),
                batch_s=3600,
            )


def fleet() -> Fleet:
    """Return a fleet of a few sensors and short windows."""
    sampling = {"period_s": 900, "hop_s": 3600, "windows_s": [3600, 21600, 86400], "lateness_s": 7200}
    sensors = [
        {"key": f"s{i}", "label": f"s{i}", "unit": "K", "low": -100.0, "high": 100.0} for i in range(6)
    ]
    raw = {"name": "toy", "asset": "toy", "asset_pattern": "a[0-9]+", "outcome": "stop", "horizons_d": [1.0]}
    return parse_fleet(
        {**raw, "sampling": sampling, "alerting": {"horizon_d": 1.0}, "sensors": sensors}, "toy"
    )


def slices() -> Iterator[TimeSlice]:
    """Yield hours of telemetry with some of it missing."""
    rng, names = np.random.default_rng(7), tuple(f"a{i}" for i in range(ASSETS))
    asset = np.repeat(np.arange(ASSETS, dtype=np.int32), 4)
    for hour in range(HOURS):
        start_ms = START_MS + hour * HOUR_MS
        time_ms = np.tile(start_ms + np.arange(4) * 900_000, ASSETS)
        values = rng.normal(20, 5, (len(asset), 6)).astype(np.float32)
        values[rng.random(values.shape) < 0.05] = np.nan
        kept = np.flatnonzero(rng.random(len(asset)) > 0.02)
        yield TimeSlice(start_ms, start_ms + HOUR_MS, Samples(names, asset, time_ms, values).take(kept))


def golden() -> Final:
    """Return the windows of an undisturbed run, by the same kernel without a broker."""
    out: Final = {}
    for windows in History(fleet(), slices()).until(1 << 62):
        collect(out, windows)
    return out


def count(windows: Windows, seen: Counter[tuple[str, int, int]]) -> None:
    """Count how often each revision of each window came."""
    names = [windows.assets[i] for i in windows.asset]
    seen.update(zip(names, windows.end_ms.tolist(), windows.revision.tolist(), strict=True))


def judge(run: Run, fault: str, expected: Final, supervisor: Supervisor) -> Outcome:
    """Wait for the end of the log, and compare."""
    found, seen, ended = Final(), Counter[tuple[str, int, int]](), set[int]()
    deadline = time.monotonic() + 120
    fingerprint = FeatureSchema(run.fleet).fingerprint
    with Feed(run.connection, (run.topics.features,), PARTITIONS, from_start=True) as feed:
        while len(ended) < PARTITIONS and time.monotonic() < deadline:
            supervisor.watch()
            for message in feed.poll(0.2):
                record = codec.decode_features(message.value, message.content_type, fingerprint)
                if isinstance(record, Windows):
                    collect(found, record)
                    count(record, seen)
                elif isinstance(record, Watermark) and record.end:
                    ended.add(message.partition)
    run.watch(supervisor, 2.5)  # acknowledgements are committed once a second
    lag = asyncio.run(lag_of(run))
    kind = "kafka" if run.exactly_once else "embedded"
    missing = sum(key not in found for key in expected)
    wrong = sum(found.get(key, value) != value for key, value in expected.items())
    return Outcome(fault, kind, len(expected), missing, wrong, sum(n - 1 for n in seen.values()), lag)


async def lag_of(run: Run) -> int:
    """Return how many messages of telemetry the group has still to read, or has skipped.

    The embedded broker names as its end an offset of the last batch, which may lie before what was committed.
    """
    log = KafkaLog(run.connection, run.topics.telemetry, run.topics.group("features"))
    try:
        left = [await log.end(p) - (await log.committed(p) or 0) for p in range(PARTITIONS)]
        return sum(abs(n) if run.exactly_once else max(n, 0) for n in left)
    finally:
        await log.stop()


def killed(run: Run, supervisor: Supervisor) -> None:
    """Kill a worker eight times, each time within another step of a commit."""
    steps = ("send", "state", "commit", "begin", "offsets", "send", "state", "commit")
    hit = run.fault_file.with_suffix(".hit")
    for step in steps if run.exactly_once else ("send", "state") * 4:
        run.plant(f"{step} pause")
        wait(lambda: hit.exists() and hit.read_text(encoding="utf-8") != "", supervisor)
        os.kill(int(hit.read_text(encoding="utf-8")), signal.SIGKILL)
        run.fault_file.unlink()
        run.watch(supervisor, 1.0)


def raised(run: Run, supervisor: Supervisor) -> None:
    """Raise an exception at each step of a commit."""
    for step in ("begin", "send", "state", "offsets", "commit") if run.exactly_once else ("send", "state"):
        run.plant(f"{step} raise")
        wait(lambda: not run.fault_file.exists(), supervisor)
        run.watch(supervisor, 1.5)


def terminated(run: Run, supervisor: Supervisor) -> None:
    """Stop a worker as a process manager does, three times."""
    signalled(run, supervisor, [3.0] * 3, signal.SIGTERM)


def signalled(run: Run, supervisor: Supervisor, pauses_s: Sequence[float], sign: signal.Signals) -> None:
    """Send the first worker, if it runs then, a signal after each pause."""
    for pause_s in pauses_s:
        run.watch(supervisor, pause_s)
        pid = supervisor.status()[0].pid
        if pid:
            os.kill(pid, sign)


def stopped(run: Run, supervisor: Supervisor) -> None:
    """Stop a worker for three sessions, so that it goes on as a zombie."""
    for turn in range(2):
        wait(lambda i=turn % 2: supervisor.status()[i].pid is not None, supervisor)  # type: ignore[misc]
        pid = supervisor.status()[turn % 2].pid or 0
        os.kill(pid, signal.SIGSTOP)
        run.watch(supervisor, 3 * SESSION_S)
        os.kill(pid, signal.SIGCONT)
        run.watch(supervisor, 2.0)


def broker_away(run: Run, supervisor: Supervisor) -> None:
    """Stop the broker for a while and start it again."""
    if run.server is not None:
        run.server.stop()
        run.watch(supervisor, float(os.environ.get("CHILLCAST_TEST_OUTAGE_S", "60")))
        run.server.start()


def rebalanced(run: Run, supervisor: Supervisor) -> None:
    """Go from one worker to two, to three, and back to one under load."""
    more = []
    for name in ("w2", "w3"):
        more.append(run.workers(name))
        run.watch(supervisor, 6.0)
    for one in more:
        one.stop()
        run.watch(supervisor, 3.0)


def mismatched(run: Run, supervisor: Supervisor) -> None:
    """Start a worker that expects another number of partitions: it must refuse, and disturb nobody."""
    run.watch(supervisor, 3.0)
    settings = run.settings.model_copy(update={"partitions": 2 * PARTITIONS})
    command = [sys.executable, "-m", "chillcast", "worker", "features"]
    environment = {**os.environ, **settings.environment()}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    if ended.returncode != 1 or f"CHILLCAST_PARTITIONS = {2 * PARTITIONS}" not in ended.stderr:
        raise AssertionError(f"a worker for other partitions ended with {ended.returncode}: {ended.stderr}")


def withheld(run: Run, supervisor: Supervisor) -> None:
    """Leave out the first message that a worker is given after each load."""
    run.plant("withhold")
    signalled(run, supervisor, [4.0] * 2, signal.SIGKILL)


def poisoned(run: Run, supervisor: Supervisor) -> None:
    """Nothing more: the poison was sent before the load."""
    run.watch(supervisor, 1.0)


def state_deleted(run: Run, supervisor: Supervisor) -> None:
    """Delete what the workers remember while they are stopped."""
    run.watch(supervisor, 8.0)
    supervisor.stop()
    admin = KafkaAdminClient(**run.connection.kafka_python())
    admin.delete_topics([run.topics.compacted[0]])
    time.sleep(2.0)
    admin.close()
    create_topics(run.connection, run.topics, PARTITIONS)
    supervisor.watch()


def wait(what: Callable[[], bool], supervisor: Supervisor, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError("the fault did not come to pass")
        supervisor.watch()
        time.sleep(0.05)


Fault = Callable[[Run, Supervisor], None]
FAULTS: dict[str, Fault] = {
    "kill -9 x 8 within commits": killed,
    "exception at each step": raised,
    "SIGTERM mid-batch": terminated,
    "SIGSTOP 3 sessions, CONT": stopped,
    "broker stopped and restarted": broker_away,
    "rebalance 1 - 2 - 3 - 1 workers": rebalanced,
    "first message withheld": withheld,
    "poison flood": poisoned,
    "state topic deleted": state_deleted,
    "partition mismatch": mismatched,
}
KAFKA_ONLY = ("broker stopped and restarted", "state topic deleted")


def inject(
    name: str, connection: Connection, home: Path, server: KafkaServer | None, *, exactly_once: bool
) -> Outcome:
    """Run one fault and return what came of it; without ``server`` the broker cannot be stopped."""
    poison = [b"\xff" * 10, b"{}", b"", b"[1,2", b'{"asset":"a1","time":"x","values":{}}'] * 40
    run = Run(connection, home, server, exactly_once, load_s=_load_s(name, exactly_once))
    if name == "poison flood":
        run.extra = [Outgoing(run.topics.telemetry, b"x", value, "") for value in poison]
    with run.stack:
        supervisor = run.workers(*(("w1",) if FAULTS[name] is rebalanced else ("w1", "w2")))
        run.thread.start()
        run.watch(supervisor, 5.0)
        FAULTS[name](run, supervisor)
        run.thread.join(timeout=180)
        return judge(run, name, golden(), supervisor)


def _load_s(name: str, exactly_once: bool) -> float:
    """Return how long the load takes: the embedded broker lets a group form slowly."""
    if name.startswith("kill"):
        return 75.0 if exactly_once else 120.0
    if name.startswith("rebalance"):
        return 30.0 if exactly_once else 60.0
    return 20.0 if exactly_once else 40.0


def run_all(only: tuple[str, ...] = ()) -> list[Outcome]:
    """Run every fault on every broker that can be had."""
    out: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ExitStack() as stack:
        home = Path(folder)
        embedded = stack.enter_context(EmbeddedBroker(home / "embedded.log"))
        places: list[tuple[Connection, KafkaServer | None]] = [(Connection(embedded.bootstrap), None)]
        try:
            server = stack.enter_context(KafkaServer(home / "kafka"))
            places.insert(0, (Connection(server.bootstrap), server))
        except NotHereError as error:
            print(f"Apache Kafka: did not run: {error}")
        for connection, server_ in places:
            for i, name in enumerate(FAULTS):
                kind = "kafka" if server_ else "embedded"
                if (only and not any(word in f"{name} {kind}" for word in only)) or name in _not_on(server_):
                    continue
                place = home / f"{'k' if server_ else 'e'}{i}"
                out.append(inject(name, connection, place, server_, exactly_once=server_ is not None))
                print(row(out[-1]), flush=True)
    return out


def _not_on(server: KafkaServer | None) -> Sequence[str]:
    return () if server else KAFKA_ONLY


def row(outcome: Outcome) -> str:
    """Return one line of the table."""
    mark = "ok" if outcome.is_right else "NOT RIGHT"
    figures = (outcome.expected, outcome.missing, outcome.wrong, outcome.duplicate, outcome.lag)
    return f"{outcome.fault:32} {outcome.broker:9}" + "".join(f"{n:10}" for n in figures) + f"  {mark}"


def keep(outcomes: Sequence[Outcome]) -> None:
    """Write outcomes to the report, in the place of older ones of the same fault and broker."""
    report = ROOT / ".chillcast" / "faults.json"
    old = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    new = {(o.fault, o.broker): asdict(o) for o in outcomes}
    kept = [row for row in old if (row["fault"], row["broker"]) not in new]
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps([*kept, *new.values()], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    print(
        f"{'fault':32} {'broker':9}{'expected':>10}{'missing':>10}{'wrong':>10}{'duplicate':>10}{'lag':>10}"
    )
    outcomes = run_all(tuple(sys.argv[1:]))
    keep(outcomes)
    sys.exit(not all(o.is_right for o in outcomes))
