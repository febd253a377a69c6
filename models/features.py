"""The feature schema: which number of which window of which sensor stands where in a feature vector."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from models.fleet import Fleet
from models.frames import Float32, Float64
from models.panes import CXT, M2, M2T, MAX, MEAN, MIN, N

STATS = ("mean", "sd", "min", "max", "slope", "missing")
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
    and the share missing; then per sensor the mean of every shorter window minus that of the longest.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.windows = tuple(window_name(s) for s in fleet.sampling.windows_s)
        self.names = tuple(name for key in fleet.keys for name in self._names_of(key))
        self._hops_per_day = _DAY_S / fleet.sampling.hop_s

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """Identity of the vector: 16 hexadecimal digits over names, units and sampling."""
        sampling = self.fleet.sampling
        parts = (*self.names, self.fleet.schema, f"{sampling.period_s} {sampling.hop_s} {sampling.windows_s}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def sensor_of(self, feature: int) -> str:
        """Return the key of the sensor behind feature number ``feature``."""
        return self.names[feature].partition(".")[0]

    def index(self, key: str, window: str, stat: str) -> int:
        """Return where ``stat`` of one window of one sensor stands in the vector."""
        return self.names.index(f"{key}.{window}.{stat}")

    def vectors(self, windows: Sequence[Float64], expected: Sequence[Float64]) -> Float32:
        """Return (G, F) features, NaN where there is nothing to say.

        ``windows`` holds one statistics array (G, 8, S) per window length, ``expected`` the samples (G,) that
        each would hold had nothing been missed since the asset was first seen.
        """
        columns = [self._of_window(w, e) for w, e in zip(windows, expected, strict=True)]
        means = [c[..., 0] for c in columns]
        contrasts = [(m - means[-1])[..., None] for m in means[:-1]]
        return np.concatenate([*columns, *contrasts], axis=-1).reshape(len(windows[0]), -1).astype(np.float32)

    def _names_of(self, key: str) -> list[str]:
        longest = self.windows[-1]
        levels = [f"{key}.{w}.{stat}" for w in self.windows for stat in STATS]
        return levels + [f"{key}.{w}-{longest}.mean" for w in self.windows[:-1]]

    def _of_window(self, window: Float64, expected: Float64) -> Float64:
        n, m2t = window[:, N], window[:, M2T]
        some = n > 0
        out = np.full((*n.shape, len(STATS)), np.nan)
        np.copyto(out[..., 0], window[:, MEAN], where=some)
        np.sqrt(window[:, M2] / np.maximum(n, 1), out=out[..., 1], where=some)
        np.copyto(out[..., 2], window[:, MIN], where=some)
        np.copyto(out[..., 3], window[:, MAX], where=some)
        np.divide(window[:, CXT] * self._hops_per_day, m2t, out=out[..., 4], where=m2t > 0)
        out[..., 5] = 1.0 - n / expected[:, None]
        return out
