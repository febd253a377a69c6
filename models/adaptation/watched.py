"""What is remembered of one machine's residuals from day to day, and how far today is from it.

All of it is one array (FIELDS, R) of float32, R residuals; a day on which a point is not known leaves it as
it is. A machine is compared with itself: with the days just before, and with its last months.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Float64

LAST, PREVIOUS, NEAR, BEFORE, FAR, FAST, SLOW, DAYS, OVER, SAID = range(10)
FIELDS = 10
"""The last two days; where it stood before the second, and before the first of them; where it stands in the
long run; mean fourth powers of how far days were from either; for how many days it was known, over, said."""
LEARNING_D = 28
_MEMORY_D, _FAR_D, _FOLLOWS, _MOST = 56.0, 120.0, np.float32(0.8), 4.0
_NORMAL = 3.0  # the mean fourth power of standard normal numbers
_POOLED_D = 28.0
_FLAT, _ALL, _NEW = 0.35, 0.75, 0.5
_DOUBTFUL = 3.0  # times the usual: from there on what moves slowly would become usual before it is said
_MAD = 1.4826
_TINY = np.float32(1e-12)

Cells = npt.NDArray[np.float32]
"""What is remembered of machines (n, FIELDS, R), or of one of them."""


@dataclass(frozen=True, slots=True)
class Away:
    """How far (n, R) machines are from what they were, NaN if that is not known.

    The first of two days, and their mean, from before these; the mean of three from before these; today from
    the long run. ``steps``: whether the three days are alike, and all that is new in the long run: neither
    a slope nor a return.
    """

    first: Float32
    two: Float32
    three: Float32
    slow: Float32
    steps: Bools


def nothing_known(points: int) -> Cells:
    """Return what is remembered (FIELDS, R) of a machine that was never seen, or was worked on."""
    out = np.full((FIELDS, points), np.nan, np.float32)
    out[FAST:] = 0.0
    return out


def interrupted(cells: Cells) -> None:
    """Forget the days before in place, of machines (n, FIELDS, R) that stood for some days."""
    cells[:, LAST : BEFORE + 1] = np.nan


def away(cells: Cells, today: Float32) -> Away:
    """Compare today (n, R) with what is remembered (n, FIELDS, R)."""
    last, previous = cells[:, LAST], cells[:, PREVIOUS]
    first = last - cells[:, NEAR]
    two = (last + today) / np.float32(2) - cells[:, NEAR]
    three = (previous + last + today) / np.float32(3) - cells[:, BEFORE]
    slow = today - cells[:, FAR]
    with np.errstate(invalid="ignore"):
        size, lasts = np.abs(three), np.abs(slow)
        steps = (np.abs(today - previous) < _FLAT * size) & (size > _ALL * lasts) & (lasts > _NEW * size)
    return Away(first, two, three, slow, steps)


def usual(cells: Cells, field: int) -> Float32:
    """Return (n, R) what is usual, as a standard deviation; what is known of few days leans on the others.

    Of fourth powers: of what jumps now and then, more is usual than of what never does.
    """
    power, days = cells[:, field], cells[:, DAYS]
    with np.errstate(invalid="ignore"):
        pooled = middle(np.where(days >= LEARNING_D / 2, power, np.nan))
    pooled = np.where(np.isfinite(pooled), pooled, middle(power))
    power = (_POOLED_D * pooled + days * power) / (_POOLED_D + days)
    out: Float32 = (power / _NORMAL + _TINY) ** 0.25
    return out


def learn(cells: Cells, today: Float32, moved: Away, limits: tuple[Float32, Float32], held: Bools) -> None:
    """Learn a day in place: ``moved`` without what many share, of which ``limits`` are usual.

    Where it is ``held`` (n, R), beyond its limit, what is usual stays as it was.
    """
    known, days = np.isfinite(today), cells[:, DAYS].copy()
    share = (1 / np.minimum(days + 1, _MEMORY_D)).astype(np.float32)
    with np.errstate(invalid="ignore"):
        lasting = held | (days >= LEARNING_D) & (np.abs(moved.slow) > _DOUBTFUL * limits[1])
    for field, far, limit in ((FAST, moved.three, limits[0]), (SLOW, moved.slow, limits[1])):
        most = np.where(days < LEARNING_D, np.inf, (_MOST * limit) ** 4)
        seen = known & np.isfinite(far) & ~(held if field == FAST else lasting)
        power = np.minimum(np.nan_to_num(far) ** 4, most)
        cells[:, field] += np.where(seen, share * (power - cells[:, field]), 0.0)
    _follow(cells, today, known, lasting, limits[1])
    cells[:, DAYS] += known


def _follow(cells: Cells, today: Float32, known: Bools, held: Bools, limit: Float32) -> None:
    days, far = cells[:, DAYS], cells[:, FAR]
    most = np.where(days < LEARNING_D, np.inf, _MOST * limit)
    share = (1 / np.minimum(days + 1, _FAR_D)).astype(np.float32)
    step = np.where(known & ~held, share * np.clip(np.nan_to_num(today - far), -most, most), 0.0)
    cells[:, FAR] = np.where(known & ~np.isfinite(far), today, far + step)
    near, last = cells[:, NEAR].copy(), cells[:, LAST].copy()
    ahead = np.where(np.isfinite(near), near + _FOLLOWS * (last - near), last)
    for field, value in ((BEFORE, near), (NEAR, ahead), (PREVIOUS, last), (LAST, today)):
        cells[:, field] = np.where(known, value, cells[:, field])


def middle(values: Float32) -> Float32:
    """Return (R,) the median of each point, NaN if nobody knows."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    point, most = np.arange(values.shape[1]), np.maximum(count - 1, 0)
    out: Float32 = (ordered[most // 2, point] + ordered[most - most // 2, point]) / 2
    return out


def centre(values: Float32, fewest: int) -> tuple[Float32, Float32]:
    """Return (R,) where the most stand of each point, and its standard error; NaN of fewer than ``fewest``.

    The median, moved by what is left, of which nothing counts beyond 1.5 standard deviations (Huber 1964).
    """
    count = np.isfinite(values).sum(axis=0)
    at = middle(values)
    spread = _MAD * middle(np.abs(values - at)) + _TINY
    left = np.clip(values - at, -1.5 * spread, 1.5 * spread)
    total = np.nansum(left, axis=0) / np.maximum(count, 1)
    enough = count >= fewest
    error = np.where(enough, 1.1 * spread / np.sqrt(np.maximum(count, 1)), np.nan)
    return np.where(enough, at + total, np.nan).astype(np.float32), error.astype(np.float32)


def wide(units: Float32) -> Float64:
    """Return (R,) how many times wider than usual machines (n, R) are scattered today, at least 1."""
    out: Float64 = np.maximum(1.0, np.nan_to_num(_MAD * middle(np.abs(units)), nan=1.0))
    return out
