"""What a retraining remembers over its steps: one small file, replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from models.errors import StateError
from models.evaluation.comparison import Pairing

Step = Literal["triggered", "named", "trained", "registered", "passed", "shadowed", "won"]
Result = Literal["", "promoted", "refused", "lost", "undecided", "overtaken", "failed"]
_KEPT = 20


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One retraining: what triggered it and why, and how far it is.

    Times are event times: ``as_of_ms`` is when it was triggered, ``shadowed_ms`` when the challenger began.
    ``against`` is the champion that it was held against, ``fares`` what was last known of both.
    """

    number: int
    trigger: str
    why: str
    as_of_ms: int
    step: Step = "triggered"
    dataset: str = ""
    version: str = ""
    against: str = ""
    shadowed_ms: int = 0
    fares: Pairing | None = None
    result: Result = ""
    text: str = ""
    ended_ms: int = 0


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The retraining that goes on, if any, and those that are over, the newest last.

    ``learnt_ms`` is up to when the last that was trained had learnt, ``segments`` those that had their
    instances then. ``passed_over`` says why what triggers was left alone when it was last looked.
    """

    present: Run | None = None
    over: tuple[Run, ...] = ()
    learnt_ms: int = 0
    segments: tuple[str, ...] = ()
    passed_over: str = ""

    @property
    def next_number(self) -> int:
        """The number of the next retraining."""
        return max((run.number for run in self.over), default=0) + 1

    def ended(self, run: Run) -> Memory:
        """Return what is remembered when a retraining is over."""
        return msgspec.structs.replace(self, present=None, over=(*self.over, run)[-_KEPT:])


class MemoryFile:
    """The memory of one fleet's retrainings; ``folder`` also has what each of them makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state.json"

    def read(self) -> Memory:
        """Return what is remembered; StateError if the file is damaged, or cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()
        except OSError as error:
            raise StateError(f"{self.path}: cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(
                f"{self.path}: damaged: {error}; move it away, and the next retraining begins anew"
            ) from error

    def write(self, memory: Memory) -> None:
        """Replace what is remembered; it is on the disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".state.{secrets.token_hex(8)}"
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(memory) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    def folder_of(self, run: Run) -> Path:
        """Return where what a retraining makes is written."""
        return self.folder / f"{run.number:05d}"


def memory_of(home: Path, fleet: str) -> MemoryFile:
    """Return what is remembered of the retrainings of a fleet."""
    return MemoryFile(home / "retraining" / fleet)
