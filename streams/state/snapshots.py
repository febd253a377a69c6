"""Snapshots of a stage in a compacted topic, which can tell whether they are whole.

One record per key of what a stage remembers, stamped with the offset of the input that it reflects; and one
of the position, with a digest over all keys and stamps. A snapshot that is torn, that lacks a part, or of
which a part was written by a worker that had lost its partition does not match its digest, and is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from models.errors import StateError
from streams.stage import Incoming, Outgoing, Stage

STATE = "application/vnd.chillcast.state.v1+msgpack"
POSITION = b"\x00position"
_MODULUS = 1 << 64

T = TypeVar("T")


class StateRecord(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered under one key, as of the input before ``offset``."""

    offset: int
    payload: bytes


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The ``offset`` to process next, and the number of keys and digest of all stamps of the snapshot."""

    offset: int
    identity: str
    keys: int
    digest: int


class Snapshots:
    """The snapshots of one partition: writes what changed, and reads back the last one."""

    def __init__(self, topic: str, identity: str) -> None:
        self.topic, self.identity = topic, identity
        self.position: Position | None = None
        self.nbytes = 0
        self._stamps: dict[bytes, tuple[int, int]] = {}
        self._digest = 0
        self._stale: frozenset[bytes] = frozenset()

    def anew(self) -> Snapshots:
        """Return empty snapshots that take the place of these: the first to be written deletes their keys."""
        out = Snapshots(self.topic, self.identity)
        out._stale = frozenset(self._stamps) | self._stale
        return out

    def write(self, delta: Iterable[tuple[bytes, bytes]], offset: int) -> Iterator[Outgoing]:
        """Yield the records of what changed up to ``offset``, exclusive; the position comes last.

        One by one, since together they may be as large as all that is remembered.
        """
        for key, payload in delta:
            value = msgspec.msgpack.encode(StateRecord(offset, payload))
            self._stamp(key, offset, len(value))
            yield Outgoing(self.topic, key, value, STATE)
        for key in sorted(self._stale - self._stamps.keys()):
            yield Outgoing(self.topic, key, b"", STATE)
        self._stale = frozenset()
        self.position = Position(offset, self.identity, len(self._stamps), self._digest)
        yield Outgoing(self.topic, POSITION, msgspec.msgpack.encode(self.position), STATE)

    def read(self, message: Incoming, stage: Stage) -> None:
        """Take in one record of the topic, in their order; the newest of each key counts.

        What stood in a damaged batch is missed by the digest, unless it was written again since.
        """
        if message.damage:
            return
        key = message.key or b""
        if not message.value:
            self._drop(key)
            return
        if key == POSITION:
            self.position = _decoded(message, Position)
            return
        record = _decoded(message, StateRecord)
        if record.offset >= self._stamps.get(key, (-1, 0))[0]:
            self._stamp(key, record.offset, len(message.value or b""))
            stage.restore(key, record.payload)

    def verify(self) -> Position | None:
        """Return the position of the snapshot that was read, None where there is none at all.

        Raises StateError where it is not whole, or was written by a stage of another identity.
        """
        found = self.position
        if found is None and not self._stamps:
            return None
        if found is None:
            raise StateError(f"{self.topic}: {len(self._stamps)} keys, but no position")
        if found.identity != self.identity:
            raise StateError(f"{self.topic}: written as {found.identity!r}, this worker is {self.identity!r}")
        if (found.keys, found.digest) != (len(self._stamps), self._digest):
            raise StateError(
                f"{self.topic}: the {len(self._stamps)} keys found are not the {found.keys} written"
            )
        return found

    def _stamp(self, key: bytes, offset: int, size: int) -> None:
        self._drop(key)
        self._stamps[key] = (offset, size)
        self._digest = (self._digest + _hash(key, offset)) % _MODULUS
        self.nbytes += size

    def _drop(self, key: bytes) -> None:
        offset, size = self._stamps.pop(key, (None, 0))
        if offset is not None:
            self._digest = (self._digest - _hash(key, offset)) % _MODULUS
            self.nbytes -= size


def _hash(key: bytes, offset: int) -> int:
    return int.from_bytes(
        hashlib.blake2b(key + offset.to_bytes(8, "little"), digest_size=8).digest(), "little"
    )


def parsed(value: bytes, kind: type[T]) -> T:
    """Parse a payload; raises StateError where it is none of ``kind``."""
    try:
        return msgspec.msgpack.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"not a {kind.__name__.lstrip('_')}: {error}") from error


def _decoded(message: Incoming, kind: type[T]) -> T:
    try:
        return parsed(message.value or b"", kind)
    except StateError as error:
        place = f"{message.topic}/{message.partition} offset {message.offset}"
        raise StateError(f"{place}: {error}") from error
