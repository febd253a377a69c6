"""The expectation: what each sensor should read at the present load and weather.

The field calls it a normal behaviour model. Raw values mostly show the weather. A residual is the value minus
what the fleet shows under the same drivers (a quadratic surface, fitted by ridge regression), minus the
machine's own offset from the fleet, in standard deviations. It says nothing while the machine stands.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from models.errors import ModelError
from models.fleet.fleet import Fleet
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Float64, Int32, Samples, TimeSlice, limits

_RIDGE = 1e-6
_FEWEST_SAMPLES = 500
_FEWEST_OF_ASSET = 50
_SAMPLED_HOPS = 4


class Surface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One regression: ``coefficients`` (terms, sensors) over a quadratic basis of scaled drivers."""

    drivers: tuple[str, ...]
    sensors: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is needed to turn samples into residuals; ``offsets`` maps assets to values per sensor."""

    sensors: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    sigma: tuple[float, ...]
    offsets: dict[str, tuple[float, ...]]


class AppliedExpectation:
    """An expectation, ready to turn samples of one fleet into residuals."""

    def __init__(self, fleet: Fleet, expectation: Expectation) -> None:
        if expectation.sensors != residual_sensors(fleet):
            raise ModelError(
                f"expectation of {expectation.sensors}: fleet {fleet.name} has {residual_sensors(fleet)}"
            )
        self.fleet, self.expectation = fleet, expectation
        self._surfaces = [_FittedSurface(fleet, surface) for surface in expectation.surfaces]
        self._sigma = np.array(expectation.sigma, np.float32)
        self._none = np.zeros(len(expectation.sensors), np.float32)
        self._levels = _Levels(fleet) if has_nearest(fleet) else None

    def residuals(self, assets: Sequence[str], asset: Int32, values: Float32) -> Float32:
        """Return (n, R) residuals of (n, S) values, NaN while standing or where a driver is missing.

        Where the fleet has rules, a last column says how near any sensor is to its trip. Each row is computed
        by itself, in one order of operations: the bits do not depend on the batch.
        """
        raw = np.concatenate([surface.residual(values) for surface in self._surfaces], axis=1)
        offsets = self.expectation.offsets
        table = np.array([offsets.get(name, self._none) for name in assets], np.float32)
        out: Float32 = (raw - table[asset]) / self._sigma
        if self._levels is not None:
            out = np.concatenate([out, self._levels.nearest(values)[:, None]], axis=1)
        out[~is_running(self.fleet, values)] = np.nan
        return out


class _Levels:
    """The warning levels and trips of a fleet's rules, as arrays."""

    def __init__(self, fleet: Fleet) -> None:
        self.sensors = [fleet.keys.index(rule.sensor) for rule in fleet.rules]
        self.warn = np.array([rule.warn for rule in fleet.rules], np.float32)
        self.span = np.array([rule.trip - rule.warn for rule in fleet.rules], np.float32)

    def nearest(self, values: Float32) -> Float32:
        """Return (n,) how far the sensor next to its trip has come: 0 at its warning level, 1 at the trip."""
        out: Float32 = np.fmax.reduce((values[:, self.sensors] - self.warn) / self.span, axis=1)
        return out


class _FittedSurface:
    """A surface with its arrays."""

    def __init__(self, fleet: Fleet, surface: Surface) -> None:
        keys = fleet.keys
        self.drivers = [keys.index(k) for k in surface.drivers]
        self.sensors = [keys.index(k) for k in surface.sensors]
        self.centre = np.array(surface.centre, np.float32)
        self.scale = np.array(surface.scale, np.float32)
        self.coefficients = np.array(surface.coefficients, np.float32)

    def residual(self, values: Float32) -> Float32:
        scaled = (values[:, self.drivers] - self.centre) / self.scale
        expected = np.zeros((len(values), len(self.sensors)), np.float32)
        for term, weights in zip(terms(scaled), self.coefficients, strict=True):
            expected += term[:, None] * weights
        out: Float32 = values[:, self.sensors] - expected
        return out


def terms(scaled: Float32) -> list[Float32]:
    """Return the quadratic basis of (n, D) scaled drivers: 1, each, and each product of two."""
    columns = [scaled[:, i] for i in range(scaled.shape[1])]
    products = [a * b for a, b in itertools.combinations_with_replacement(columns, 2)]
    return [np.ones(len(scaled), np.float32), *columns, *products]


def residual_sensors(fleet: Fleet) -> tuple[str, ...]:
    """Return the keys of the sensors that have an expectation, in order."""
    return tuple(key for group in fleet.expectation for key in group.sensors)


def has_nearest(fleet: Fleet) -> bool:
    """Return whether it is computed how near a machine is to a trip: beside residuals, given rules."""
    return bool(fleet.expectation and fleet.rules)


def is_running(fleet: Fleet, values: Float32) -> Bools:
    """Return (n,) whether the machine ran; always where the fleet file has no rule for it."""
    rule = fleet.running
    if rule is None:
        return np.ones(len(values), bool)
    with np.errstate(invalid="ignore"):
        out: Bools = values[:, fleet.keys.index(rule.sensor)] > rule.above
    return out


def fit_expectation(fleet: Fleet, slices: Iterable[TimeSlice]) -> Expectation | None:
    """Fit surfaces and offsets on a history; None where the fleet file asks for none.

    Raises ModelError where a machine hardly ever ran in it.
    """
    if not fleet.expectation:
        return None
    sample = _sample(fleet, slices)
    surfaces = [_fit_surface(fleet, g.drivers, g.sensors, sample.values) for g in fleet.expectation]
    raw = np.concatenate([_FittedSurface(fleet, s).residual(sample.values) for s in surfaces], axis=1)
    offsets = _offsets(sample, raw)
    table = np.array([offsets.get(a, np.zeros(raw.shape[1])) for a in sample.assets])
    sigma = np.nanstd(raw - table[sample.asset], axis=0)
    return Expectation(
        sensors=residual_sensors(fleet),
        surfaces=tuple(surfaces),
        sigma=tuple(np.maximum(sigma, 1e-6).astype(float).tolist()),
        offsets={name: tuple(values.tolist()) for name, values in offsets.items()},
    )


@dataclass(frozen=True, slots=True)
class _ResidualSample:
    assets: tuple[str, ...]
    asset: Int32
    values: Float32


def _sample(fleet: Fleet, slices: Iterable[TimeSlice]) -> _ResidualSample:
    """Keep one sample of each fourth hop, where the machine ran and the sensors are plausible."""
    low, high = limits(fleet.sensors)
    every_ms, period_ms = _SAMPLED_HOPS * fleet.sampling.hop_s * 1000, fleet.sampling.period_ms
    names: dict[str, int] = {}
    asset: list[Int32] = []
    values: list[Float32] = []
    for part in slices:
        kept = _kept(fleet, part.samples, every_ms, period_ms)
        codes = np.array([names.setdefault(a, len(names)) for a in kept.assets], np.int32)
        asset.append(codes[kept.asset])
        wrong = (kept.values < low) | (kept.values > high)
        values.append(np.where(wrong, np.float32(np.nan), kept.values))
    if sum(map(len, asset)) < _FEWEST_SAMPLES:
        raise ModelError(
            f"{sum(map(len, asset))} samples of running machines: expected {_FEWEST_SAMPLES} or more"
        )
    return _ResidualSample(tuple(names), np.concatenate(asset), np.concatenate(values))


def _kept(fleet: Fleet, samples: Samples, every_ms: int, period_ms: int) -> Samples:
    due = samples.time_ms % every_ms < period_ms
    return samples.take(np.flatnonzero(due & is_running(fleet, samples.values)))


def _fit_surface(
    fleet: Fleet, drivers: tuple[str, ...], sensors: tuple[str, ...], values: Float32
) -> Surface:
    keys = fleet.keys
    driven: Float32 = values[:, [keys.index(k) for k in drivers]]
    centre: Float32 = np.nanmean(driven, axis=0).astype(np.float32)
    scale: Float32 = np.maximum(np.nanstd(driven, axis=0), 1e-6).astype(np.float32)
    basis = np.stack(terms((driven - centre) / scale), axis=1).astype(np.float64)
    columns = [_ridge(basis, values[:, keys.index(k)].astype(np.float64), k) for k in sensors]
    return Surface(
        drivers=drivers,
        sensors=sensors,
        centre=tuple(centre.astype(float).tolist()),
        scale=tuple(scale.astype(float).tolist()),
        coefficients=tuple(tuple(row) for row in np.stack(columns, axis=1).tolist()),
    )


def _ridge(basis: Float64, target: Float64, key: str) -> Float64:
    known = np.isfinite(target) & np.isfinite(basis).all(axis=1)
    if known.sum() < _FEWEST_SAMPLES:
        raise ModelError(
            f"sensor {key}: {int(known.sum())} samples with its drivers, expected {_FEWEST_SAMPLES}"
        )
    x = basis[known]
    gram = x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, x.T @ target[known]), np.float64)


def _offsets(sample: _ResidualSample, raw: Float32) -> Mapping[str, Float64]:
    """Return each machine's median residual, of those that ran often enough to have one."""
    out = {}
    for code, name in enumerate(sample.assets):
        own = raw[sample.asset == code]
        if len(own) >= _FEWEST_OF_ASSET:
            out[name] = np.nan_to_num(np.nanmedian(own, axis=0)).astype(np.float64)
    return out


def to_json(expectation: Expectation) -> bytes:
    """Return an expectation as JSON, always the same bytes for the same numbers."""
    return msgspec.json.encode(expectation, order="deterministic") + b"\n"


def identity_of(expectation: Expectation | None) -> str:
    """Return the SHA-256 of an expectation, empty where there is none."""
    return hashlib.sha256(to_json(expectation)).hexdigest() if expectation else ""


def parse_expectation(data: bytes, source: str) -> Expectation:
    """Read what `to_json` returned; ModelError names ``source``."""
    try:
        return msgspec.json.decode(data, type=Expectation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{source}: not an expectation: {error}") from error
