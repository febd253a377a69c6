"""A batch of telemetry: the samples of consecutive messages as one array, from the decoder to the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Int64, Samples
from streams.stage import Incoming

Problems = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples of ``m`` consecutive messages: those of message ``i`` are rows [first[i], first[i + 1]).

    ``names`` are the machines of each message. All have one, or none, but for a message of several machines,
    which is a batch of its own. ``problems`` says, by message, what of it could not be used; one without rows
    is of no use at all. ``first`` is (m + 1,).
    """

    messages: Sequence[Incoming]
    names: Sequence[tuple[str, ...]]
    first: Int64
    samples: Samples
    problems: Problems

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def is_mixed(self) -> bool:
        """Whether this is one message of several machines."""
        return len(self.messages) == 1 and len(self.names[0]) > 1

    @property
    def rows(self) -> Int64:
        """How many rows each message has, (m,)."""
        return np.diff(self.first)

    def spans(self) -> tuple[Int64, Int64]:
        """Return the oldest and the newest event time of each message (m,), 0 for one without rows."""
        time_ms = self.samples.time_ms
        if len(self) == 1 and len(time_ms):  # a message of several machines
            return time_ms.min(keepdims=True), time_ms.max(keepdims=True)
        rows = self.rows
        if (rows == 1).all():
            return time_ms, time_ms
        full = np.flatnonzero(rows)
        oldest, newest = np.zeros((2, len(self)), np.int64)
        if len(full):
            oldest[full] = np.minimum.reduceat(time_ms, self.first[full])
            newest[full] = np.maximum.reduceat(time_ms, self.first[full])
        return oldest, newest

    def part(self, start: int, end: int) -> Samples:
        """Return the rows of the messages [start, end), and their machines in the order of the messages."""
        if self.is_mixed:
            return self.samples
        names = [name for some in self.names[start:end] for name in some]
        table = {name: i for i, name in enumerate(dict.fromkeys(names))}
        rows = self.rows[start:end]
        asset = np.repeat(np.array([table[name] for name in names], np.int32), rows[rows > 0])
        at = slice(int(self.first[start]), int(self.first[end]))
        return Samples(tuple(table), asset, self.samples.time_ms[at], self.samples.values[at])

    def keep(self, kept: npt.NDArray[np.bool_], problems: Problems) -> SampleBatch:
        """Return the batch with the rows that are ``kept`` (n,), and other problems."""
        samples = self.samples.narrowed(kept)
        present, first = set(samples.assets), np.concatenate([[0], np.cumsum(kept)])[self.first]
        names = [
            tuple(name for name in some if name in present) if rows else ()
            for some, rows in zip(self.names, np.diff(first).tolist(), strict=True)
        ]
        return SampleBatch(self.messages, names, first, samples, problems)

    def refuse(self, reasons: Mapping[int, str]) -> SampleBatch:
        """Return the batch without the rows of some messages, for which there is a reason."""
        lost = np.zeros(len(self), bool)
        lost[list(reasons)] = True
        problems = {**self.problems, **{i: (reason,) for i, reason in reasons.items()}}
        return self.keep(~np.repeat(lost, self.rows), problems)
