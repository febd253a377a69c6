"""Dirt: what happens to telemetry between an instrument and the broker, each kind with a switch of its own.

It falls on any stream of slices, simulated or recorded. What becomes of a sample depends on the seed, its
asset and its time alone: not on how the stream is cut, nor on other assets, nor on the other switches.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from models.errors import MissingKeyError
from models.event_time import DAY_MS, YEAR_MS
from models.features.quality import UNITS
from models.fleet.config import means, read_table, read_toml, table
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Int64, Samples, TimeSlice, join
from simulators.chance import Bursts, Lines, covering, crossed, hits, lines_of, overwrite, uniform

_EPISODE_MS = 7 * DAY_MS
_HOUR_MS = 3_600_000
_CODES = np.array([0.0, -40.0], np.float32)

Share = Annotated[float, Field(ge=0, le=0.4)]
PerYear = Annotated[float, Field(ge=0, le=20)]
Positive = Annotated[int, Field(gt=0)]


@table
class Dirt:
    """The ``[dirt]`` table: every kind is off unless it is given.

    Shares are of samples, or of single values. ``burst_s`` is the mean length of a burst of missing samples,
    missing values or zeros, ``outage_s`` that of an outage after which a gateway sends what it kept.
    """

    missing_samples: Annotated[Share, means("share of samples that never come, in bursts")] = 0.0
    missing_values: Annotated[
        Share, means("share of single values that are missing, in bursts of one sensor")
    ] = 0.0
    zeros: Annotated[
        Share, means("share of single values sent as 0 or −40, always the same code of one sensor, in bursts")
    ] = 0.0
    burst_s: Annotated[Positive, means("mean length of those bursts; each is 0 to twice as long")] = 7200
    late: Annotated[
        Share,
        means("share of samples that a gateway keeps during an outage and sends in one go when it ends"),
    ] = 0.0
    outage_s: Annotated[Positive, means("mean length of an outage; each is 0 to twice as long")] = 7200
    out_of_order: Annotated[
        Share, means("share of samples that come one to two sampling periods after their turn")
    ] = 0.0
    duplicates: Annotated[
        Share, means("share of samples that come a second time, one to two sampling periods later")
    ] = 0.0
    skew_s: Annotated[
        float,
        Field(ge=0, le=3600),
        means("the clock of every asset is off by a constant, at most so many seconds either way"),
    ] = 0.0
    hour_errors: Annotated[
        PerYear, means("episodes per asset-year, of up to two weeks, in which the clock is a whole hour off")
    ] = 0.0
    unit_swaps: Annotated[
        PerYear,
        means("episodes per asset-year, of up to two weeks, in which a sensor comes in °F, psi or kPa"),
    ] = 0.0


CLEAN = Dirt()


def load_dirt(path: Path) -> Dirt:
    """Read the ``[dirt]`` table of a TOML file; all else in it is left to its own reader.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    raw = read_toml(path, "dirt")
    if "dirt" not in raw:
        raise MissingKeyError(str(path), "dirt", None, "a table")
    return read_table(raw["dirt"], Dirt, str(path), within="dirt")


def corrupt(slices: Iterable[TimeSlice], dirt: Dirt, fleet: Fleet, seed: int) -> Iterator[TimeSlice]:
    """Yield slices with dirt on them; with every kind off, the very slices that came.

    The slices share one table of assets. What arrives late comes in the slice in which it arrives, and the
    last one has all that is left; so each is held back until the next is there. Events stay clean.
    """
    return iter(slices) if _is_clean(dirt) else _Corruption(dirt, fleet, seed).slices(slices)


def _is_clean(dirt: Dirt) -> bool:
    kinds = {kind.name for kind in fields(dirt)} - {"burst_s", "outage_s"}
    return not any(getattr(dirt, kind) for kind in kinds)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Rows in the order in which they arrive, and when."""

    samples: Samples
    arrival_ms: Int64

    def take(self, rows: slice) -> _Arrived:
        return _Arrived(self.samples[rows], self.arrival_ms[rows])


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of the rows of a slice, all (n,).

    A row arrives at ``arrival_ms``, and once more at ``again_ms`` where that is not 0, with the time
    ``shown_ms``; or never.
    """

    arrives: Int64
    arrival_ms: Int64
    again_ms: Int64
    shown_ms: Int64


class _Corruption:
    """One pass over a stream."""

    def __init__(self, dirt: Dirt, fleet: Fleet, seed: int) -> None:
        self.dirt, self.fleet, self.seed = dirt, fleet, seed
        self._burst_ms = dirt.burst_s * 1000
        self._period_ms = fleet.sampling.period_ms

    def slices(self, slices: Iterable[TimeSlice]) -> Iterator[TimeSlice]:
        held: _Arrived | None = None
        for part, is_last in _marking_the_last(slices):
            come = _merged(held, self._arrived(part))
            cut = len(come.samples) if is_last else int(np.searchsorted(come.arrival_ms, part.end_ms))
            now, held = come.take(slice(0, cut)), come.take(slice(cut, None))
            arrival_ms = np.minimum(now.arrival_ms, part.end_ms - 1)
            yield TimeSlice(part.start_ms, part.end_ms, now.samples, part.events, arrival_ms)

    def _arrived(self, part: TimeSlice) -> _Arrived:
        samples, fate = part.samples, self._fate(part)
        twice = fate.arrives[fate.again_ms[fate.arrives] > 0]
        rows = np.concatenate([fate.arrives, twice])
        arrival_ms = np.concatenate([fate.arrival_ms[fate.arrives], fate.again_ms[twice]])
        order = np.argsort(arrival_ms, kind="stable")
        rows = rows[order]
        asset, values = samples.asset[rows], samples.values[rows]
        self._spoil(Samples(samples.assets, asset, samples.time_ms[rows], values))
        return _Arrived(Samples(samples.assets, asset, fate.shown_ms[rows], values), arrival_ms[order])

    def _fate(self, part: TimeSlice) -> _Fate:
        dirt, samples, time_ms = self.dirt, part.samples, part.samples.time_ms
        lost = covering(
            self._lines("missing", samples), time_ms, Bursts(dirt.missing_samples, self._burst_ms)
        )
        outage = Bursts(dirt.late, dirt.outage_s * 1000)
        came = np.maximum(part.arrivals, covering(self._lines("late", samples), time_ms, outage))
        came = came + self._delay("overtaken", samples, dirt.out_of_order)
        again = self._delay("twice", samples, dirt.duplicates)
        return _Fate(
            np.flatnonzero(lost == 0), came, np.where(again > 0, came + again, 0), self._shown(samples)
        )

    def _delay(self, purpose: str, samples: Samples, share: float) -> Int64:
        """Return 0, or for a share of the rows one to two sampling periods: another sample comes first."""
        lines = self._lines(purpose, samples)
        rows = np.flatnonzero(hits(lines, samples.time_ms, share))
        out = np.zeros(len(samples), np.int64)
        out[rows] = self._period_ms * (1.0 + uniform(~lines[rows], samples.time_ms[rows]))
        return out

    def _shown(self, samples: Samples) -> Int64:
        """Return the times by the clocks of the assets: off by a little, and at times by an hour."""
        dirt, time_ms = self.dirt, samples.time_ms
        if not (dirt.skew_s or dirt.hour_errors):
            return time_ms
        lines = self._lines("clock", samples)
        skew_ms = 1000 * dirt.skew_s * (2.0 * uniform(lines, np.zeros(len(lines), np.int64)) - 1.0)
        wrong = covering(lines, time_ms, _episodes(dirt.hour_errors))
        ahead = np.where(uniform(lines, wrong) < 0.5, -_HOUR_MS, _HOUR_MS)
        return time_ms + skew_ms.astype(np.int64) + np.where(wrong > 0, ahead, 0)

    def _spoil(self, samples: Samples) -> None:
        """Change values in place: some are in another unit, some stand for null, some are missing."""
        self._swap_units(samples)
        codes = _CODES[(self._table("code", samples.assets) & np.uint64(1)).astype(np.int64)]
        self._put(samples, "zeros", self.dirt.zeros, codes)
        self._put(samples, "values", self.dirt.missing_values, np.full_like(codes, np.nan))

    def _put(self, samples: Samples, purpose: str, share: float, fill: Float32) -> None:
        if share > 0:
            lines, bursts = self._table(purpose, samples.assets), Bursts(share, self._burst_ms)
            overwrite(samples.values, lines, samples.asset, samples.time_ms, bursts, fill)

    def _swap_units(self, samples: Samples) -> None:
        """Let one sensor of an asset speak in another unit for some days."""
        lines, choices = self._lines("units", samples), _conversions(self.fleet)
        swapped = covering(lines, samples.time_ms, _episodes(self.dirt.unit_swaps))
        rows = np.flatnonzero(swapped) if choices else np.array([], np.int64)
        chosen = (uniform(lines[rows], swapped[rows]) * len(choices)).astype(np.int64)
        for i, (sensor, factor, offset) in enumerate(choices):
            those = rows[chosen == i]
            right = samples.values[those, sensor]
            samples.values[those, sensor] = right * np.float32(factor) + np.float32(offset)

    def _lines(self, purpose: str, samples: Samples) -> Lines:
        return _asset_lines(self.seed, purpose, samples.assets)[samples.asset]

    def _table(self, purpose: str, assets: tuple[str, ...]) -> Lines:
        return _sensor_lines(self.seed, purpose, assets, self.fleet.keys)


@functools.lru_cache(maxsize=16)
def _asset_lines(seed: int, purpose: str, assets: tuple[str, ...]) -> Lines:
    return lines_of(seed, purpose, assets)


@functools.lru_cache(maxsize=16)
def _sensor_lines(seed: int, purpose: str, assets: tuple[str, ...], keys: tuple[str, ...]) -> Lines:
    return crossed(lines_of(seed, purpose, assets), lines_of(seed, purpose, keys))


def _episodes(per_year: float) -> Bursts:
    """Return episodes of up to two weeks, so many in an asset's year."""
    return Bursts(per_year * _EPISODE_MS / YEAR_MS, _EPISODE_MS)


def _conversions(fleet: Fleet) -> list[tuple[int, float, float]]:
    """Return sensor, factor and offset of every way in which a value might be sent in another unit."""
    return [
        (i, factor, offset)
        for i, sensor in enumerate(fleet.sensors)
        for factor, offset in UNITS.get(sensor.unit, {}).values()
    ]


def _merged(held: _Arrived | None, come: _Arrived) -> _Arrived:
    if held is None or not len(held.samples):
        return come
    arrival_ms = np.concatenate([held.arrival_ms, come.arrival_ms])
    order = np.argsort(arrival_ms, kind="stable")
    return _Arrived(join((held.samples, come.samples)).take(order), arrival_ms[order])


def _marking_the_last(slices: Iterable[TimeSlice]) -> Iterator[tuple[TimeSlice, bool]]:
    source = iter(slices)
    before = next(source, None)
    for part in source:
        if before is not None:
            yield before, False
        before = part
    if before is not None:
        yield before, True
