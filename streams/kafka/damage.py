"""Batches that cannot be decoded: each is delivered as one message that says why, and its neighbours as ever.

Of itself aiokafka raises where it meets one, lets go of what it had decoded before it, and stands there again
at every start. What such a message becomes is said in docs/decisions/0013.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cramjam  # noqa: F401  (aiokafka would do without it, and take every batch that needs it for damaged)
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

DAMAGED = "application/vnd.chillcast.damaged-batch"
"""Content type of a message that stands for a batch; its value is the batch as it was read."""
REASON = "damage"
"""Header that says why the batch could not be decoded."""

_FRAME = struct.Struct(">qi")  # base offset, and the length of what follows
_EXTENT = struct.Struct(">i30xi")  # last offset delta, and the number of records, of format 2
_EXTENT_AT, _MAGIC_AT = 23, 16
_LEAST_BYTES, _NEWEST_FORMAT = 14, 2
_PartitionRecords: Any = fetcher.PartitionRecords


@dataclass(frozen=True, slots=True)
class StandIn:
    """What aiokafka takes for a decoded record."""

    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int = -1
    timestamp_type: int = 0
    key: None = None
    checksum: None = None


class Damaged:
    """A batch of which nothing is believed but that it stands before ``next_offset``."""

    producer_id, is_control_batch, is_transactional = None, False, False

    def __init__(self, raw: bytes, next_offset: int, error: Exception) -> None:
        self.raw, self.next_offset, self.error = raw, next_offset, error

    def validate_crc(self) -> bool:
        """Return True: that it is wrong has been seen."""
        return True

    def __iter__(self) -> Iterator[StandIn]:
        yield stand_in(self.raw, self.next_offset - 1, self.error)


class Checked:
    """A batch whose checksum is right; what follows its last good record is one message."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch, self._raw = batch, raw
        self.producer_id, self.base_offset = batch.producer_id, batch.base_offset
        self.is_control_batch, self.is_transactional = batch.is_control_batch, batch.is_transactional
        self.next_offset = batch.next_offset

    def validate_crc(self) -> bool:
        """Return True: it has been checked."""
        return True

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except Exception as error:  # noqa: BLE001  (each codec has its own)
            yield stand_in(self._raw, self.next_offset - 1, error)

    def __next__(self) -> Any:
        return next(self._batch)


def stand_in(raw: bytes, offset: int, error: Exception) -> StandIn:
    """Return the message that stands for a batch, at its last offset."""
    reason = (
        f"a batch of {len(raw)} bytes at offsets {_base(raw)} to {offset} cannot be decoded: {_text(error)}"
    )
    return StandIn(offset, raw, (("content-type", DAMAGED.encode()), (REASON, reason.encode())))


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


class Batches:
    """The batches in a broker's answer for one partition; ``wanted`` is the offset that was asked for."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self.wanted = data, 0, 0

    def size_in_bytes(self) -> int:
        """Return how much was answered."""
        return len(self._data)

    def has_next(self) -> bool:
        """Return whether there is another whole batch; the last one may be cut off."""
        return self._end() <= len(self._data)

    def next_batch(self) -> Damaged | Checked:
        """Return the next batch, of which there must be one."""
        raw, self._at = self._data[self._at : self._end()], self._end()
        try:
            return Checked(_batch(raw), raw)
        except Exception as error:  # noqa: BLE001  (whatever damaged bytes lead to)
            return Damaged(raw, self._after(raw), error)

    def _end(self) -> int:
        """Return where the batch ends; one whose length cannot be right ends with the answer."""
        left = len(self._data) - self._at
        if left < _FRAME.size:
            return len(self._data) + 1
        length = _FRAME.unpack_from(self._data, self._at)[1]
        return self._at + (_FRAME.size + length if length >= _LEAST_BYTES else left)

    def _after(self, raw: bytes) -> int:
        """Return the offset after a damaged batch, never beyond a message that is not of it.

        What it says of itself is believed if it agrees with itself; else one offset is passed at a time.
        """
        first = max(_base(raw), self.wanted)
        claimed = _claimed(raw) or first + 1
        if len(self._data) - self._at >= _FRAME.size:
            claimed = _base(self._data, self._at)
        return max(claimed, first + 1)


def _base(data: bytes, at: int = 0) -> int:
    return int(_FRAME.unpack_from(data, at)[0])


def _batch(raw: bytes) -> Any:
    if len(raw) > _MAGIC_AT and raw[_MAGIC_AT] > _NEWEST_FORMAT:
        raise CorruptRecordException(f"its format is {raw[_MAGIC_AT]}, the newest known is {_NEWEST_FORMAT}")
    batch = MemoryRecords(raw).next_batch()
    if not batch.validate_crc():
        raise CorruptRecordException("its checksum is wrong")
    return batch


def _claimed(raw: bytes) -> int | None:
    """Return the offset after a batch as its header has it, None if that cannot be right."""
    if len(raw) < _EXTENT_AT + _EXTENT.size or raw[_MAGIC_AT] != 2:
        return None
    last, count = _EXTENT.unpack_from(raw, _EXTENT_AT)
    return _base(raw) + int(count) if count > 0 and count == last + 1 else None


class _Readable(_PartitionRecords):  # type: ignore[misc]
    """aiokafka's own way through an answer, which the offset asked for is passed on to."""

    def __init__(self, tp: Any, records: Batches, aborted: Any, fetch_offset: int, *options: Any) -> None:
        records.wanted = fetch_offset
        super().__init__(tp, records, aborted, fetch_offset, *options)


def deliver_damage() -> None:
    """Have every consumer of aiokafka in this process deliver damaged batches as messages."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = Batches, _Readable
