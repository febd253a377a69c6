"""The feature schema: which number of which window of which sensor stands where in a feature vector."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from models.errors import ModelError
from models.features.compiling import compiled
from models.features.expectation import has_nearest, residual_sensors
from models.features.fingerprint import fingerprint
from models.features.panes import B_CROSS, B_M2, B_MAX, B_MEAN, B_MIN, B_N, B_SPREAD
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Float64, Int64

STATS = ("mean", "sd", "min", "max", "slope", "missing")
_MEAN, _SD, _MIN, _MAX, _SLOPE, _MISSING = range(len(STATS))
_FEW = ("mean", "slope")
_STRONGEST, _NEAREST = "strongest_residual", "nearest_trip"
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
    and the share missing; then per sensor the mean of every shorter window minus that of the longest. The
    slope of one pane is over its samples, that of a longer window over the means of its panes, weighted by
    their numbers of samples. Per residual and window: mean and slope; and per window the largest absolute
    mean of any residual, since few failures must teach one lesson for all sensors; and, where the fleet has
    rules, the mean of how near any sensor was to its trip. ``identity`` distinguishes the expectations.
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
        self.channels = len(self.residuals) + has_nearest(fleet)
        if has_nearest(fleet):
            names += [f"{_NEAREST}.{w}.mean" for w in self.windows]
        self.names = tuple(names)
        self._identity = identity

    def __len__(self) -> int:
        return len(self.names)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identity of the vector: 16 hexadecimal digits over all that a feature depends on."""
        return fingerprint(self.fleet, self.names, self._identity)

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
        """Return the numbers of the features whose names match any of the shell patterns.

        Raises ModelError that names a pattern which no feature matches.
        """
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.names):
                raise ModelError(
                    f"feature pattern {pattern!r}: no feature of {self.fleet.name} has such a name"
                )
        return np.array(
            [i for i, n in enumerate(self.names) if any(fnmatchcase(n, p) for p in patterns)], np.int64
        )

    def _names_of(self, key: str) -> list[str]:
        longest = self.windows[-1]
        levels = [f"{key}.{w}.{stat}" for w in self.windows for stat in STATS]
        return levels + [f"{key}.{w}-{longest}.mean" for w in self.windows[:-1]]


@compiled
def write_features(moments: Float64, expected: Float64, per_day: float, sensors: int, out: Float32) -> None:
    """Write the vector ``out`` (F,) of one asset from the moments (W, 8, S + R) of its windows.

    It uses the moments up. ``expected`` (W,) are the samples that each window would hold had nothing been
    missed since the asset was first seen; ``per_day`` is the number of hops in a day. NaN stands where there
    is nothing to say.
    """
    windows = moments.shape[0]
    for w in range(windows):
        _finish(moments[w], expected[w], per_day)
    stride = len(STATS) * windows + windows - 1
    for c in range(sensors):
        at = c * stride
        for w in range(windows):
            for k in range(len(STATS)):
                out[at] = moments[w, k, c]
                at += 1
        for w in range(windows - 1):
            out[at] = moments[w, 0, c] - moments[windows - 1, 0, c]
            at += 1
    if moments.shape[2] > sensors:
        _write_residuals(moments[:, :, sensors:], out[sensors * stride :])


@compiled
def _finish(moments: Float64, expected: float, per_day: float) -> None:
    """Turn the moments (8, C) of one window into its six statistics, in place, in the order of `STATS`.

    Mean, deviation, minimum, maximum, cross product and count stand where their statistics will.
    """
    for c in range(moments.shape[1]):
        slope = moments[B_CROSS, c] * per_day / moments[B_SPREAD, c]
        moments[_SLOPE, c] = slope if moments[B_SPREAD, c] > 0 else np.nan
    for c in range(moments.shape[1]):
        known = moments[B_N, c] > 0
        moments[_MEAN, c] = moments[B_MEAN, c] if known else np.nan
        moments[_SD, c] = np.sqrt(moments[B_M2, c] / moments[B_N, c]) if known else np.nan
        moments[_MIN, c] = moments[B_MIN, c] if known else np.nan
        moments[_MAX, c] = moments[B_MAX, c] if known else np.nan
        moments[_MISSING, c] = 1.0 - moments[B_N, c] / expected


@compiled
def _write_residuals(statistics: Float64, out: Float32) -> None:
    """Write the features of the residuals, and of the nearest trip, whose channel is the last where it is."""
    windows, channels = statistics.shape[0], statistics.shape[2]
    residuals = channels if len(out) == (2 * channels + 1) * windows else channels - 1
    for w in range(windows):
        strongest = np.nan
        for r in range(residuals):
            at = 2 * (r * windows + w)
            out[at], out[at + 1] = statistics[w, _MEAN, r], statistics[w, _SLOPE, r]
            size = abs(statistics[w, _MEAN, r])
            if size == size and not size <= strongest:  # noqa: PLR0124  (also where strongest is NaN)
                strongest = size
        out[2 * residuals * windows + w] = strongest
        if channels > residuals:
            out[(2 * residuals + 1) * windows + w] = statistics[w, _MEAN, residuals]
