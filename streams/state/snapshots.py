"""Snapshots of a stage in a compacted topic, which can tell whether they are whole.

One record per key of what a stage remembers, stamped with the offset of the input that it reflects; and one
of the position, with a digest over all keys, stamps and contents, and over itself. A snapshot that is torn,
that lacks a part, or of which a part was changed or was written by a worker that had lost its partition does
not match its digest, and is not used.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from models.errors import StateError
from streams.stage import Incoming, Outgoing, Remembering
from streams.wire.validation import CUT_BYTES

STATE = "application/vnd.chillcast.state.v1+msgpack"
POSITION = b"\x00position"
SECOND = b"\x01"  # before a key in its second place; no key of a stage begins with it,
_PART = b"\x02"  # nor with this, which stands before the number of a part and the key
_MODULUS = 1 << 64
_FORM = "v2"  # of what the digest covers

T = TypeVar("T")


class TwoPlacesError(Exception):
    """The snapshots were written without transactions, and each key has two places."""


class StateRecord(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered under one key, as of the input before ``offset``."""

    offset: int
    payload: bytes


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The ``offset`` to process next, and the number of keys and digest of all records of the snapshot."""

    offset: int
    identity: str
    keys: int
    digest: int


class Snapshots:
    """The snapshots of one partition: writes what changed, and reads back the last one."""

    def __init__(self, topic: str, identity: str) -> None:
        self.topic, self.identity = topic, identity
        self._form = f"{_FORM} {identity}"
        self.position: Position | None = None
        self.nbytes = 0
        self._stamps: dict[bytes, _Stamp] = {}
        self._digest = 0
        self._stale: frozenset[bytes] = frozenset()
        self._cut: dict[bytes, bytes] = {}  # parts, until all is read
        self._strange: dict[bytes, str] = {}  # why the newest record of a key is not understood

    def anew(self) -> Snapshots:
        """Return empty snapshots that take the place of these: the first to be written deletes their keys."""
        out = Snapshots(self.topic, self.identity)
        out._stale = frozenset({*self._stamps, *self._strange} - {POSITION}) | self._stale
        return out

    def write(self, delta: Iterable[tuple[bytes, bytes]], offset: int) -> Iterator[Outgoing]:
        """Yield the records of what changed up to ``offset``, exclusive; the position comes last.

        One by one, since together they may be as large as all that is remembered; what no broker takes by
        default is cut. An empty payload says that nothing is remembered any more under the keys that begin
        with its own.
        """
        for key, payload in delta:
            yield from self._remember(key, payload, offset) if payload else self._forget(key)
        for key in sorted(self._stale - self._stamps.keys()):
            yield Outgoing(self.topic, key, b"", STATE)
        self._stale = frozenset()
        self.position = self._position(offset)
        yield Outgoing(self.topic, POSITION, msgspec.msgpack.encode(self.position), STATE)

    def _remember(self, key: bytes, payload: bytes, offset: int) -> Iterator[Outgoing]:
        """Yield the record of a key, or those of its parts, and the deletion of what stood in their place."""
        parts = dict(_parts(key, payload))
        cut = itertools.takewhile(self._stamps.__contains__, (_part(key, i) for i in itertools.count()))
        for known in [one for one in (key, *cut) if one in self._stamps and one not in parts]:
            self._drop(known)
            yield Outgoing(self.topic, known, b"", STATE)
        for one, content in parts.items():
            value = msgspec.msgpack.encode(StateRecord(offset, content))
            self._stamp(one, offset, value)
            yield Outgoing(self.topic, one, value, STATE)

    def read(self, message: Incoming, stage: Remembering) -> None:
        """Take in one record of the topic, in their order; the newest of each key counts.

        What stood in a damaged batch is missed by the digest, unless it was written again since. What is not
        understood is judged by `verify`, unless it was written again or deleted since.

        Raises TwoPlacesError if there are second places.
        """
        if message.damage:
            return
        key = message.key or b""
        if key.startswith(SECOND):
            raise TwoPlacesError
        self._strange.pop(key, None)
        try:
            self._take(key, message, stage)
        except StateError as error:  # all keys have to be known, so that they can be deleted
            self._strange[key] = str(error)

    def _take(self, key: bytes, message: Incoming, stage: Remembering) -> None:
        if not message.value:
            self._drop(key)
        elif key == POSITION:
            self.position = decoded(message, Position)
        else:
            record, stamp = decoded(message, StateRecord), self._stamps.get(key)
            if stamp is None or record.offset >= stamp.offset:
                self._stamp(key, record.offset, message.value)
                self._restore(key, record.payload, stage)

    def _restore(self, key: bytes, payload: bytes, stage: Remembering) -> None:
        if key.startswith(_PART):
            self._cut[key] = payload
        else:
            stage.restore(key, payload)

    def complete(self, stage: Remembering) -> None:
        """Learn that the whole topic was read, and put together what was cut."""
        cut, self._cut = self._cut, {}
        in_order = sorted(cut, key=lambda part: (_whole(part), len(part), part))  # as the numbers are
        for key, parts in itertools.groupby(in_order, _whole):
            try:
                stage.restore(key, b"".join(map(cut.__getitem__, parts)))
            except StateError as error:
                self._strange[key] = str(error)

    def verify(self) -> Position | None:
        """Return the position of the snapshot that was read, None if there is none at all.

        Raises StateError if it was written by a stage of another identity, is not understood, or not whole.
        """
        found, strange = self.position, next(iter(self._strange.values()), None)
        if found is not None and found.identity != self._form:
            raise StateError(f"{self.topic}: written as {found.identity!r}, this worker is {self._form!r}")
        if strange is not None:
            raise StateError(strange)
        if found is None and not self._stamps:
            return None
        if found is None:
            raise StateError(f"{self.topic}: {len(self._stamps)} keys, but no position")
        if found != self._position(found.offset):
            raise StateError(
                f"{self.topic}: the {len(self._stamps)} records found are not the {found.keys} written"
            )
        return found

    def _forget(self, prefix: bytes) -> Iterator[Outgoing]:
        for key in sorted(known for known in self._stamps if _whole(known).startswith(prefix)):
            self._drop(key)
            yield Outgoing(self.topic, key, b"", STATE)

    def _position(self, offset: int) -> Position:
        """Return the position that belongs to the records so far."""
        own = _hash(POSITION, offset, self._form.encode())
        return Position(offset, self._form, len(self._stamps), (self._digest + own) % _MODULUS)

    def _stamp(self, key: bytes, offset: int, value: bytes) -> None:
        self._drop(key)
        stamp = self._stamps[key] = _Stamp(offset, len(value), _hash(key, offset, value))
        self._digest = (self._digest + stamp.digest) % _MODULUS
        self.nbytes += stamp.size

    def _drop(self, key: bytes) -> None:
        stamp = self._stamps.pop(key, None)
        if stamp is not None:
            self._digest = (self._digest - stamp.digest) % _MODULUS
            self.nbytes -= stamp.size
        self._cut.pop(key, None)


class _Stamp(NamedTuple):
    """What is kept of a record: the offset it reflects, its bytes, and the digest over both and its key."""

    offset: int
    size: int
    digest: int


def _hash(key: bytes, offset: int, content: bytes) -> int:
    """Return 64 bits; of the content only a check sum, at 1.2 GB/s, since nobody forges a record."""
    text = key + offset.to_bytes(8, "little") + zlib.crc32(content).to_bytes(4, "little")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _parts(key: bytes, payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield a payload under its key, or cut into what a broker takes, under a key each."""
    if len(payload) <= CUT_BYTES:
        yield key, payload
        return
    for i, start in enumerate(range(0, len(payload), CUT_BYTES)):
        yield _part(key, i), payload[start : start + CUT_BYTES]


def _part(key: bytes, number: int) -> bytes:
    return b"%s%d:%s" % (_PART, number, key)


def _whole(key: bytes) -> bytes:
    """Return the key of which this is a part, or itself."""
    return key.partition(b":")[2] if key.startswith(_PART) else key


def parsed(value: bytes, kind: type[T]) -> T:
    """Parse a payload; raises StateError if it is none of ``kind``."""
    try:
        return msgspec.msgpack.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"not a {kind.__name__.lstrip('_')}: {error}") from error


def decoded(message: Incoming, kind: type[T]) -> T:
    """Parse the value of a record; raises StateError, with its place, if it is none of ``kind``."""
    try:
        return parsed(message.value or b"", kind)
    except StateError as error:
        place = f"{message.topic}/{message.partition} offset {message.offset}"
        raise StateError(f"{place}: {error}") from error
