"""The expectation: what each point should read at the present load and weather.

The field calls it a normal behaviour model. Raw values mostly show the weather. A residual is the value minus
what the fleet shows under the same drivers (a quadratic surface, robustly fitted), minus the machine's own
offset from the fleet, in standard deviations of a day's mean; that of a relative point is the share by which
it differs. It says nothing while the machine stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from models.errors import ModelError
from models.features.channels import channels_of, indexed, residual_points, signed
from models.features.compiling import compiled
from models.features.normal import Formulas, Normal, compute, derive
from models.fleet.fleet import Fleet
from models.fleet.formula import SENSOR, parse_formula
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Float64, Int32, Int64

_ALWAYS_MS = np.iinfo(np.int64).max


class Surface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One regression: ``coefficients`` (terms, points) over a quadratic basis of scaled drivers."""

    drivers: tuple[str, ...]
    sensors: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is needed to turn samples into residuals.

    ``offsets`` maps assets to how far each point lies from the fleet's surface, ``levels`` to what a relative
    one is divided by: its median on this machine, 0 if that is not known, and 1 for the others.
    """

    sensors: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    sigma: tuple[float, ...]
    offsets: dict[str, tuple[float, ...]]
    levels: dict[str, tuple[float, ...]] = {}


class Fold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The expectation for windows before ``until_ms`` that are learnt from: fitted on other days."""

    until_ms: int
    expectation: Expectation


class AppliedExpectation:
    """An expectation, ready to compute the channels of one fleet's samples.

    ``folds``, in order of time, take its place before their ends: who learns from windows must not see them
    against what was fitted on the same days. Without an expectation all of it is missing.
    """

    def __init__(
        self, fleet: Fleet, expectation: Expectation | None = None, folds: Sequence[Fold] = ()
    ) -> None:
        self.fleet = fleet
        spans = [(fold.until_ms, fold.expectation) for fold in folds]
        if expectation is not None:
            spans.append((_ALWAYS_MS, expectation))
        for _, one in spans:
            if one.sensors != residual_points(fleet):
                raise ModelError(
                    f"expectation of {one.sensors}: fleet {fleet.name} has {residual_points(fleet)}"
                )
        self._expectations = [one for _, one in spans]
        self.formulas = formulas_of(fleet)
        self.normal = _normal(fleet, spans)
        relative = self.normal.relative
        self._unknown = np.where(relative, np.nan, 1.0).astype(np.float32)

    def own(self, asset: str) -> tuple[Float32, Float32]:
        """Return level and offset (K, R) of a machine; one that nobody knows has no level to compare with."""
        residuals = len(self.normal.points)
        level = np.empty((len(self._expectations), residuals), np.float32)
        offset = np.zeros_like(level)
        for k, one in enumerate(self._expectations):
            level[k] = one.levels.get(asset, self._unknown)
            level[k, level[k] == 0.0] = np.nan
            offset[k] = one.offsets.get(asset, 0.0)
        return level, offset

    def channels(self, assets: Sequence[str], asset: Int32, time_ms: Int64, values: Float32) -> Float32:
        """Return (n, C) every channel of samples (n, S) that are plausible: points, then what is computed."""
        width = len(self.fleet.points) + len(channels_of(self.fleet))
        out = np.full((len(values), width), np.nan, np.float32)
        out[:, : values.shape[1]] = values
        own = [self.own(name) for name in assets]
        level = np.stack([one for one, _ in own]) if own else np.empty((0, 0, 0), np.float32)
        offset = np.stack([one for _, one in own]) if own else level
        sensors, points = values.shape[1], len(self.fleet.points)
        _all_channels(self.normal, self.formulas, level, offset, asset, time_ms, out, sensors, points)
        return out


@compiled
def _all_channels(
    normal: Normal,
    formulas: Formulas,
    level: Float32,
    offset: Float32,
    asset: Int32,
    time_ms: Int64,
    out: Float32,
    sensors: int,
    points: int,
) -> None:
    room = np.empty(len(normal.points), np.float64)
    for i in range(len(out)):
        derive(formulas, out[i], sensors)
        compute(normal, level[asset[i]], offset[asset[i]], time_ms[i], out[i], points, room)


def formulas_of(fleet: Fleet) -> Formulas:
    """Return the formulas of a fleet as arrays."""
    parsed = [parse_formula(point.formula) for point in fleet.formulas]
    shape = len(parsed), max(map(len, parsed), default=0) + 1
    operations, sensors, numbers = np.full(shape, -1), np.zeros(shape, np.int64), np.zeros(shape)
    for d, steps in enumerate(parsed):
        for k, step in enumerate(steps):
            operations[d, k], numbers[d, k] = step.operation, step.number
            if step.operation == SENSOR:
                sensors[d, k] = fleet.keys.index(step.sensor)
    low = np.array([point.low for point in fleet.formulas], np.float64)
    high = np.array([point.high for point in fleet.formulas], np.float64)
    return Formulas(operations, sensors, numbers, low, high)


def _normal(fleet: Fleet, spans: Sequence[tuple[int, Expectation]]) -> Normal:
    keys, residuals = fleet.point_keys, residual_points(fleet)
    relative = [group.relative for group in fleet.expectation for _ in group.sensors]
    surfaces = [one.surfaces for _, one in spans]
    return Normal(
        until_ms=np.array([until_ms for until_ms, _ in spans], np.int64),
        first=np.cumsum([0, *(len(group.sensors) for group in fleet.expectation)]),
        drivers=_drivers(fleet, surfaces),
        centre=_scales(surfaces, lambda surface: surface.centre, 0.0),
        scale=_scales(surfaces, lambda surface: surface.scale, 1.0),
        coefficients=_coefficients(surfaces, len(residuals)),
        sigma=np.array([one.sigma for _, one in spans], np.float64).reshape(len(spans), len(residuals)),
        points=np.array([keys.index(key) for key in residuals], np.int64),
        relative=np.array(relative, bool),
        **_margins(fleet, residuals),
        direction=_directions(fleet, len(residuals)),
        nearest=len(channels_of(fleet).nearest),
        context=np.array([keys.index(key) for key in channels_of(fleet).context], np.int64),
        running=keys.index(fleet.running.sensor) if fleet.running else -1,
        above=fleet.running.above if fleet.running else 0.0,
    )


def _margins(fleet: Fleet, residuals: Sequence[str]) -> dict[str, Any]:
    """Return what margins are computed from: the point and the levels of each rule, and its residual."""
    keys, rules = fleet.point_keys, fleet.rules if fleet.expectation else ()
    compared = [residuals.index(r.sensor) if r.sensor in residuals else -1 for r in rules]
    return {
        "margin_points": np.array([keys.index(rule.sensor) for rule in rules], np.int64),
        "margin_residuals": np.array(compared, np.int64),
        "margin_relative": np.array([rule.relative for rule in rules], bool),
        "warn": np.array([rule.warn for rule in rules], np.float64),
        "trip": np.array([rule.trip for rule in rules], np.float64),
    }


def _directions(fleet: Fleet, residuals: int) -> Float64:
    """Return (advice, residuals) 1 if a residual rises with a fault, -1 if it falls, 0 if neither."""
    advice = indexed(fleet) if fleet.expectation else []
    direction = np.zeros((len(advice), residuals))
    for i, one in enumerate(advice):
        for r, sign in signed(fleet, one):
            direction[i, r] = sign
    return direction


def _drivers(fleet: Fleet, surfaces: Sequence[Sequence[Surface]]) -> Int64:
    """Return (G, D) the numbers of the drivers, -1 beyond; those that the fitted surfaces name."""
    named = [s.drivers for s in surfaces[0]] if surfaces else [g.drivers for g in fleet.expectation]
    out = np.full((len(named), max(map(len, named), default=0)), -1, np.int64)
    for g, keys in enumerate(named):
        out[g, : len(keys)] = [fleet.point_keys.index(key) for key in keys]
    return out


def _scales(
    surfaces: Sequence[Sequence[Surface]], chosen: Callable[[Surface], Sequence[float]], beyond: float
) -> Float64:
    widest = max((len(s.drivers) for group in surfaces for s in group), default=0)
    out = np.full((len(surfaces), len(surfaces[0]) if surfaces else 0, widest), beyond)
    for k, group in enumerate(surfaces):
        for g, surface in enumerate(group):
            out[k, g, : len(surface.drivers)] = chosen(surface)
    return out


def _coefficients(surfaces: Sequence[Sequence[Surface]], residuals: int) -> Float64:
    most = max((len(s.coefficients) for group in surfaces for s in group), default=0)
    out = np.zeros((len(surfaces), most, residuals))
    for k, group in enumerate(surfaces):
        at = 0
        for surface in group:
            here = slice(at, at + len(surface.sensors))
            out[k, : len(surface.coefficients), here] = np.array(surface.coefficients)
            at += len(surface.sensors)
    return out


def is_running(fleet: Fleet, values: Float32) -> Bools:
    """Return (n,) whether the machine ran; always if the fleet file has no rule for it."""
    rule = fleet.running
    if rule is None:
        return np.ones(len(values), bool)
    with np.errstate(invalid="ignore"):
        out: Bools = values[:, fleet.keys.index(rule.sensor)] > rule.above
    return out


def to_json(expectation: Expectation) -> bytes:
    """Return an expectation as JSON, always the same bytes for the same numbers."""
    return msgspec.json.encode(expectation, order="deterministic") + b"\n"


def identity_of(expectation: Expectation | None) -> str:
    """Return the SHA-256 of an expectation, empty if there is none."""
    return hashlib.sha256(to_json(expectation)).hexdigest() if expectation else ""


def parse_expectation(data: bytes, source: str) -> Expectation:
    """Read what `to_json` returned; ModelError names ``source``."""
    try:
        return msgspec.json.decode(data, type=Expectation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{source}: not an expectation: {error}") from error
