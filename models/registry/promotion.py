"""Promotions: which version the workers are to take, who said so and why; nothing of it is overwritten.

They lie beside the bundles of a fleet, so that workers need no registry: ``promotions/00007.json`` for each,
and a copy of the newest of a role as ``champion.json`` or ``challenger.json``, replaced in one step.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from models.errors import ModelError

Role = Literal["champion", "challenger"]
CHAMPION: Role = "champion"
CHALLENGER: Role = "challenger"


def whoever() -> str:
    """Return the name of the user who runs this; in a container its number may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: from now on ``version``, the bundle with this ``sha256``, has the ``role``.

    ``number`` counts the promotions of a fleet; the highest of a role counts. ``overridden`` is what the gate
    had against it, if somebody promoted it all the same. ``restores`` is the number of the promotion that a
    rollback goes back to, 0 of any other.
    """

    version: str
    reason: str
    promoted_ms: int
    sha256: str = ""
    fleet: str = ""
    role: Role = CHAMPION
    who: str = ""
    number: int = 0
    overridden: str = ""
    restores: int = 0


class Promotions:
    """The promotions of one fleet, in the folder of its bundles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Promotion]:
        """Return every promotion, oldest first."""
        return [_read(path) for path in self._paths]

    @property
    def next_number(self) -> int:
        """The number that the next promotion has to claim."""
        return max((int(path.stem) for path in self._paths), default=0) + 1

    def claim(self, promotion: Promotion) -> None:
        """Record a promotion under its number; raises ModelError if another has come first."""
        path = self._path(promotion.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{secrets.token_hex(8)}")
        partial.write_bytes(msgspec.json.encode(promotion) + b"\n")
        try:
            os.link(partial, path)
        except FileExistsError:
            first = _read(path)
            raise ModelError(
                f"promotion {promotion.number} of {promotion.fleet}: meanwhile {first.who or 'another'} "
                f"promoted version {first.version} as {first.role}: look at it, and ask again"
            ) from None
        finally:
            partial.unlink()

    def withdraw(self, promotion: Promotion) -> None:
        """Take back a claim that never came into force."""
        self._path(promotion.number).unlink()

    def enforce(self, role: Role) -> None:
        """Point the workers at the last claim of a role, in one step, whoever else does the same now."""
        pointed = None
        while pointed != (last := self.last(role)):
            partial = self.folder / f".{role}.{secrets.token_hex(8)}"
            partial.write_bytes(msgspec.json.encode(last) + b"\n")
            partial.replace(self._pointer(role))
            pointed = last

    def last(self, role: Role) -> Promotion | None:
        """Return the claim of a role with the highest number, None if there is none."""
        return next((p for p in map(_read, reversed(self._paths)) if p.role == role), None)

    def newest(self, role: Role = CHAMPION) -> Promotion | None:
        """Return the promotion that the workers are pointed at, None if there is none."""
        path = self._pointer(role)
        return _read(path) if path.exists() else None

    def candidates(self, role: Role = CHAMPION) -> Iterator[Promotion]:
        """Yield the promotion that the workers are pointed at, then those of other versions, newest first.

        Versions that were rolled back from come last. One that is damaged is passed over: the others are
        whole.
        """
        newest, seen = self.newest(role), set[str]()
        standing, others = reversed(self.standing(role)), reversed(self._in_force(role))
        for promotion in itertools.chain([newest] if newest else [], standing, others):
            if promotion.version not in seen:
                seen.add(promotion.version)
                yield promotion

    def standing(self, role: Role = CHAMPION) -> list[Promotion]:
        """Return the promotions of a role that no rollback has undone, oldest first: each followed the last.

        A rollback stands for the promotion that it goes back to.
        """
        out: list[Promotion] = []
        for promotion in self._in_force(role):
            while promotion.restores and out and out[-1].number >= promotion.restores:
                out.pop()
            out.append(promotion)
        return out

    def _in_force(self, role: Role) -> list[Promotion]:
        """Return what can be read of a role, oldest first; a claim after the newest never came into force."""
        newest = self.newest(role)
        last = newest.number if newest else 0
        return [p for p in self._readable() if p.role == role and (not last or p.number <= last)]

    def _readable(self) -> Iterator[Promotion]:
        for path in self._paths:
            with contextlib.suppress(ModelError):
                yield _read(path)

    @property
    def _paths(self) -> list[Path]:
        """The files of all promotions, the oldest first."""
        found = (self.folder / "promotions").glob("[0-9]*.json")
        return sorted((path for path in found if path.stem.isdecimal()), key=lambda path: int(path.stem))

    def _path(self, number: int) -> Path:
        return self.folder / "promotions" / f"{number:05d}.json"

    def _pointer(self, role: Role) -> Path:
        return self.folder / f"{role}.json"


def _read(path: Path) -> Promotion:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Promotion)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a promotion: {error}") from error
