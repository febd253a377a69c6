"""Chance that depends on a name and a moment alone, so that it falls alike however a stream is cut.

A *line* is a 64-bit number, one for each asset, or sensor of an asset, and purpose. What happens to it at
some time is a hash of line and time: no draw moves another, and no order of rows matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.features.compiling import compiled
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Int32, Int64

Lines = npt.NDArray[np.uint64]

# Constants of splitmix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


class Bursts(NamedTuple):
    """Bursts that cover ``share`` of the time, each as likely of any length from 0 to twice ``mean_ms``."""

    share: float
    mean_ms: int


def lines_of(seed: int, purpose: str, names: Sequence[str]) -> Lines:
    """Return the line of each name, shape (len(names),)."""
    texts = (f"{seed}/{purpose}/{name}".encode() for name in names)
    digests = (hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.array([int.from_bytes(d, "little") for d in digests], np.uint64)


def crossed(lines: Lines, others: Lines) -> Lines:
    """Return the line of each pair, shape (len(lines), len(others))."""
    return mixed(lines[:, None] ^ others[None, :])


@compiled
def _mix(x: Any) -> Any:
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


def mixed(numbers: Lines) -> Lines:
    """Return a hash of each number."""
    return np.asarray(_mix(numbers), np.uint64)


def uniform(lines: Lines, time_ms: Int64) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each line and time, shapes (n,)."""
    drawn = mixed(mixed(lines) + time_ms.astype(np.uint64) * _GOLDEN)
    return np.asarray((drawn >> _S11).astype(np.float64) * _UNIT, np.float64)


@compiled
def _end(line: Any, bucket: int, time_ms: int, share: float, mean_ms: int) -> Any:
    """Return when the burst ends that covers a time; 0 where none does.

    Time is cut into buckets of twice the mean; in each begins one burst with probability 2 × share, and may
    reach into the next.
    """
    long_ms = 2 * mean_ms
    for b in (bucket - 1, bucket):
        drawn = _mix(line + np.uint64(b) * _GOLDEN)
        if float(drawn >> _S11) * _UNIT < 2.0 * share:
            start = _mix(drawn)
            begin_ms = b * long_ms + np.int64(start % np.uint64(long_ms))
            end_ms = begin_ms + 1 + np.int64(_mix(start) % np.uint64(long_ms))
            if begin_ms <= time_ms < end_ms:
                return end_ms
    return np.int64(0)


@compiled
def burst_ends(lines: Lines, time_ms: Int64, bursts: Bursts, out: Int64) -> None:
    """Write into ``out`` (n,) when the burst ends that covers each time; 0 where none does."""
    long_ms = 2 * bursts.mean_ms
    for i in range(len(time_ms)):
        out[i] = _end(lines[i], time_ms[i] // long_ms, time_ms[i], bursts.share, bursts.mean_ms)


@compiled
def overwrite(
    values: Float32, lines: Lines, asset: Int32, time_ms: Int64, bursts: Bursts, fill: Float32
) -> None:
    """Put ``fill`` (A, S) in the place of ``values`` (n, S) that a burst of their line (A, S) covers."""
    long_ms = 2 * bursts.mean_ms
    for i in range(len(time_ms)):
        a, bucket = asset[i], time_ms[i] // long_ms
        for s in range(values.shape[1]):
            if _end(lines[a, s], bucket, time_ms[i], bursts.share, bursts.mean_ms):
                values[i, s] = fill[a, s]


def covering(lines: Lines, time_ms: Int64, bursts: Bursts) -> Int64:
    """Return (n,) when the burst ends that covers each time; 0 where none does."""
    out = np.zeros(len(time_ms), np.int64)
    if bursts.share > 0:
        burst_ends(lines, time_ms, bursts, out)
    return out


def hits(lines: Lines, time_ms: Int64, share: float) -> Bools:
    """Return (n,) whether each is among the ``share`` that is hit."""
    return np.asarray(uniform(lines, time_ms) < share, np.bool_) if share > 0 else np.zeros(len(lines), bool)
