"""A worker of any stage whose commits can be disturbed, and the supervisor that runs such workers.

They are forked off a process that has imported and compiled everything: a worker starts in a tenth of a
second instead of ten, and is as alone in its process as any.

The file ``fault-STAGE`` in the folder CHILLCAST_TEST_FAULT says at which step, and how: ``STEP pause`` stands
still there, and says its process id in ``fault-STAGE.hit``; ``STEP raise`` raises once. The steps are begin,
store (what the stage writes elsewhere is durable, and nothing committed), send, offsets, commit and
committed; those of a snapshot, which is written behind, state begin, state (its first record), more (any
other), seal (its last), state commit and state committed; and attempt and posted, before and after a notice
is delivered.
``withhold`` leaves out the first message of every process. CHILLCAST_TEST_PATIENCE_S is how long a partition
may stand still.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from aiokafka import AIOKafkaProducer

from chillcast.pipeline import telling
from chillcast.pipeline.stages import create_worker
from chillcast.resources import Resources
from chillcast.settings import read_settings
from chillcast.terminal import logs
from models.delivery.notice import Parcel
from models.errors import ChillcastError
from models.registry import bundle
from streams.delivery.channels import Channel
from streams.processes.die_with_parent import tether
from streams.processes.supervisor import Child, Supervisor
from streams.stage import Flushing, Incoming, Outgoing, Stage
from streams.state.snapshots import POSITION
from streams.worker.lane import Lane, OpenStage
from streams.worker.worker import Worker

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.kafka.fault_worker_imports"])


class Disturbed(AIOKafkaProducer):  # type: ignore[misc]
    """A producer that looks at the file before each step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.kind = "state " if str(options.get("transactional_id")).endswith("-state") else ""
        self.sent = 0
        super().__init__(*args, **options)

    async def begin_transaction(self) -> None:
        await disturb(f"{self.kind}begin")
        await super().begin_transaction()

    async def send(self, topic: str, value: Any, key: Any, *args: Any, **options: Any) -> Any:
        await disturb(self._sending(topic, key))
        return await super().send(topic, value, key, *args, **options)

    async def send_offsets_to_transaction(self, offsets: Any, group_id: str) -> None:
        await disturb("offsets")
        await super().send_offsets_to_transaction(offsets, group_id)

    async def commit_transaction(self) -> None:
        await disturb(f"{self.kind}commit")
        await super().commit_transaction()
        await disturb(f"{self.kind}committed")

    def _sending(self, topic: str, key: bytes | None) -> str:
        if "state-" not in topic:
            return "send"
        self.sent = 0 if key == POSITION else self.sent + 1
        return {0: "seal", 1: "state"}.get(self.sent, "more")


class Withholding(Lane):
    """A lane that never sees the first message it is given."""

    withheld = False

    async def handle(self, events: Sequence[Any]) -> None:
        if not self.withheld and asked("withhold"):
            self.withheld = True
            events = events[1:]
        await super().handle(events)


def storing(open_stage: OpenStage) -> OpenStage:
    """Return a way to open a stage that is disturbed after each of its flushes."""

    def opened(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:
        stage = open_stage(source, partition, assignments)
        if not isinstance(stage, Flushing):
            return stage
        flush = stage.flush

        async def disturbed() -> Iterable[Outgoing]:
            out = await flush()
            await disturb("store")
            return out

        stage.flush = disturbed  # type: ignore[method-assign]
        return stage

    return opened


class DisturbedChannel:
    """A channel that is disturbed before and after it delivers a notice."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def send(self, parcel: Parcel) -> str:
        disturb_thread("attempt")
        reference = self.channel.send(parcel)
        disturb_thread("posted")
        return reference


def disturb_channels() -> None:
    plain = telling.channels_of

    def disturbed(resources: Resources) -> dict[str, Channel]:
        return {name: DisturbedChannel(channel) for name, channel in plain(resources).items()}

    telling.channels_of = disturbed


def disturb_thread(step: str) -> None:
    asyncio.run(disturb(step))


async def disturb(step: str) -> None:
    if asked(f"{step} pause"):
        fault_file().with_suffix(".hit").write_text(str(os.getpid()), encoding="utf-8")
        # The other worker may stand here too, and is not the one that is killed.
        while asked(f"{step} pause"):
            await asyncio.sleep(0.05)
    elif asked(f"{step} raise"):
        fault_file().unlink(missing_ok=True)
        raise RuntimeError(f"planted at {step}")


def asked(fault: str) -> bool:
    try:
        return fault_file().read_text(encoding="utf-8") == fault
    except FileNotFoundError:
        return False


def fault_file() -> Path:
    return Path(os.environ["CHILLCAST_TEST_FAULT"]) / f"fault-{os.environ['CHILLCAST_TEST_STAGE']}"


def work(stage: str, log_file: Path, environment: Mapping[str, str]) -> None:
    """Be a worker of a stage, in a process of its own."""
    tether()
    os.setsid()
    with log_file.open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.environ.update({**environment, "CHILLCAST_TEST_STAGE": stage})
    settings = read_settings()
    logs.configure(settings.log_level, settings.log_format)
    bundle.smoke_test = lambda *_: None  # type: ignore[attr-defined]  # the bundles are our own
    try:
        create_disturbed(stage, Resources.open()).run()
    except ChillcastError as error:
        sys.exit(f"chillcast: {error}")


def create_disturbed(stage: str, resources: Resources) -> Worker:
    disturb_channels()
    worker = create_worker(stage, resources, Disturbed)
    for lane in worker.lanes:
        lane.context = replace(lane.context, open_stage=storing(lane.context.open_stage))
        lane.__class__ = Withholding
    worker.app.conf.stream_processing_timeout = float(os.environ.get("CHILLCAST_TEST_PATIENCE_S", "300"))
    return worker


class Fork:
    """A forked process, as far as a supervisor asks of one."""

    def __init__(self, stage: str, log_file: Path, environment: Mapping[str, str]) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._process = _FORKS.Process(target=work, args=(stage, log_file, dict(environment)))
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int:
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("worker", timeout_s or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()


class ForkingSupervisor(Supervisor):
    """Runs stages, the commands of its children, as forks."""

    def _start(self, child: Child, now: float) -> None:
        child.heard = self._written(child)
        (stage,) = child.argv
        fork = Fork(stage, self._log_file(child), self.environment or {})
        child.process, child.started = cast("subprocess.Popen[bytes]", fork), now
