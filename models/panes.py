"""Panes: the samples of one asset in one hop, condensed to five numbers a channel.

Compiled with Numba: plain loops over channels, in one fixed order of operations, without the temporary arrays
that the same in NumPy would fill. Nothing here allocates.

A pane is ``n`` (C,) with ``stats`` (4, C): mean, sum of squared deviations, minimum, maximum. A block is
``BLOCK`` numbers (8, C) over consecutive panes; its times are in panes since its start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from models.frames import Float32, Float64

Compiled = TypeVar("Compiled", bound=Callable[..., Any])

MEAN, M2, MIN, MAX = range(4)
STATS = 4
B_MEAN, B_M2, B_MIN, B_MAX, B_CROSS, B_N, B_TIME, B_SPREAD = range(8)
BLOCK = 8


def compiled(function: Compiled) -> Compiled:
    """Compile a function at its first call; later processes load it from the cache on disk.

    Where neither the package's folder nor the user's can be written, every process compiles for itself.
    """
    try:
        return cast(Compiled, numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:
        return cast(Compiled, numba.njit(error_model="numpy")(function))


@compiled
def clear_pane(n: Any, stats: Float32) -> None:
    """Make a pane one without samples."""
    n[:] = 0
    stats[:MIN] = 0.0
    stats[MIN] = np.inf
    stats[MAX] = -np.inf


@compiled
def clear_block(block: Any) -> None:
    """Make a block one without samples."""
    block[:] = 0.0
    block[B_MIN] = np.inf
    block[B_MAX] = -np.inf


@compiled
def summarise(samples: Float32, n: Any, stats: Float32, scratch: Float64) -> None:
    """Condense ``samples`` (slots, C), NaN where missing, into a pane; ``scratch`` is (2, C)."""
    clear_pane(n, stats)
    scratch[:] = 0.0
    count, mean = scratch[0], scratch[1]
    for s in range(samples.shape[0]):
        _count(samples[s], count, mean)
        _lowest(samples[s], stats[MIN])
        _highest(samples[s], stats[MAX])
    for c in range(samples.shape[1]):
        n[c] = int(count[c])
        mean[c] /= max(count[c], 1.0)
        stats[MEAN, c] = mean[c]
    count[:] = 0.0
    for s in range(samples.shape[0]):
        _deviate(samples[s], mean, count)
    stats[M2] = count


# Loops over one row each: LLVM makes vector code of a loop where it can tell that few arrays do not overlap.


@compiled
def _count(sample: Float32, count: Float64, total: Float64) -> None:
    for c in range(len(sample)):
        known = sample[c] == sample[c]
        count[c] += 1.0 if known else 0.0
        total[c] += sample[c] if known else 0.0


@compiled
def _deviate(sample: Float32, mean: Float64, out: Float64) -> None:
    for c in range(len(sample)):
        away = sample[c] - mean[c]
        out[c] += away * away if away == away else 0.0  # noqa: PLR0124


@compiled
def _lowest(values: Float32, out: Any) -> None:
    for c in range(len(values)):
        out[c] = values[c] if values[c] < out[c] else out[c]


@compiled
def _highest(values: Float32, out: Any) -> None:
    for c in range(len(values)):
        out[c] = values[c] if values[c] > out[c] else out[c]


@compiled
def slope_within(samples: Float32, moments: Float64) -> None:
    """Replace what ``moments`` (8, C) say of times by what the samples' own times say, in panes.

    A slot counts at its middle: slot ``s`` of ``slots`` lies ``(s + 0.5) / slots`` after the pane's start.
    """
    slots = samples.shape[0]
    moments[B_TIME] = 0.0
    moments[B_CROSS] = 0.0
    moments[B_SPREAD] = 0.0
    for s in range(slots):
        for c in range(samples.shape[1]):
            moments[B_TIME, c] += (s + 0.5) / slots if samples[s, c] == samples[s, c] else 0.0
    for c in range(samples.shape[1]):
        moments[B_TIME, c] /= max(moments[B_N, c], 1.0)
    for s in range(slots):
        for c in range(samples.shape[1]):
            known = samples[s, c] == samples[s, c]
            away = (s + 0.5) / slots - moments[B_TIME, c] if known else 0.0
            moments[B_CROSS, c] += away * (samples[s, c] - moments[B_MEAN, c]) if known else 0.0
            moments[B_SPREAD, c] += away * away


@compiled
def fold(n: Any, stats: Float32, blocks: Float32, group: int, start: int, end: int, out: Float64) -> None:
    """Fold the panes [start, end) of one asset into ``out``, the eight numbers of a block, in float64.

    ``n`` (ring, C) and ``stats`` (ring, 4, C) hold pane ``p`` at ``p % ring``; ``blocks`` (B, 8, C) holds the
    panes [b × group, (b + 1) × group) at ``b % B``. Blocks that lie in the range whole stand for their panes,
    so that a window costs about ``2 × group + length / group`` steps. Two passes, means first, then what
    deviates from them: as stable as Chan, Golub & LeVeque (1979), without a division in the inner loops.
    A pane counts, for the times, at its middle.
    """
    clear_block(out)
    first, last = -(-start // group), end // group
    if first >= last:
        first = last = start // group
        head, tail = end, end
    else:
        head, tail = first * group, last * group
    _sum_panes(n, stats, start, head, start, out)
    _sum_blocks(blocks, group, first, last, start, out)
    _sum_panes(n, stats, tail, end, start, out)
    for c in range(out.shape[1]):
        out[B_MEAN, c] /= max(out[B_N, c], 1.0)
        out[B_TIME, c] /= max(out[B_N, c], 1.0)
    _deviate_panes(n, stats, start, head, start, out)
    _deviate_blocks(blocks, group, first, last, start, out)
    _deviate_panes(n, stats, tail, end, start, out)


@compiled
def _sum_panes(n: Any, stats: Float32, start: int, end: int, origin: int, out: Float64) -> None:
    for pane in range(start, end):
        at = pane % n.shape[0]
        _weigh(n[at], pane - origin + 0.5, out[B_N], out[B_TIME])
        _add(n[at], stats[at, MEAN], out[B_MEAN])
        _lowest(stats[at, MIN], out[B_MIN])
        _highest(stats[at, MAX], out[B_MAX])


@compiled
def _sum_blocks(blocks: Float32, group: int, first: int, last: int, origin: int, out: Float64) -> None:
    for number in range(first, last):
        block = blocks[number % blocks.shape[0]]
        _weigh(block[B_N], np.float64(number * group - origin), out[B_N], out[B_TIME])
        _add(block[B_N], block[B_TIME], out[B_TIME])
        _add(block[B_N], block[B_MEAN], out[B_MEAN])
        _lowest(block[B_MIN], out[B_MIN])
        _highest(block[B_MAX], out[B_MAX])


@compiled
def _deviate_panes(n: Any, stats: Float32, start: int, end: int, origin: int, out: Float64) -> None:
    for pane in range(start, end):
        at, time = pane % n.shape[0], pane - origin + 0.5
        _spread(n[at], stats[at, M2], stats[at, MEAN], out[B_MEAN], out[B_M2])
        for c in range(out.shape[1]):
            later = time - out[B_TIME, c]
            out[B_CROSS, c] += n[at, c] * later * (stats[at, MEAN, c] - out[B_MEAN, c])
        for c in range(out.shape[1]):
            later = time - out[B_TIME, c]
            out[B_SPREAD, c] += n[at, c] * later * later


@compiled
def _deviate_blocks(blocks: Float32, group: int, first: int, last: int, origin: int, out: Float64) -> None:
    for number in range(first, last):
        block, time = blocks[number % blocks.shape[0]], np.float64(number * group - origin)
        _spread(block[B_N], block[B_M2], block[B_MEAN], out[B_MEAN], out[B_M2])
        for c in range(out.shape[1]):
            later = time + block[B_TIME, c] - out[B_TIME, c]
            out[B_CROSS, c] += block[B_CROSS, c] + block[B_N, c] * later * (block[B_MEAN, c] - out[B_MEAN, c])
        for c in range(out.shape[1]):
            later = time + block[B_TIME, c] - out[B_TIME, c]
            out[B_SPREAD, c] += block[B_SPREAD, c] + block[B_N, c] * later * later


@compiled
def _weigh(n: Any, time: float, count: Float64, total: Float64) -> None:
    for c in range(len(n)):
        count[c] += n[c]
        total[c] += n[c] * time


@compiled
def _add(n: Any, values: Float32, out: Float64) -> None:
    for c in range(len(n)):
        out[c] += n[c] * np.float64(values[c])


@compiled
def _spread(n: Any, m2: Float32, mean: Float32, centre: Float64, out: Float64) -> None:
    for c in range(len(n)):
        away = mean[c] - centre[c]
        out[c] += m2[c] + n[c] * away * away
