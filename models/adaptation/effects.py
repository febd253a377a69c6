"""How large a shift of many machines is: PSI, Kolmogorov-Smirnov and Wasserstein.

None of them grows with how many machines or days there are, as the significance of a test does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float32, Float64

_BINS, _LEAST_SHARE = 10, 1e-3


@dataclass(frozen=True, slots=True)
class Effect:
    """Population stability index and Kolmogorov-Smirnov distance over ten bins; Wasserstein distance."""

    psi: float
    ks: float
    wasserstein: float


NO_EFFECT = Effect(0.0, 0.0, 0.0)


def effect(before: Float32, now: Float32) -> Effect:
    """Compare what the same machines (n,) read before and now; unknown ones are left out.

    The bins hold a tenth of what was before each.

    >>> ten = np.arange(10, dtype=np.float32)
    >>> round(effect(ten, ten + 2).wasserstein, 3), round(effect(ten, ten + 2).ks, 3)
    (2.0, 0.2)
    """
    known = np.isfinite(before) & np.isfinite(now)
    if not known.any():
        return NO_EFFECT
    old, new = np.sort(before[known].astype(np.float64)), np.sort(now[known].astype(np.float64))
    edges = np.quantile(old, np.arange(1, _BINS) / _BINS)
    shares = [_shares(values, edges) for values in (old, new)]
    least = [np.maximum(share, _LEAST_SHARE) for share in shares]
    psi = float(((least[1] - least[0]) * np.log(least[1] / least[0])).sum())
    ks = float(np.abs(np.cumsum(shares[1] - shares[0])).max())
    return Effect(psi, ks, float(np.abs(new - old).mean()))


def _shares(values: Float64, edges: Float64) -> Float64:
    count = np.bincount(np.searchsorted(edges, values, side="right"), minlength=_BINS)
    out: Float64 = count / len(values)
    return out
