"""Figures with intervals: fleets are drawn anew, and in each its machines, alike for all policies."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from chillcast.proof.tally import Count
from models.telemetry.samples import Float64

_RESAMPLES, _INTERVAL = 400, (5, 95)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over all machines, and the middle 90 % of it; None if there is nothing to divide by."""

    value: float | None
    low: float | None
    high: float | None


class Weights:
    """How often each machine counts, (1 + B, all machines): once in the first row, then as it is drawn."""

    def __init__(self, machines: Sequence[int], seed: int) -> None:
        chance, first = np.random.default_rng(seed), np.cumsum([0, *machines])
        drawn = np.zeros((_RESAMPLES, int(first[-1])))
        for row in drawn:
            for fleet in chance.integers(0, len(machines), len(machines)).tolist():
                size = machines[fleet]
                of_fleet = np.bincount(chance.integers(0, size, size), minlength=size)
                row[first[fleet] : first[fleet + 1]] += of_fleet
        self._weights = np.concatenate([np.ones((1, int(first[-1]))), drawn])

    def sums(self, tallies: Sequence[Float64]) -> Float64:
        """Return (1 + B, columns) the sums of the tallies of all fleets."""
        return np.asarray(self._weights @ np.concatenate(list(tallies)), np.float64)


def ratio(above: Float64, below: Float64) -> Estimate:
    """Return a ratio of two sums (1 + B,), where what is below is more than nothing."""
    return estimate(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))


def estimate(values: Float64) -> Estimate:
    """Return the first of the values (1 + B,), and the middle of the others."""
    others = values[1:][~np.isnan(values[1:])]
    low, high = (float(x) for x in np.percentile(others, _INTERVAL)) if len(others) else (None, None)
    return Estimate(value=None if np.isnan(values[0]) else float(values[0]), low=low, high=high)


def less(sums: Float64, than: Float64, above: Count, below: Count) -> Estimate:
    """Return by which share a ratio of two columns is lower than under another policy."""
    with np.errstate(divide="ignore", invalid="ignore"):
        own, other = (one[:, above] / one[:, below] for one in (sums, than))
        share = np.where(other > 0, 1 - own / other, np.nan)
    return estimate(share)
