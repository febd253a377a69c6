"""What each point of a machine read over the recent window, and what is usual for it at the same load."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.features.expectation import Expectation
from models.features.schema import FeatureSchema, window_name
from models.telemetry.samples import Float32, Float64

UNUSUAL = 2.0
"""So many spreads from what is usual a reading departs; on most days that of a sound machine does not."""


class Against(NamedTuple):
    """Means, what is usual, and how far a mean lies from that on most days: (n, P) each, in units; or NaN."""

    value: Float64
    usual: Float64
    spread: Float64


class Usual:
    """Tells of windows what their points read against what is usual for the machine at that load and weather.

    That is the mean of the recent window without its mean residual, and the spread a standard deviation of
    it; unknown for a point without an ``expectation``. If the fleet has none, it is mean and deviation over
    the longest of the clock windows.
    """

    def __init__(self, schema: FeatureSchema, expectation: Expectation | None) -> None:
        fleet = schema.fleet
        self._recent, self._baseline = window_name(fleet.sampling.recent_s), schema.windows[-1]
        self.points = fleet.point_keys
        self._mean = _columns(schema, self._recent, "mean")
        self._before = _columns(schema, self._baseline, "mean"), _columns(schema, self._baseline, "sd")
        known = dict(zip(expectation.sensors, expectation.sigma, strict=True)) if expectation else {}
        self._is_known = np.array([key in known for key in self.points], bool)
        self._sigma = np.array([known[key] for key in self.points if key in known], np.float64)
        shares = {key for group in fleet.expectation if group.relative for key in group.sensors}
        self._is_share = np.array([key in shares for key in self.points if key in known], bool)
        self._residual = np.array(
            [schema.index(f"{key}_residual", self._recent, "mean") for key in self.points if key in known],
            np.int64,
        )
        self._has_expectation = bool(known)

    def of(self, values: Float32) -> Against:
        """Return what feature vectors (n, F) say of every point."""
        value = values[:, self._mean].astype(np.float64)
        if not self._has_expectation:
            usual, spread = (values[:, columns].astype(np.float64) for columns in self._before)
            return Against(value, usual, spread)
        usual, spread = np.full_like(value, np.nan), np.full_like(value, np.nan)
        away = values[:, self._residual] * self._sigma
        known = value[:, self._is_known]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(away > -1.0, away * known / (1.0 + away), np.nan)
        usual[:, self._is_known] = known - np.where(self._is_share, share, away)
        expected = usual[:, self._is_known]
        sizes = np.where(self._is_share, np.abs(expected), np.where(np.isnan(expected), np.nan, 1.0))
        spread[:, self._is_known] = self._sigma * sizes
        return Against(value, usual, spread)

    def of_point(self, key: str, vector: Float32) -> tuple[float, float]:
        """Return the mean of one point, and what is usual: its mean over the longest window if need be."""
        i = self.points.index(key)
        found = self.of(vector[None, :])
        value, usual = float(found.value[0, i]), float(found.usual[0, i])
        return value, float(vector[self._before[0][i]]) if np.isnan(usual) else usual


def _columns(schema: FeatureSchema, window: str, stat: str) -> list[int]:
    return [schema.index(key, window, stat) for key in schema.fleet.point_keys]
