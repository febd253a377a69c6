"""The feature schema: which number of which window of which sensor stands where in a feature vector."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from models.expectation import residual_sensors
from models.fleet import Fleet
from models.frames import Float32, Float64, Int64
from models.panes import CXT, M2, M2T, MAX, MEAN, MIN, N

STATS = ("mean", "sd", "min", "max", "slope", "missing")
_FEW = ("mean", "slope")
_STRONGEST = "strongest_residual"
_DAY_S = 86400


def window_name(seconds: int) -> str:
    """Name a window by its length.

    >>> [window_name(s) for s in (900, 3600, 604800, 5400)]
    ['15m', '1h', '7d', '90m']
    """
    for unit, size in (("d", _DAY_S), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class FeatureSchema:
    """Names and computes the features of one fleet.

    Per sensor and window: mean, population standard deviation, minimum, maximum, least-squares slope per day
    and the share missing; then per sensor the mean of every shorter window minus that of the longest. Per
    residual and window: mean and slope; and per window the largest absolute mean of any residual, since
    few failures must teach one lesson for all sensors. ``identity`` distinguishes the expectations.
    """

    def __init__(self, fleet: Fleet, identity: str = "") -> None:
        self.fleet = fleet
        self.windows = tuple(window_name(s) for s in fleet.sampling.windows_s)
        self.residuals = residual_sensors(fleet)
        names = [name for key in fleet.keys for name in self._names_of(key)]
        names += [
            f"{key}_residual.{w}.{stat}" for key in self.residuals for w in self.windows for stat in _FEW
        ]
        if self.residuals:
            names += [f"{_STRONGEST}.{w}.mean" for w in self.windows]
        self.names = tuple(names)
        self._identity = identity
        self._hops_per_day = _DAY_S / fleet.sampling.hop_s

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """Identity of the vector: 16 hexadecimal digits over names, units, sampling and expectation."""
        sampling = self.fleet.sampling
        timing = f"{sampling.period_s} {sampling.hop_s} {sampling.windows_s}"
        parts = (*self.names, self.fleet.schema, timing, self._identity)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def sensor_index(self) -> Int64:
        """Return (F,) the number of the sensor behind each feature or its residual; -1 where none is."""
        numbers = {key: i for i, key in enumerate(self.fleet.keys)}
        numbers |= {f"{key}_residual": numbers[key] for key in self.residuals}
        return np.array([numbers.get(name.partition(".")[0], -1) for name in self.names])

    def index(self, key: str, window: str, stat: str) -> int:
        """Return where ``stat`` of one window of one sensor stands in the vector."""
        return self.names.index(f"{key}.{window}.{stat}")

    def matching(self, patterns: Sequence[str]) -> Int64:
        """Return the numbers of the features whose names match any of the shell patterns."""
        return np.array(
            [i for i, n in enumerate(self.names) if any(fnmatchcase(n, p) for p in patterns)], np.int64
        )

    def vectors(self, windows: Sequence[Float64], expected: Sequence[Float64]) -> Float32:
        """Return (G, F) features, NaN where there is nothing to say.

        ``windows`` holds one statistics array (G, 8, S + R) per window length, ``expected`` the samples (G,)
        that each would hold had nothing been missed since the asset was first seen.
        """
        sensors = len(self.fleet.sensors)
        columns = [self._of_window(w[..., :sensors], e) for w, e in zip(windows, expected, strict=True)]
        means = [c[..., 0] for c in columns]
        contrasts = [(m - means[-1])[..., None] for m in means[:-1]]
        levels = np.concatenate([*columns, *contrasts], axis=-1).reshape(len(windows[0]), -1)
        few = [self._of_residual(w[..., sensors:]) for w in windows]
        residuals = np.concatenate(few, axis=-1).reshape(len(windows[0]), -1)
        strongest = [_strongest(f[..., 0]) for f in few if self.residuals]
        return np.concatenate([levels, residuals, *strongest], axis=1).astype(np.float32)

    def _names_of(self, key: str) -> list[str]:
        longest = self.windows[-1]
        levels = [f"{key}.{w}.{stat}" for w in self.windows for stat in STATS]
        return levels + [f"{key}.{w}-{longest}.mean" for w in self.windows[:-1]]

    def _of_window(self, window: Float64, expected: Float64) -> Float64:
        n = window[:, N]
        some = n > 0
        out = np.full((*n.shape, len(STATS)), np.nan)
        np.copyto(out[..., 0], window[:, MEAN], where=some)
        np.sqrt(window[:, M2] / np.maximum(n, 1), out=out[..., 1], where=some)
        np.copyto(out[..., 2], window[:, MIN], where=some)
        np.copyto(out[..., 3], window[:, MAX], where=some)
        self._slope(window, out[..., 4])
        out[..., 5] = 1.0 - n / expected[:, None]
        return out

    def _of_residual(self, window: Float64) -> Float64:
        out = np.full((*window[:, N].shape, len(_FEW)), np.nan)
        np.copyto(out[..., 0], window[:, MEAN], where=window[:, N] > 0)
        self._slope(window, out[..., 1])
        return out

    def _slope(self, window: Float64, out: Float64) -> None:
        np.divide(window[:, CXT] * self._hops_per_day, window[:, M2T], out=out, where=window[:, M2T] > 0)


def _strongest(means: Float64) -> Float64:
    """Return (G, 1) the largest absolute value of (G, R), NaN where all are missing."""
    known = np.isfinite(means)
    out: Float64 = np.where(known, np.abs(means), -1.0).max(axis=1, keepdims=True)
    out[out < 0] = np.nan
    return out
