"""A run of a scenario boiled down to what its report needs: means of six hours, and a sample by the hour."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Float32, Int64, TimeSlice
from simulators.clock import YEAR_D

BLOCK_H = 6
_BLOCK_MS = BLOCK_H * 3_600_000
_SAMPLED_EVERY_D = 7


@dataclass(frozen=True)
class Readings:
    """``means`` (A, W, S): running samples of six hours each, NaN if it stood; ``end_ms`` (W,) their ends.

    ``sample`` (n, S) holds all readings of every seventh day, ``hour`` (n,) their hours of the day.
    """

    assets: tuple[str, ...]
    end_ms: Int64
    means: Float32
    sample: Float32
    hour: Int64
    events: tuple[Event, ...]

    @property
    def start_ms(self) -> int:
        """When the first six hours begin."""
        return int(self.end_ms[0]) - _BLOCK_MS

    @property
    def asset_years(self) -> float:
        """Chiller-years surveyed, standing or running."""
        return len(self.assets) * len(self.end_ms) * BLOCK_H / 24.0 / YEAR_D


def running(values: Float32, fleet: Fleet) -> Float32:
    """Return readings (…, S) with NaN wherever the machine stands."""
    if fleet.running is None:
        return values
    load = values[..., fleet.keys.index(fleet.running.sensor)]
    return np.where((load > fleet.running.above)[..., None], values, np.float32(np.nan))


def survey(slices: Iterable[TimeSlice], fleet: Fleet) -> Readings:
    """Survey whole days whose rows come by asset, and by time within each, none missing."""
    means, ends, parts, hours = [], list[Int64](), [], []
    events: list[Event] = []
    assets: tuple[str, ...] = ()
    for day, part in enumerate(slices):
        assets = part.samples.assets
        means.append(_means(running(part.samples.values, fleet), len(assets)))
        ends.append(np.arange(part.start_ms, part.end_ms, _BLOCK_MS) + _BLOCK_MS)
        events += part.events
        if day % _SAMPLED_EVERY_D == 0:
            parts.append(part.samples.values)
            hours.append(part.samples.time_ms % DAY_MS // 3_600_000)
    values, hour = np.concatenate(parts), np.concatenate(hours)
    return Readings(assets, np.concatenate(ends), np.concatenate(means, 1), values, hour, tuple(events))


def _means(values: Float32, assets: int) -> Float32:
    """Return (A, 4, S) means of the running samples of a day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a machine that stood has no mean
        blocks = values.reshape(assets, 24 // BLOCK_H, -1, values.shape[1])
        return np.asarray(np.nanmean(blocks, axis=2), np.float32)
