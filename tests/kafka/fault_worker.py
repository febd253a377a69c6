"""A worker, of the features stage unless told otherwise, whose commits can be disturbed.

The file named by CHILLCAST_TEST_FAULT says at which step, and how: ``STEP pause`` stands still there, and
says its process id in ``FILE.hit``; ``STEP raise`` raises once. The steps are begin, send, state, offsets and
commit.
``withhold`` leaves out the first message after a load. CHILLCAST_TEST_PATIENCE_S is how long a partition may
stand still.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from chillcast.pipeline.stages import create_worker
from chillcast.settings import read_settings
from chillcast.terminal import logs
from streams.worker.lane import Lane

FAULT = Path(os.environ.get("CHILLCAST_TEST_FAULT", "no-fault"))


class Disturbed(AIOKafkaProducer):  # type: ignore[misc]
    """A producer that looks at the file before each step."""

    async def begin_transaction(self) -> None:
        await disturb("begin")
        await super().begin_transaction()

    async def send(self, topic: str, *args: Any, **options: Any) -> Any:
        await disturb("state" if "state-" in topic else "send")
        return await super().send(topic, *args, **options)

    async def send_offsets_to_transaction(self, offsets: Any, group_id: str) -> None:
        await disturb("offsets")
        await super().send_offsets_to_transaction(offsets, group_id)

    async def commit_transaction(self) -> None:
        await disturb("commit")
        await super().commit_transaction()


class Withholding(Lane):
    """A lane that never sees the first message it is given."""

    withheld = False

    async def handle(self, events: Sequence[Any]) -> None:
        if not self.withheld and asked("withhold"):
            self.withheld = True
            events = events[1:]
        await super().handle(events)


async def disturb(step: str) -> None:
    if asked(f"{step} pause"):
        FAULT.with_suffix(".hit").write_text(str(os.getpid()), encoding="utf-8")
        # The other worker may stand here too, and is not the one that is killed.
        while asked(f"{step} pause"):
            await asyncio.sleep(0.05)
    elif asked(f"{step} raise"):
        FAULT.unlink()
        raise RuntimeError(f"planted at {step}")


def asked(fault: str) -> bool:
    return FAULT.exists() and FAULT.read_text(encoding="utf-8") == fault


if __name__ == "__main__":
    settings, stage = read_settings(), sys.argv[1] if sys.argv[1:] else "features"
    logs.configure(settings.log_level, settings.log_format)
    worker = create_worker(stage, settings, Disturbed)
    for lane in worker.lanes:
        lane.__class__ = Withholding
    worker.app.conf.stream_processing_timeout = float(os.environ.get("CHILLCAST_TEST_PATIENCE_S", "300"))
    worker.run()
