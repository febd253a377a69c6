"""What raw bytes must satisfy before they are believed: size, form, lengths, indices, times.

Every check raises RecordError with what was found and what was expected; none makes an array before its
length is known to be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from models.errors import RecordError
from models.event_time import LATEST_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Int32, Int64

MAX_BYTES = 4 * 1024 * 1024
CUT_BYTES = 768 * 1024  # what senders of ours cut to: a broker takes a megabyte by default
MAX_NAME = 128
_NAME_HEAD = 3  # bytes that MessagePack puts before a name, at most

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

T = TypeVar("T")


def rows_within(row_bytes: int, names: Iterable[str]) -> int:
    """Return how many rows, of ``row_bytes`` and one of ``names`` each, a message of ours may have.

    >>> rows_within(1000, ["CH-0001"])
    778
    """
    longest = max(len(name.encode()) for name in names)
    return max(1, CUT_BYTES // (row_bytes + _NAME_HEAD + longest))


def sized(value: bytes | None) -> bytes:
    """Return a message's bytes, of which there must be 1 to `MAX_BYTES`."""
    if not value:
        raise RecordError("empty message")
    if len(value) > MAX_BYTES:
        raise RecordError(f"{len(value)} bytes: expected at most {MAX_BYTES}")
    return value


def from_json(data: bytes, kind: type[T]) -> T:
    """Parse JSON as ``kind``."""
    return _parsed(msgspec.json.decode, data, kind, "JSON")


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """Parse MessagePack as ``kind``."""
    return _parsed(msgspec.msgpack.decode, data, kind, "MessagePack")


def _parsed(decode: Callable[..., T], data: bytes, kind: type[T], form: str) -> T:
    try:
        return decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not a {kind.__name__} in {form}: {clip(str(error), 500)}") from error
    except RecursionError as error:
        raise RecordError(f"not a {kind.__name__} in {form}: nested too deeply") from error


def clip(text: str, length: int = 80) -> str:
    """Shorten what a stranger sent, so that a reason stays one readable line.

    >>> clip("abcdef", 3)
    'abc…'
    """
    return text if len(text) <= length else text[:length] + "…"


def known_asset(asset: str, fleet: Fleet) -> None:
    """Refuse a name that no asset of the fleet has."""
    if len(asset) > MAX_NAME or not fleet.knows(asset):
        raise RecordError(f"asset {clip(asset)!r}: expected a name like {fleet.asset_pattern}")


def time_in_range(time_ms: int, name: str = "time") -> int:
    """Return a time that lies after 1970 and before 2200."""
    if not 0 < time_ms < LATEST_MS:
        raise RecordError(f"{name} {time_ms}: expected milliseconds between 1970 and 2200")
    return time_ms


def times_in_range(time_ms: Int64, name: str) -> Int64:
    """Return times (n,), n >= 1, that all lie after 1970 and before 2200."""
    for extreme in (int(time_ms.min()), int(time_ms.max())):
        time_in_range(extreme, name)
    return time_ms


def parse_time(value: str | float) -> int:
    """Return UTC milliseconds of ISO 8601 with an offset, or of a number; parts of one are cut off.

    >>> parse_time("2024-01-01T01:00:00.0019+01:00")
    1704067200001
    """
    if isinstance(value, int):
        return time_in_range(value)
    if isinstance(value, float):
        return time_in_range(int(value) if math.isfinite(value) else 0)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise RecordError(f"time {clip(value)!r}: expected ISO 8601 with an offset, or UTC ms") from error
    if moment.tzinfo is None:
        raise RecordError(f"time {clip(value)!r}: expected an offset from UTC, as in 2024-01-31T12:00:00Z")
    # Whole numbers throughout: a float of seconds would lose the odd millisecond.
    return time_in_range((moment - _EPOCH) // _MILLISECOND)


def array(data: bytes, kind: str, size: int, name: str) -> npt.NDArray[Any]:
    """Return ``data`` as ``size`` numbers of little-endian ``kind``, read-only and without a copy."""
    dtype = np.dtype(kind)
    if len(data) != size * dtype.itemsize:
        raise RecordError(f"{name}: {len(data)} bytes, expected {size * dtype.itemsize}")
    return np.frombuffer(data, dtype)


def rows_of(data: bytes, kind: str, name: str) -> int:
    """Return how many numbers of ``kind`` stand in ``data``, at least one."""
    rows, rest = divmod(len(data), np.dtype(kind).itemsize)
    if rest or not rows:
        raise RecordError(
            f"{name}: {len(data)} bytes, expected a multiple of {np.dtype(kind).itemsize} above 0"
        )
    return rows


def indices(data: bytes, names: Sequence[str], rows: int) -> Int32:
    """Return int32 (rows,), each an index into the distinct ``names``."""
    if len(set(names)) != len(names):
        raise RecordError("assets: expected distinct names")
    found = array(data, "<i4", rows, "asset").astype(np.int32)
    if found.min() < 0 or found.max() >= len(names):
        raise RecordError(f"asset {found.min()} to {found.max()}: expected indices below {len(names)}")
    return found
