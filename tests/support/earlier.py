"""What earlier versions left behind, as `scripts/earlier_state.py` recorded it."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streams.stage import Incoming, Outgoing, Stage
from streams.worker.runner import Logs, Runner, open_runner

RECORDED = sorted((Path(__file__).parents[1] / "earlier").glob("*.tar.xz"))


class Version(msgspec.Struct, frozen=True):
    """Which version it was, and when that was recorded."""

    commit: str
    date: str
    words: str
    recorded: str


class Secrets(msgspec.Struct, frozen=True):
    """What opened the door."""

    session: str
    token: str


class StageLife(msgspec.Struct, frozen=True):
    """The messages that a stage saw, what it said, and what it had saved before the message ``saved``."""

    identity: str
    saved: int
    messages: list[tuple[str, bytes | None, bytes, str, int]]
    state: list[tuple[bytes, bytes]]
    outputs: list[tuple[str, bytes, bytes, str]]

    def arrived(self) -> list[Incoming]:
        """Return the messages as they stand on their topic."""
        return [Incoming(t, 0, i, k, v, kind, "", ms) for i, (t, k, v, kind, ms) in enumerate(self.messages)]

    def said(self) -> list[Incoming]:
        """Return the outputs as somebody reads them."""
        return [Incoming(t, 0, i, k, v, kind) for i, (t, k, v, kind) in enumerate(self.outputs)]

    def kept(self) -> list[Incoming]:
        """Return the records on the topic of snapshots."""
        return [Incoming("state", 0, i, key, value, "") for i, (key, value) in enumerate(self.state)]


@dataclass(frozen=True)
class Left:
    """The folder that an earlier version left."""

    home: Path

    @classmethod
    def unpacked(cls, archive: Path, folder: Path) -> Left:
        """Return what lies in an archive."""
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        return cls(folder)

    @property
    def version(self) -> Version:
        return msgspec.json.decode((self.home / "version.json").read_bytes(), type=Version)

    @property
    def secrets(self) -> Secrets:
        return msgspec.json.decode((self.home / "secrets.json").read_bytes(), type=Secrets)

    def life(self, stage: str) -> StageLife:
        """Return what one stage went through."""
        data = (self.home / "stages" / f"{stage}.msgpack").read_bytes()
        return msgspec.msgpack.decode(data, type=StageLife)


@dataclass
class KeptLog:
    """A log of one partition, of which retention took what is before ``first``."""

    topic: str
    messages: Sequence[Incoming]
    first: int = 0
    done: int | None = None

    async def begin(self, partition: int) -> int:
        return self.first

    async def end(self, partition: int) -> int:
        return len(self.messages)

    async def committed(self, partition: int) -> int | None:
        return self.done

    async def all(self, partition: int) -> list[Incoming]:
        return [*self.messages]

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Incoming]]:
        yield self.messages[max(start, self.first) : end]


def taken_up(life: StageLife, make_stage: Callable[[], Stage], first: int = 0) -> list[Outgoing]:
    """Open today's stage on what an earlier one saved; return what it says of the messages after that.

    Retention took the messages before ``first``. Raises StateError if the state is lost for good.
    """
    source = KeptLog("in", life.arrived(), first, life.saved)
    logs = Logs(source, KeptLog("state", life.kept()), dead_letters="dead")
    runner = asyncio.run(open_runner(logs, make_stage, 0, life.saved))
    return runner.take(life.arrived()[life.saved :])


def from_the_start(life: StageLife, make_stage: Callable[[], Stage]) -> list[Outgoing]:
    """Return what today's stage, which saw all messages, says of those after what was saved."""
    runner = Runner(make_stage(), 0, 0)
    runner.take(life.arrived()[: life.saved])
    return runner.take(life.arrived()[life.saved :])
