"""Mergeable statistics of one pane: the samples of one sensor in one hop, condensed to eight numbers.

A statistics array has shape (..., 8, S): the eight numbers of S sensors, in float64. Pane times are in hops
since the epoch, so that windows of any length merge without a change of origin.
"""

from __future__ import annotations

import numpy as np

from models.frames import Float32, Float64

N, MEAN, M2, MIN, MAX, T_MEAN, CXT, M2T = range(8)
STATISTICS = 8


def empty(*leading: int, sensors: int) -> Float64:
    """Return the statistics of no sample at all, the neutral element of `merge`.

    >>> empty(2, sensors=3).shape
    (2, 8, 3)
    """
    out = np.zeros((*leading, STATISTICS, sensors))
    out[..., MIN, :] = np.inf
    out[..., MAX, :] = -np.inf
    return out


def summarise(samples: Float32, pane: int) -> Float64:
    """Condense ``samples`` (G, slots, S), NaN where missing, of the pane with index ``pane``.

    A slot counts at its middle: slot ``s`` of ``slots`` lies at ``pane + (s + 0.5) / slots`` hops.
    """
    present = np.isfinite(samples)
    n = present.sum(axis=1)
    divisor = np.maximum(n, 1)
    values = samples.astype(np.float64)
    slots = samples.shape[1]
    time = ((np.arange(slots) + 0.5) / slots + pane)[None, :, None]
    out = np.empty((len(samples), STATISTICS, samples.shape[2]))
    out[:, N] = n
    out[:, MEAN] = np.where(present, values, 0.0).sum(axis=1) / divisor
    out[:, T_MEAN] = np.where(present, time, 0.0).sum(axis=1) / divisor
    deviation = np.where(present, values - out[:, None, MEAN], 0.0)
    time_deviation = np.where(present, time - out[:, None, T_MEAN], 0.0)
    out[:, M2] = (deviation * deviation).sum(axis=1)
    out[:, CXT] = (deviation * time_deviation).sum(axis=1)
    out[:, M2T] = (time_deviation * time_deviation).sum(axis=1)
    out[:, MIN] = np.where(present, values, np.inf).min(axis=1)
    out[:, MAX] = np.where(present, values, -np.inf).max(axis=1)
    return out


def merge(a: Float64, b: Float64) -> Float64:
    """Return the statistics of both sets of samples (Chan, Golub & LeVeque 1979, pairwise update).

    Merging with `empty` returns the other side bit for bit.
    """
    n = a[..., N, :] + b[..., N, :]
    share = b[..., N, :] / np.maximum(n, 1.0)
    weight = a[..., N, :] * share
    step = b[..., MEAN, :] - a[..., MEAN, :]
    time_step = b[..., T_MEAN, :] - a[..., T_MEAN, :]
    out = a + b
    out[..., MEAN, :] = a[..., MEAN, :] + step * share
    out[..., T_MEAN, :] = a[..., T_MEAN, :] + time_step * share
    out[..., M2, :] += step * step * weight
    out[..., CXT, :] += step * time_step * weight
    out[..., M2T, :] += time_step * time_step * weight
    np.minimum(a[..., MIN, :], b[..., MIN, :], out=out[..., MIN, :])
    np.maximum(a[..., MAX, :], b[..., MAX, :], out=out[..., MAX, :])
    return out
