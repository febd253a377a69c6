"""The instruments: noise, errors that stay and errors that wander, and resolution."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from models.errors import ConfigError
from models.features.compiling import compiled
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32
from simulators.instruments.points import POINTS, Reading

UInt16 = npt.NDArray[np.uint16]
_KEPT_PER_DAY = np.float32(0.92)


class Sensors:
    """The instruments of ``assets`` machines for the sensors that a fleet file lists, in its order.

    Each instrument has an error of its own that stays (as large as its noise) and one that wanders;
    transmitters saturate at the ends of the fleet file's plausible range. Raises ConfigError for a sensor
    that no point produces.
    """

    def __init__(self, fleet: Fleet, rng: np.random.Generator, assets: int, noise: float = 1.0) -> None:
        known = {p.key: p for p in POINTS}
        for i, key in enumerate(fleet.keys):
            if key not in known:
                raise ConfigError(fleet.name, f"sensors[{i}].key", key, f"one of {', '.join(known)}")
        self._rng = rng
        self._points = points = tuple(known[key] for key in fleet.keys)
        ranges = [(s.low, s.high) for s in fleet.sensors]
        numbers = [
            (noise * p.sigma, noise * p.relative, p.resolution, *r)
            for p, r in zip(points, ranges, strict=True)
        ]
        self.scale = np.array(numbers, np.float32)
        self._error = rng.standard_normal((len(points), assets), dtype=np.float32)
        self._slow = rng.standard_normal((len(points), assets), dtype=np.float32)
        self._wander = np.array([p.wander for p in points], np.float32)[:, None]

    def publish(self, reading: Reading, shown: int) -> Float32:
        """Return the values (``shown``, T, P) of the first machines as their instruments show them."""
        steps, assets = reading.running.shape
        shape = len(self._points), steps, assets
        true = np.empty(shape, np.float32)
        for row, point in zip(true, self._points, strict=True):
            row[:] = point.read(reading)
        draws = self._rng.integers(0, 1 << 16, shape, np.uint16)
        out = np.empty((shown, steps, len(self._points)), np.float32)
        _measure(true, draws, _quantiles(), *self._drift(), self.scale, out)
        return out

    def _drift(self) -> tuple[Float32, Float32]:
        """Let the errors wander for a day; return them (S, A) at its start and end, in units of noise."""
        before = self._slow
        fresh = self._rng.standard_normal(before.shape, dtype=np.float32)
        self._slow = _KEPT_PER_DAY * before + np.sqrt(1 - _KEPT_PER_DAY**2) * fresh
        return self._error + self._wander * before, self._error + self._wander * self._slow


@lru_cache(maxsize=1)
def _quantiles() -> Float32:
    """Return the normal quantiles at the middles of 65,536 equal shares: noise from sixteen random bits each.

    Drawing an index costs a tenth of drawing a Gaussian; nothing lies beyond 4.2 standard deviations.
    """
    normal, size = NormalDist(), 1 << 16
    return np.array([normal.inv_cdf((i + 0.5) / size) for i in range(size)], np.float32)


@compiled
def _measure(
    true: Float32,
    draws: UInt16,
    quantiles: Float32,
    before: Float32,
    after: Float32,
    scale: Float32,
    out: Float32,
) -> None:
    """Write readings (n, T, P) of the true values (P, T, A), of which the first n machines are wanted.

    The error of an instrument goes from ``before`` to ``after`` (P, A) over the day; ``scale`` (P, 5) holds
    noise in units, noise as a share of the value, resolution, and the ends of the transmitter's range.
    """
    assets, steps, points = out.shape
    for t in range(steps):
        share = np.float32(t / steps)
        for p in range(points):
            sigma, relative, resolution, low, high = scale[p]
            for a in range(assets):
                value = true[p, t, a]
                error = quantiles[draws[p, t, a]] + before[p, a] + share * (after[p, a] - before[p, a])
                value += error * (sigma + relative * abs(value))
                # adding zero leaves no negative zeros
                value = np.rint(value / resolution) * resolution + np.float32(0.0)
                out[a, t, p] = min(max(value, low), high)
