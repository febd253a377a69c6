"""Fitting an expectation on a history: robust surfaces of the fleet, offsets and levels of its machines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.channels import residual_groups, residual_points
from models.features.expectation import AppliedExpectation, Expectation, Fold, Surface, is_running
from models.features.normal import LEAST_SHARE
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Expected
from models.intake.readings import Rows, held, merged
from models.telemetry.samples import Float32, Float64, Int32, Int64, Samples, TimeSlice, hold_ms, limits

_RIDGE = 1e-6
_FEWEST_SAMPLES = 500
_FEWEST_OF_ASSET = 50
_SAMPLED_HOPS = 4
_REWEIGHTINGS = 4
_HUBER = 1.5  # standard deviations beyond which a sample loses weight (Huber 1964)
_GAUSSIAN = 1.4826  # of the median absolute deviation of normal numbers
_FOLD_DAYS = 182.0


@dataclass(frozen=True, slots=True)
class FittedExpectation:
    """An expectation fitted on all days, and one per span of these days, fitted on the others."""

    expectation: Expectation
    folds: tuple[Fold, ...] = ()

    @property
    def parts(self) -> tuple[Expectation, tuple[Fold, ...]]:
        """Return what a history is read with."""
        return self.expectation, self.folds


@dataclass(frozen=True, slots=True)
class RunningSamples:
    """Samples of running machines: machine, time and points (n, P) of each."""

    assets: tuple[str, ...]
    asset: Int32
    time_ms: Int64
    values: Float32

    def __len__(self) -> int:
        return len(self.asset)

    def take(self, rows: Int64) -> RunningSamples:
        """Return the given rows."""
        return replace(self, asset=self.asset[rows], time_ms=self.time_ms[rows], values=self.values[rows])


def fit_expectation(fleet: Fleet, slices: Iterable[TimeSlice]) -> FittedExpectation | None:
    """Fit surfaces, offsets and levels on a history; None if the fleet file asks for none.

    Each half of the history, or half-year of a longer one, has a fold: windows of these days are learnt from
    against what was fitted on the others, since an offset that has seen a fault hides it. A history of which
    the other days do not suffice has no folds. Raises ModelError if a machine hardly ever ran in it.
    """
    if not fleet.expectation:
        return None
    sample = running_samples(fleet, slices)
    whole = _fit(fleet, sample)
    try:
        return FittedExpectation(whole, tuple(_folds(fleet, sample)))
    except ModelError:
        return FittedExpectation(whole)


def _folds(fleet: Fleet, sample: RunningSamples) -> Iterator[Fold]:
    """Yield a fold for each span of whole panes; ModelError if the days beside one do not suffice."""
    hop_ms = fleet.sampling.hop_s * 1000
    start_ms, end_ms = int(sample.time_ms.min()), int(sample.time_ms.max()) + 1
    parts = max(2, round((end_ms - start_ms) / (_FOLD_DAYS * DAY_MS)))
    edges = -(-np.linspace(start_ms, end_ms, parts + 1).astype(np.int64) // hop_ms) * hop_ms
    edges[0] = start_ms
    for begin_ms, until_ms in itertools.pairwise(edges.tolist()):
        others = np.flatnonzero((sample.time_ms < begin_ms) | (sample.time_ms >= until_ms))
        yield Fold(until_ms=until_ms, expectation=_fit(fleet, sample.take(others)))


def _fit(fleet: Fleet, sample: RunningSamples) -> Expectation:
    _need(len(sample))
    levels = _levels(fleet, sample)
    columns = [fleet.point_keys.index(key) for key in residual_points(fleet)]
    compared: Float64 = sample.values[:, columns].astype(np.float64) / levels[sample.asset]
    surfaces, raw = [], np.empty_like(compared)
    for group, here in residual_groups(fleet):
        surface, raw[:, here] = _fit_surface(fleet, group, sample.values, compared[:, here])
        surfaces.append(surface)
    offsets = _by_asset(sample, raw)
    table = np.array([offsets.get(name, np.zeros(raw.shape[1])) for name in sample.assets])
    away = raw - table[sample.asset]
    relative = np.array([group.relative for group in fleet.expectation for _ in group.sensors])
    away[:, relative] /= np.maximum((compared - away)[:, relative], LEAST_SHARE)
    return Expectation(
        sensors=residual_points(fleet),
        surfaces=tuple(surfaces),
        sigma=tuple(_sigma(sample, away).tolist()),
        offsets={name: tuple(values.tolist()) for name, values in offsets.items()},
        levels=_named_levels(sample, levels) if relative.any() else {},
    )


def running_samples(fleet: Fleet, slices: Iterable[TimeSlice]) -> RunningSamples:
    """Keep one sample of each fourth hop, where the machine ran and the sensors are plausible."""
    low, high = limits(fleet.sensors)
    every_ms, period_ms = _SAMPLED_HOPS * fleet.sampling.hop_s * 1000, fleet.sampling.period_ms
    names: dict[str, int] = {}
    asset, time_ms, values = [], [], []
    for part in slices:
        kept = _kept(fleet, _held(fleet, part.samples), every_ms, period_ms)
        codes = np.array([names.setdefault(a, len(names)) for a in kept.assets], np.int32)
        asset.append(codes[kept.asset])
        time_ms.append(kept.time_ms)
        wrong = (kept.values < low) | (kept.values > high)
        values.append(np.where(wrong, np.float32(np.nan), kept.values))
    _need(sum(map(len, asset)))
    codes, times = np.concatenate(asset), np.concatenate(time_ms)
    channels = AppliedExpectation(fleet).channels(tuple(names), codes, times, np.concatenate(values))
    return RunningSamples(tuple(names), codes, times, channels[:, : len(fleet.points)].copy())


def _held(fleet: Fleet, samples: Samples) -> Samples:
    """Return samples in which points that are sent when they change hold their last value."""
    long_ms, period_ms = hold_ms(fleet.sensors), fleet.sampling.period_ms
    if not long_ms.any():
        return samples
    rows = merged(Rows(samples.asset, samples.time_ms, samples.values), period_ms).rows
    rows = held(rows, long_ms, period_ms)
    return Samples(samples.assets, rows.asset, rows.time_ms, rows.values)


def _need(samples: int) -> None:
    if samples < _FEWEST_SAMPLES:
        raise ModelError(f"{samples} samples of running machines: expected {_FEWEST_SAMPLES} or more")


def _kept(fleet: Fleet, samples: Samples, every_ms: int, period_ms: int) -> Samples:
    due = samples.time_ms % every_ms < period_ms
    return samples.take(np.flatnonzero(due & is_running(fleet, samples.values)))


def _levels(fleet: Fleet, sample: RunningSamples) -> Float64:
    """Return (A, R) what each point of a machine is divided by: its median if it is relative, else 1."""
    keys, out = fleet.point_keys, np.ones((len(sample.assets), len(residual_points(fleet))))
    for group, here in residual_groups(fleet):
        if group.relative:
            columns = [keys.index(key) for key in group.sensors]
            medians = _by_asset(sample, sample.values[:, columns].astype(np.float64))
            for code, name in enumerate(sample.assets):
                level = medians.get(name, np.full(len(columns), np.nan))
                out[code, here] = np.where(np.abs(level) > 1e-9, level, np.nan)
    return out


def _named_levels(sample: RunningSamples, levels: Float64) -> dict[str, tuple[float, ...]]:
    """Return the levels of machines, 0 in place of one that is not known."""
    return {name: tuple(row) for name, row in zip(sample.assets, np.nan_to_num(levels).tolist(), strict=True)}


def _fit_surface(
    fleet: Fleet, group: Expected, values: Float32, compared: Float64
) -> tuple[Surface, Float64]:
    """Return a surface, and what (n, R) the points differ from it."""
    keys = fleet.point_keys
    driven = values[:, [keys.index(k) for k in group.drivers]].astype(np.float64)
    for key, column in zip(group.drivers, driven.T, strict=True):
        if np.isnan(column).all():
            raise ModelError(f"driver {key}: no value of running machines, expected {_FEWEST_SAMPLES}")
    centre, scale = np.nanmean(driven, axis=0), np.maximum(np.nanstd(driven, axis=0), 1e-6)
    basis = np.stack(terms((driven - centre) / scale), axis=1)
    columns = [_robust(basis, compared[:, i], key) for i, key in enumerate(group.sensors)]
    coefficients = np.stack(columns, axis=1)
    surface = Surface(
        drivers=group.drivers,
        sensors=group.sensors,
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        coefficients=tuple(tuple(row) for row in coefficients.tolist()),
    )
    return surface, compared - basis @ coefficients


def terms(scaled: Float64) -> list[Float64]:
    """Return the quadratic basis of (n, D) scaled drivers: 1, each, and each product of two."""
    columns = [scaled[:, i] for i in range(scaled.shape[1])]
    products = [a * b for a, b in itertools.combinations_with_replacement(columns, 2)]
    return [np.ones(len(scaled)), *columns, *products]


def _robust(basis: Float64, target: Float64, key: str) -> Float64:
    """Return ridge coefficients, reweighted so that samples of faults count for less."""
    known = np.isfinite(target) & np.isfinite(basis).all(axis=1)
    if known.sum() < _FEWEST_SAMPLES:
        raise ModelError(
            f"sensor {key}: {int(known.sum())} samples with its drivers, expected {_FEWEST_SAMPLES}"
        )
    x, y, weight = basis[known], target[known], np.ones(int(known.sum()))
    found = _ridge(x, y, weight)
    for _ in range(_REWEIGHTINGS):
        away = np.abs(y - x @ found)
        least = _HUBER * max(_GAUSSIAN * float(np.median(away)), 1e-9)
        found = _ridge(x, y, least / np.maximum(away, least))
    return found


def _ridge(x: Float64, y: Float64, weight: Float64) -> Float64:
    weighted = x * weight[:, None]
    gram = weighted.T @ x + _RIDGE * len(x) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, weighted.T @ y), np.float64)


def _by_asset(sample: RunningSamples, values: Float64) -> dict[str, Float64]:
    """Return each machine's medians, 0 of what it never said, of those that ran often enough."""
    order = np.argsort(sample.asset, kind="stable")
    cuts = np.searchsorted(sample.asset[order], np.arange(len(sample.assets) + 1))
    out = {}
    for code, name in enumerate(sample.assets):
        own = values[order[cuts[code] : cuts[code + 1]]]
        if len(own) >= _FEWEST_OF_ASSET:
            with np.errstate(invalid="ignore"):
                out[name] = np.nan_to_num(_median(own))
    return out


def _median(values: Float64) -> Float64:
    there = ~np.isnan(values).all(axis=0)
    out = np.full(values.shape[1], np.nan)
    out[there] = np.nanmedian(values[:, there], axis=0)
    return out


def _sigma(sample: RunningSamples, away: Float64) -> Float64:
    """Return 1.4826 times the median absolute deviation of daily means (R,) from 0."""
    day = sample.time_ms // DAY_MS
    _, group = np.unique(sample.asset.astype(np.int64) * (int(day.max()) + 1) + day, return_inverse=True)
    out = np.empty(away.shape[1])
    for r in range(away.shape[1]):
        known = np.isfinite(away[:, r])
        count = np.bincount(group[known])
        means = np.bincount(group[known], away[known, r])[count > 0] / count[count > 0]
        out[r] = _GAUSSIAN * np.median(np.abs(means)) if len(means) else 1.0
    return np.maximum(out, 1e-6)
