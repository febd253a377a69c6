"""What single messages of telemetry hold, put together to one batch of columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from models.errors import RecordError
from models.telemetry.samples import Int64, Samples, Values
from streams.stage import Incoming
from streams.wire.blocks import clear_infinite
from streams.wire.sample_batch import SampleBatch


class Row(NamedTuple):
    """One sample in the fleet's order, before it is an array."""

    asset: str
    time_ms: int
    values: Sequence[float | None]
    problems: tuple[str, ...] = ()


class Rows(NamedTuple):
    """The rows of one block."""

    samples: Samples
    problems: tuple[str, ...] = ()


Found = Row | Rows | RecordError


class _Columns(NamedTuple):
    """Samples of a few consecutive messages, each of one machine or without rows."""

    names: Sequence[tuple[str, ...]]
    rows: Sequence[int]
    time_ms: Int64
    values: Values
    problems: Sequence[tuple[str, ...]]


def alone(message: Incoming, found: Rows) -> SampleBatch:
    """Return the batch of one block of several machines."""
    first, problems = np.array([0, len(found.samples)]), {0: found.problems} if found.problems else {}
    return SampleBatch([message], [found.samples.assets], first, found.samples, problems)


def joined(found: Sequence[tuple[Incoming, Found]], none: Values) -> Iterator[SampleBatch]:
    """Yield the batch of messages, their rows one after the other; nothing if there are none.

    ``none`` (0, S) are no values, of the type that the fleet needs.
    """
    if not found:
        return
    parts = [
        part
        for kind, some in itertools.groupby((part for _, part in found), type)
        for part in _columns(kind, list(some), none)
    ]
    names = [name for part in parts for name in part.names]
    rows = [n for part in parts for n in part.rows]
    table: dict[str, int] = {}
    codes = [table.setdefault(name, len(table)) for some in names for name in some]
    asset = np.repeat(np.array(codes, np.int32), [n for n in rows if n])
    time_ms, values = _stacked(parts)
    problems = enumerate(itertools.chain.from_iterable(part.problems for part in parts))
    yield SampleBatch(
        [message for message, _ in found],
        names,
        np.concatenate([[0], np.cumsum(rows)]),
        Samples(tuple(table), asset, time_ms, values),
        {i: some for i, some in problems if some},
    )


def _stacked(parts: Sequence[_Columns]) -> tuple[Int64, Values]:
    """Return times and values of parts, one after the other; those of a single one as they are."""
    if len(parts) == 1:
        return parts[0].time_ms, parts[0].values
    return np.concatenate([p.time_ms for p in parts]), np.concatenate([p.values for p in parts])


def _columns(kind: type, found: list[Any], none: Values) -> Iterator[_Columns]:
    """Yield the columns of consecutive messages of one kind."""
    if kind is Row:
        yield _of_rows(found, none)
    elif kind is Rows:
        for samples, problems in found:
            yield _Columns([samples.assets], [len(samples)], samples.time_ms, samples.values, [problems])
    else:
        problems = [(str(error),) for error in found]
        yield _Columns([()] * len(found), [0] * len(found), np.empty(0, np.int64), none, problems)


def _of_rows(rows: Sequence[Row], none: Values) -> _Columns:
    """Return samples as columns of the type of ``none``; what is too large for it is missing."""
    with np.errstate(over="ignore"):
        read = np.array([row.values for row in rows], np.float64)  # None becomes NaN
        values = read.astype(none.dtype, copy=False)
    time_ms = np.array([row.time_ms for row in rows], np.int64)
    names: list[tuple[str, ...]] = [(row.asset,) for row in rows]
    problems = [row.problems for row in rows]
    for i in np.flatnonzero(np.logical_or.reduce(np.isinf(values), axis=1)).tolist():
        problems[i] += clear_infinite(values[i : i + 1])
    usable = np.logical_or.reduce(np.isfinite(values), axis=1)
    if usable.all():
        return _Columns(names, [1] * len(rows), time_ms, values, problems)
    for i in np.flatnonzero(~usable).tolist():
        names[i] = ()
        problems[i] = ("; ".join([*problems[i], "no finite value of a known sensor"]),)
    return _Columns(names, usable.astype(int).tolist(), time_ms[usable], values[usable], problems)
