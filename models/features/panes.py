"""Panes: the samples of one asset in one hop, condensed to five numbers a channel.

Compiled with Numba: plain loops over channels, in one fixed order of operations, without the temporary arrays
that the same in NumPy would fill. Nothing here allocates.

A pane is ``n`` (C,) with ``stats`` (4, C): mean, sum of squared deviations, minimum, maximum. A block is
``BLOCK`` numbers (8, C) over consecutive panes; its times are in panes since its start.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.features.compiling import compiled
from models.telemetry.samples import Float32, Float64, Int32

MEAN, M2, MIN, MAX = range(4)
STATS = 4
B_MEAN, B_M2, B_MIN, B_MAX, B_CROSS, B_N, B_TIME, B_SPREAD = range(8)
BLOCK = 8


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
    """Condense ``samples`` (slots, C), NaN if missing, into a pane; ``scratch`` is (2, C)."""
    clear_pane(n, stats)
    scratch[:] = 0.0
    count, mean = scratch[0], scratch[1]
    _count(samples, count, mean)
    _extremes(samples, stats[MIN], stats[MAX])
    for c in range(samples.shape[1]):
        n[c] = int(count[c])
        mean[c] /= max(count[c], 1.0)
        stats[MEAN, c] = mean[c]
    count[:] = 0.0
    _deviate(samples, mean, count)
    stats[M2] = count


# From here on whole arrays and indices, not rows cut from them: to cut one costs as much as the loop over it.
# And few arrays a loop: LLVM makes vector code only where it can tell that they do not overlap.


@compiled
def _count(samples: Float32, count: Float64, total: Float64) -> None:
    for s in range(samples.shape[0]):
        for c in range(samples.shape[1]):
            known = samples[s, c] == samples[s, c]
            count[c] += 1.0 if known else 0.0
            total[c] += samples[s, c] if known else 0.0


@compiled
def _extremes(samples: Float32, low: Float32, high: Float32) -> None:
    for s in range(samples.shape[0]):
        for c in range(samples.shape[1]):
            value = samples[s, c]
            low[c] = value if value < low[c] else low[c]
            high[c] = value if value > high[c] else high[c]


@compiled
def _deviate(samples: Float32, mean: Float64, out: Float64) -> None:
    for s in range(samples.shape[0]):
        for c in range(samples.shape[1]):
            away = samples[s, c] - mean[c]
            out[c] += away * away if away == away else 0.0  # noqa: PLR0124


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
def fold(
    pane_at: Int32,
    n: Any,
    stats: Float32,
    block_at: Int32,
    blocks: Float32,
    group: int,
    start: int,
    end: int,
    out: Float64,
) -> None:
    """Fold the panes [start, end) of one asset into ``out``, the eight numbers of a block, in float64.

    ``pane_at`` (ring,) has at ``p % ring`` the row of pane ``p`` in ``n`` (…, C) and ``stats`` (…, 4, C), and
    ``block_at`` (B,) at ``b % B`` that of the panes [b × group, (b + 1) × group) in ``blocks`` (…, 8, C);
    below 0 it holds no samples. Blocks that lie in the range whole stand for their panes, so that a window
    costs about ``2 × group + length / group`` steps. Two passes, means first, then what
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
    _sum_panes(pane_at, n, stats, start, head, start, out)
    _sum_blocks(block_at, blocks, group, first, last, start, out)
    _sum_panes(pane_at, n, stats, tail, end, start, out)
    for c in range(out.shape[1]):
        out[B_MEAN, c] /= max(out[B_N, c], 1.0)
        out[B_TIME, c] /= max(out[B_N, c], 1.0)
    _deviate_panes(pane_at, n, stats, start, head, start, out)
    _deviate_blocks(block_at, blocks, group, first, last, start, out)
    _deviate_panes(pane_at, n, stats, tail, end, start, out)


@compiled
def _sum_panes(
    pane_at: Int32, n: Any, stats: Float32, start: int, end: int, origin: int, out: Float64
) -> None:
    count, time, mean, low, high = out[B_N], out[B_TIME], out[B_MEAN], out[B_MIN], out[B_MAX]
    for pane in range(start, end):
        at, middle = pane_at[pane % len(pane_at)], pane - origin + 0.5
        if at < 0:
            continue
        for c in range(len(count)):
            count[c] += n[at, c]
            time[c] += n[at, c] * middle
        for c in range(len(mean)):
            mean[c] += n[at, c] * np.float64(stats[at, MEAN, c])
        for c in range(len(low)):
            low[c] = stats[at, MIN, c] if stats[at, MIN, c] < low[c] else low[c]
            high[c] = stats[at, MAX, c] if stats[at, MAX, c] > high[c] else high[c]


@compiled
def _sum_blocks(
    block_at: Int32, blocks: Float32, group: int, first: int, last: int, origin: int, out: Float64
) -> None:
    count, time, mean, low, high = out[B_N], out[B_TIME], out[B_MEAN], out[B_MIN], out[B_MAX]
    for number in range(first, last):
        at, begin = block_at[number % len(block_at)], np.float64(number * group - origin)
        if at < 0:
            continue
        for c in range(len(count)):
            count[c] += blocks[at, B_N, c]
            time[c] += blocks[at, B_N, c] * begin
        for c in range(len(time)):
            time[c] += blocks[at, B_N, c] * np.float64(blocks[at, B_TIME, c])
        for c in range(len(mean)):
            mean[c] += blocks[at, B_N, c] * np.float64(blocks[at, B_MEAN, c])
        for c in range(len(low)):
            low[c] = blocks[at, B_MIN, c] if blocks[at, B_MIN, c] < low[c] else low[c]
            high[c] = blocks[at, B_MAX, c] if blocks[at, B_MAX, c] > high[c] else high[c]


@compiled
def _deviate_panes(
    pane_at: Int32, n: Any, stats: Float32, start: int, end: int, origin: int, out: Float64
) -> None:
    mean, time, m2, cross, spread = out[B_MEAN], out[B_TIME], out[B_M2], out[B_CROSS], out[B_SPREAD]
    for pane in range(start, end):
        at, middle = pane_at[pane % len(pane_at)], pane - origin + 0.5
        if at < 0:
            continue
        for c in range(len(mean)):
            away = stats[at, MEAN, c] - mean[c]
            m2[c] += stats[at, M2, c] + n[at, c] * away * away
        for c in range(len(mean)):
            cross[c] += n[at, c] * (middle - time[c]) * (stats[at, MEAN, c] - mean[c])
        for c in range(len(time)):
            later = middle - time[c]
            spread[c] += n[at, c] * later * later


@compiled
def _deviate_blocks(
    block_at: Int32, blocks: Float32, group: int, first: int, last: int, origin: int, out: Float64
) -> None:
    mean, time, m2, cross, spread = out[B_MEAN], out[B_TIME], out[B_M2], out[B_CROSS], out[B_SPREAD]
    for number in range(first, last):
        at, begin = block_at[number % len(block_at)], np.float64(number * group - origin)
        if at < 0:
            continue
        for c in range(len(mean)):
            away = blocks[at, B_MEAN, c] - mean[c]
            m2[c] += blocks[at, B_M2, c] + blocks[at, B_N, c] * away * away
        for c in range(len(mean)):
            later = begin + blocks[at, B_TIME, c] - time[c]
            cross[c] += blocks[at, B_CROSS, c] + blocks[at, B_N, c] * later * (
                blocks[at, B_MEAN, c] - mean[c]
            )
        for c in range(len(time)):
            later = begin + blocks[at, B_TIME, c] - time[c]
            spread[c] += blocks[at, B_SPREAD, c] + blocks[at, B_N, c] * later * later
