"""What a machine should show, compiled: derived points, and all that an expectation makes of one sample.

Compiled with Numba, sample by sample in one fixed order of operations, so that the bits do not depend on what
else is computed at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.features.compiling import compiled
from models.fleet.formula import (
    ADD,
    CONSTANT,
    DIVIDE,
    GREATEST,
    LEAST,
    MOST_STEPS,
    MULTIPLY,
    NEGATE,
    SENSOR,
    SUBTRACT,
)
from models.telemetry.samples import Float32, Float64, Int64

_LEAST_SPAN = 0.1  # of the span from warning to trip: an expectation beyond the trip gives no margin
_LOWEST_MARGIN, _HIGHEST_MARGIN = -2.0, 3.0
_MOST_SIGMA = 8.0  # that one residual may add to an index
LEAST_SHARE = 0.05  # of a machine's median: what is expected of a flow is never nothing


class Formulas(NamedTuple):
    """Derived points (D): ``operations`` and ``sensors`` (D, n), ended by -1, ``numbers`` and limits."""

    operations: Int64
    sensors: Int64
    numbers: Float64
    low: Float64
    high: Float64


class Normal(NamedTuple):
    """Surfaces (G) over drivers, residuals (R), margins (M), indices (I), nearest trip (0 or 1), context (X).

    ``until_ms`` (K,) are the ends of the spans that have surfaces of their own; ``first`` (G + 1,) cuts the
    residuals into those of each surface. ``coefficients`` are (K, T, R): 1, each driver, each product of two.
    ``direction`` is (I, R): 1, -1, or 0 if a residual says nothing of a fault.
    """

    until_ms: Int64
    first: Int64
    drivers: Int64
    centre: Float64
    scale: Float64
    coefficients: Float64
    sigma: Float64
    points: Int64
    relative: npt.NDArray[np.bool_]
    margin_points: Int64
    margin_residuals: Int64
    margin_relative: npt.NDArray[np.bool_]
    warn: Float64
    trip: Float64
    direction: Float64
    nearest: int
    context: Int64
    running: int
    above: float


@compiled
def derive(formulas: Formulas, row: Float32, sensors: int) -> None:
    """Write the derived points of one sample, behind its sensors; NaN if one cannot be told."""
    stack = np.empty(MOST_STEPS, np.float64)
    for d in range(len(formulas.low)):
        value = _evaluate(formulas.operations[d], formulas.sensors[d], formulas.numbers[d], row, stack)
        inside = formulas.low[d] <= value <= formulas.high[d]
        row[sensors + d] = value if inside else np.nan


@compiled
def _evaluate(operations: Int64, sensors: Int64, numbers: Float64, row: Float32, stack: Float64) -> float:
    top = -1
    for k in range(len(operations)):
        operation = operations[k]
        if operation < 0:
            break
        if operation in (CONSTANT, SENSOR):
            top += 1
            stack[top] = numbers[k] if operation == CONSTANT else row[sensors[k]]
        elif operation == NEGATE:
            stack[top] = -stack[top]
        elif ADD <= operation <= DIVIDE or operation in (LEAST, GREATEST):
            top -= 1
            stack[top] = _combined(operation, stack[top], stack[top + 1])
        else:
            stack[top] = abs(stack[top])
    return float(stack[0])


@compiled
def _combined(operation: int, left: float, right: float) -> float:
    if operation == ADD:
        return left + right
    if operation == SUBTRACT:
        return left - right
    if operation == MULTIPLY:
        return left * right
    if operation == DIVIDE:
        return left / right if right != 0.0 else np.nan
    if np.isnan(left) or np.isnan(right):
        return np.nan
    return min(left, right) if operation == LEAST else max(left, right)


@compiled
def runs(normal: Normal, row: Float32) -> bool:
    """Return whether the machine ran: always if the fleet file has no rule for it."""
    return normal.running < 0 or row[normal.running] > normal.above


@compiled
def compute(
    normal: Normal, level: Float32, offset: Float32, time_ms: int, row: Float32, at: int, expected: Float64
) -> None:
    """Write the computed channels of one sample of a machine, from ``row[at]`` on; NaN while it stands.

    ``level`` and ``offset`` (K, R) are the machine's own: what a relative point is divided by, and how far
    the machine lies from the fleet. ``expected`` (R,) is room for what each point should read.
    """
    row[at:] = np.nan
    if not len(normal.until_ms) or not runs(normal, row):
        return
    k = 0
    while k + 1 < len(normal.until_ms) and time_ms >= normal.until_ms[k]:
        k += 1
    _expect(normal, k, row, expected)
    _residuals(normal, k, level[k], offset[k], row, at, expected)
    margins = at + len(normal.points)
    indices = margins + len(normal.warn)
    nearest = indices + normal.direction.shape[0]
    context = nearest + normal.nearest
    _margins(normal, row, margins, expected)
    _indices(normal, row, at, indices)
    if normal.nearest:
        row[nearest] = _nearest(normal, row)
    for x in range(len(normal.context)):
        row[context + x] = row[normal.context[x]]


@compiled
def _residuals(
    normal: Normal, k: int, level: Float32, offset: Float32, row: Float32, at: int, expected: Float64
) -> None:
    """Write by how much each point differs from what this machine should read, which ``expected`` becomes."""
    for r in range(len(normal.points)):
        value = np.float64(row[normal.points[r]])
        if normal.relative[r]:
            expected[r] = level[r] * max(expected[r] + offset[r], LEAST_SHARE)
            row[at + r] = (value / expected[r] - 1.0) / normal.sigma[k, r]
        else:
            expected[r] += offset[r]
            row[at + r] = (value - expected[r]) / normal.sigma[k, r]


@compiled
def _expect(normal: Normal, k: int, row: Float32, expected: Float64) -> None:
    """Write what the fleet shows of each point at the values of the drivers."""
    scaled = np.empty(normal.drivers.shape[1], np.float64)
    expected[:] = 0.0
    for g in range(len(normal.first) - 1):
        first, end, drivers = normal.first[g], normal.first[g + 1], 0
        for d in range(normal.drivers.shape[1]):
            if normal.drivers[g, d] >= 0:
                value = np.float64(row[normal.drivers[g, d]])
                scaled[d] = (value - normal.centre[k, g, d]) / normal.scale[k, g, d]
                drivers += 1
        term = 0
        _add(normal.coefficients[k, term], 1.0, first, end, expected)
        for i in range(drivers):
            term += 1
            _add(normal.coefficients[k, term], scaled[i], first, end, expected)
        for i in range(drivers):
            for j in range(i, drivers):
                term += 1
                _add(normal.coefficients[k, term], scaled[i] * scaled[j], first, end, expected)


@compiled
def _add(weights: Float64, value: float, first: int, end: int, out: Float64) -> None:
    for r in range(first, end):
        out[r] += weights[r] * value


@compiled
def _margins(normal: Normal, row: Float32, at: int, expected: Float64) -> None:
    """Write how far each watched point has come from what is expected of it (0) to its trip (1)."""
    for m in range(len(normal.warn)):
        r, value = normal.margin_residuals[m], np.float64(row[normal.margin_points[m]])
        usual, warn, trip = normal.warn[m], normal.warn[m], normal.trip[m]
        if r >= 0:
            usual = expected[r]
        if normal.margin_relative[m]:
            warn, trip = warn * usual, trip * usual
        side = 1.0 if trip > warn else -1.0
        span = max(side * (trip - usual), _LEAST_SPAN * abs(trip - warn))
        margin = side * (value - usual) / span
        if margin == margin:  # noqa: PLR0124
            margin = min(max(margin, _LOWEST_MARGIN), _HIGHEST_MARGIN)
        row[at + m] = margin


@compiled
def _indices(normal: Normal, row: Float32, residuals: int, at: int) -> None:
    """Write the mean of the residuals that speak for each fault, in the direction in which they do."""
    for i in range(normal.direction.shape[0]):
        total, known = 0.0, 0
        for r in range(normal.direction.shape[1]):
            residual = np.float64(row[residuals + r])
            if normal.direction[i, r] != 0.0 and residual == residual:  # noqa: PLR0124
                total += normal.direction[i, r] * min(max(residual, -_MOST_SIGMA), _MOST_SIGMA)
                known += 1
        row[at + i] = total / known if known else np.nan


@compiled
def _nearest(normal: Normal, row: Float32) -> float:
    """Return how far the point next to its trip has come: 0 at its warning level, 1 at the trip."""
    found = np.nan
    for m in range(len(normal.warn)):
        if not normal.margin_relative[m]:
            value = np.float64(row[normal.margin_points[m]])
            come = (value - normal.warn[m]) / (normal.trip[m] - normal.warn[m])
            if not come <= found and come == come:  # noqa: PLR0124
                found = come
    return found
