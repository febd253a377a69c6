"""Injects faults into every stage of the running pipeline, and compares all that comes of it.

``python -m tests.kafka.faults`` (`make faults`) runs all of them on Apache Kafka and, where they apply, on
the embedded broker, prints a row per fault and stage, and writes ``.chillcast/faults.json``. Words choose
among them: those are run whose fault or broker has one of the words in its name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

from chillcast.terminal.logs import show_alarms
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.topics import admin_client, create_topics
from streams.processes.supervisor import Supervisor
from tests.kafka.fault_run import SESSION_S, STAGES, Outcome, Run, judge
from tests.kafka.toy import PARTITIONS, SECOND
from tests.support.kafkad import KafkaCluster, KafkaServer, NotHereError, Servers

ROOT = Path(__file__).parents[2]
_WRITING = ("send", "state", "commit", "begin", "offsets", "send", "seal", "committed")
_SAVING = ("state begin", "more", "seal", "state commit", "state committed", "more", "seal", "state")
_STORING = ("store", "commit", "begin", "offsets", "store", "commit", "store", "commit")
STEPS = {
    "features": _WRITING,
    "risk": _WRITING,
    "cases": _WRITING,
    "delivery": ("attempt", "send", "posted", "seal", "commit", "begin", "offsets", "posted"),
    "sink": _STORING,
    "landing": _STORING,
}
SNAPSHOT_STEPS = {
    "features": _SAVING,
    "risk": _SAVING,
    "cases": ("state begin", "state", "seal", "state commit", "state committed", "state", "seal", "state"),
    "delivery": ("state begin", "seal", "state commit", "state committed")
    * 2,  # of which little ever changes
    "sink": (),
    "landing": (),
}
Steps = Mapping[str, Sequence[str]]
Supervisors = Sequence[Supervisor]
Broker = Servers | EmbeddedBroker


def steps_of(run: Run, stage: str, steps: Steps) -> tuple[str, ...]:
    """Return the steps at which a stage is disturbed: without transactions there are few."""
    always = ("send", "state", "more", "seal", "store", "attempt", "posted")
    there = steps[stage] if run.exactly_once else [s for s in steps[stage] if s in always]
    return tuple(there)


def killed(run: Run, supervisors: Supervisors) -> None:
    """Kill a worker of each stage up to eight times, within the steps of a commit in turn."""
    kill_within(STEPS, run, supervisors)


def killed_saving(run: Run, supervisors: Supervisors) -> None:
    """Kill a worker of each stage with a memory as often, while it writes a snapshot behind."""
    kill_within(SNAPSHOT_STEPS, run, supervisors)


def kill_within(all_steps: Steps, run: Run, supervisors: Supervisors) -> None:
    """Kill a worker of each stage within each of its steps, one after the other."""
    most = int(os.environ.get("CHILLCAST_TEST_KILLS", "8"))
    for steps in zip_longest(*(steps_of(run, stage, all_steps)[:most] for stage in run.stages)):
        waiting = {stage: step for stage, step in zip(run.stages, steps, strict=True) if step}
        for stage, step in waiting.items():
            run.plant(stage, f"{step} pause")

        def kill(waiting: dict[str, str] = waiting) -> bool:
            for stage in list(waiting):
                hit = run.fault_file(stage).with_suffix(".hit")
                if hit.exists() and (pid := hit.read_text(encoding="utf-8")):
                    os.kill(int(pid), signal.SIGKILL)
                    run.fault_file(stage).unlink()
                    del waiting[stage]
            return not waiting

        wait(kill, run, supervisors)
        run.watch(supervisors, 1.0)


def raised(run: Run, supervisors: Supervisors) -> None:
    """Raise an exception in each stage at each step of a commit and of a snapshot."""
    both = {stage: (*STEPS[stage], *SNAPSHOT_STEPS[stage]) for stage in run.stages}
    for steps in zip_longest(*(dict.fromkeys(steps_of(run, stage, both)) for stage in run.stages)):
        for stage, step in zip(run.stages, steps, strict=True):
            if step:
                run.plant(stage, f"{step} raise")
        wait(lambda: not any(run.fault_file(stage).exists() for stage in run.stages), run, supervisors)
        run.watch(supervisors, 1.5)


def terminated(run: Run, supervisors: Supervisors) -> None:
    """Stop a worker of each stage as a process manager does, three times."""
    signalled(run, supervisors, [3.0] * 3, signal.SIGTERM)


def signalled(run: Run, supervisors: Supervisors, pauses_s: Sequence[float], sign: signal.Signals) -> None:
    """Send the first workers a signal after each pause, once they run again."""
    for pause_s in pauses_s:
        run.watch(supervisors, pause_s)
        for pid in running(run, supervisors):
            os.kill(pid, sign)


def running(run: Run, supervisors: Supervisors, number: int = 0) -> list[int]:
    """Return the processes of the first supervisor, or the second, once all of them run."""
    children = supervisors[number].status
    wait(lambda: all(child.pid for child in children()), run, supervisors)
    return [child.pid for child in children() if child.pid]


def stopped(run: Run, supervisors: Supervisors) -> None:
    """Stop a worker of each stage for three sessions, so that it goes on as a zombie; then the other."""
    for number in (0, 1):
        pids = running(run, supervisors, number)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        run.watch(supervisors, 3 * SESSION_S)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        run.watch(supervisors, 2.0)


def broker_away(run: Run, supervisors: Supervisors) -> None:
    """Stop the broker for a while and start it again."""
    if isinstance(run.server, KafkaServer):
        run.server.stop()
        run.watch(supervisors, float(os.environ.get("CHILLCAST_TEST_OUTAGE_S", "30")))
        run.server.start()


def broker_lost(run: Run, supervisors: Supervisors) -> None:
    """Kill each node of a cluster in turn; the next when the one before has all that it missed."""
    for node in run.server.nodes if isinstance(run.server, KafkaCluster) else ():
        run.watch(supervisors, 3.0)
        node.kill()
        run.watch(supervisors, 12.0)
        node.start()
        wait(lambda: is_in_step(run), run, supervisors)


def is_in_step(run: Run) -> bool:
    """Return whether each node has a copy of every partition of the run, and all of it."""
    with admin_client(run.connection) as admin:
        described = admin.describe_topics(list(run.topics.all))
    parts = [part for topic in described for part in topic["partitions"]]
    return all(len(part["isr_nodes"]) == len(part["replica_nodes"]) == 3 for part in parts)


def rebalanced(run: Run, supervisors: Supervisors) -> None:
    """Go from one worker a stage to two, to three, and back to one under load."""
    more: list[Supervisor] = []
    for number in (2, 3):
        more.append(run.workers(number))
        run.watch([*supervisors, *more], 12.0)
    while more:
        more.pop().stop()
        run.watch([*supervisors, *more], 4.0)


def mismatched(run: Run, supervisors: Supervisors) -> None:
    """Start workers that expect another number of partitions: they must refuse, and disturb nobody."""
    run.watch(supervisors, 3.0)
    settings = run.settings.model_copy(update={"partitions": 2 * PARTITIONS})
    environment = {**os.environ, **settings.environment()}
    for stage in run.stages:
        command = [sys.executable, "-m", "chillcast", "worker", stage]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT
        )
        if ended.returncode != 1 or f"CHILLCAST_PARTITIONS = {2 * PARTITIONS}" not in ended.stderr:
            raise AssertionError(
                f"{stage} for other partitions ended with {ended.returncode}: {ended.stderr}"
            )


def withheld(run: Run, supervisors: Supervisors) -> None:
    """Nothing more than to kill twice: each process leaves out the first message that it is given."""
    signalled(run, supervisors, [4.0] * 2, signal.SIGKILL)


def poisoned(run: Run, supervisors: Supervisors) -> None:
    """Nothing more: the poison was sent before the load."""
    run.watch(supervisors, 1.0)


def state_deleted(run: Run, supervisors: Supervisors) -> None:
    """Delete what the workers remember while they are stopped."""
    run.watch(supervisors, 8.0)
    for supervisor in supervisors:
        supervisor.stop()
    states = run.topics.states
    with admin_client(run.connection) as admin:
        admin.delete_topics(list(states))
        wait(lambda: not set(states) & set(admin.list_topics()), run, ())
    create_topics(run.connection, run.topics, PARTITIONS)


def wait(what: Callable[[], bool], run: Run, supervisors: Supervisors, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            asked = {stage: run.fault_file(stage) for stage in run.stages}
            left = {stage: path.read_text(encoding="utf-8") for stage, path in asked.items() if path.exists()}
            raise TimeoutError(f"the fault did not come to pass: {left}; {run.alarms[-5:]}")
        run.watch(supervisors)


Fault = Callable[[Run, Supervisors], None]
FAULTS: dict[str, Fault] = {
    "kill -9 x 8 within commits": killed,
    "kill -9 x 8 within snapshots": killed_saving,
    "exception at each step": raised,
    "SIGTERM mid-batch": terminated,
    "SIGSTOP 3 sessions, CONT": stopped,
    "broker stopped and restarted": broker_away,
    "rebalance 1 - 2 - 3 - 1 workers": rebalanced,
    "first message withheld": withheld,
    "poison flood": poisoned,
    "state topic deleted": state_deleted,
    "partition mismatch": mismatched,
    "each of three brokers killed": broker_lost,
}
_SERVER_ONLY = ("broker stopped and restarted", "state topic deleted")
_CLUSTER_ONLY = ("each of three brokers killed",)
_ALONE = tuple(name for name in FAULTS if name not in _CLUSTER_ONLY)
PLACES: dict[str, tuple[Sequence[str], Callable[[Path], AbstractContextManager[Broker]]]] = {
    "kafka": (_ALONE, KafkaServer),
    "kafka-cluster": (_CLUSTER_ONLY, KafkaCluster),
    "embedded": (tuple(name for name in _ALONE if name not in _SERVER_ONLY), EmbeddedBroker),
}


def inject(
    name: str, connection: Connection, home: Path, server: Servers | None, *, exactly_once: bool
) -> list[Outcome]:
    """Run one fault and return what came of it; without ``server`` the broker cannot be stopped."""
    run = Run(connection, home, server, exactly_once, load_s=_load_s(name), poisoned=FAULTS[name] is poisoned)
    with run.stack:
        if run.poisoned:
            run.head()
        if FAULTS[name] is withheld:
            for stage in run.stages:
                run.plant(stage, "withhold")
        supervisors = [run.workers(number) for number in ((1,) if FAULTS[name] is rebalanced else (1, 2))]
        run.thread.start()
        wait(run.reached[SECOND].is_set, run, supervisors, 240.0)
        FAULTS[name](run, supervisors)
        run.hurried.set()
        run.thread.join(timeout=180)
        return judge(run, name, supervisors)


def _load_s(name: str) -> float:
    """Return how long the load may take: what is left when the fault has passed is sent at once."""
    return 600.0 if name.startswith(("kill", "exception")) else 150.0


def run_all(only: tuple[str, ...] = ()) -> list[Outcome]:
    """Run every fault on every broker that can be had."""
    out: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for kind, (faults, start) in PLACES.items():
            chosen = [f for f in faults if not only or any(word in f"{f} {kind}" for word in only)]
            if chosen:
                out += _run_on(start, Path(folder) / kind, chosen)
    return out


def _run_on(
    start: Callable[[Path], AbstractContextManager[Broker]], home: Path, faults: Sequence[str]
) -> list[Outcome]:
    out: list[Outcome] = []
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(start(home / "broker"))
        except NotHereError as error:
            print(f"Apache Kafka: did not run: {error}")
            return out
        for i, name in enumerate(faults):
            found = _injected(name, broker, home / str(i))
            print("\n".join(map(row, found)), flush=True)
            keep(found)
            out += found
    return out


def _injected(name: str, broker: Broker, home: Path) -> list[Outcome]:
    """Run one fault; of one that did not come to pass nothing was to be expected, which is not right."""
    server = None if isinstance(broker, EmbeddedBroker) else broker
    try:
        return inject(name, Connection(broker.bootstrap), home, server, exactly_once=server is not None)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        kind = "kafka" if server else "embedded"
        print(f"{name} on {kind}: {error}")
        return [Outcome(name, kind, stage, 0, 0, 0, 0, 0) for stage in STAGES]


def row(outcome: Outcome) -> str:
    """Return one line of the table."""
    mark = "ok" if outcome.is_right else "NOT RIGHT"
    figures = (outcome.expected, outcome.missing, outcome.wrong, outcome.duplicate, outcome.lag)
    words = f"{outcome.fault:32} {outcome.broker:9} {outcome.stage:9}"
    return words + "".join(f"{n:10}" for n in figures) + f"  {mark}"


def keep(outcomes: Sequence[Outcome]) -> None:
    """Write outcomes to the report, in the place of older ones of the same fault, broker and stage."""
    report = ROOT / ".chillcast" / "faults.json"
    if not outcomes:
        return
    old = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    new = {(o.fault, o.broker, o.stage): asdict(o) for o in outcomes}
    kept = [row for row in old if row.keys() == asdict(outcomes[0]).keys() and _place(row) not in new]
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps([*kept, *new.values()], indent=2) + "\n", encoding="utf-8")


def _place(row: dict[str, object]) -> tuple[object, ...]:
    return row["fault"], row["broker"], row["stage"]


if __name__ == "__main__":
    show_alarms()
    head = ("expected", "missing", "wrong", "duplicate", "lag")
    print(f"{'fault':32} {'broker':9} {'stage':9}" + "".join(f"{name:>10}" for name in head))
    outcomes = run_all(tuple(sys.argv[1:]))
    sys.exit(not all(o.is_right for o in outcomes))
