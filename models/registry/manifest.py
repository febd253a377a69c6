"""What a bundle says of itself, and the features it was trained on: read without LightGBM.

A features worker needs no more of a bundle, and is spared the 85 MB of LightGBM and pandas.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from models.errors import ConfigError, ModelError
from models.features.expectation import Expectation, identity_of, parse_expectation
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.registry.promotion import Promotions
from models.risk.remaining import Span

FORMAT = 1
MANIFEST, BOOSTER, CAUSES, EXPECTATION = "manifest.json", "booster.txt", "causes.txt", "expectation.json"
SEGMENTS, PACK = "segments.json", "segments.pack"
FLEET = "fleet.json"


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a `RiskModel` needs beside its booster; ``lines``: (slope, intercept) per horizon."""

    offset: float
    lines: tuple[tuple[float, float], ...]
    columns: tuple[Annotated[int, Meta(ge=0)], ...]
    spread_d: Annotated[float, Meta(gt=0)] | None = None


class Causes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a `CauseModel` needs beside its booster."""

    codes: Annotated[tuple[str, ...], Meta(min_length=2)]
    columns: tuple[Annotated[int, Meta(ge=0)], ...]
    temperature: Annotated[float, Meta(gt=0)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle says of itself; ``files`` maps each file to its SHA-256."""

    format: int
    fleet: str
    fingerprint: str
    feature_names: tuple[str, ...]
    horizons_d: tuple[float, ...]
    threshold: float
    parameters: Parameters
    files: dict[str, str]
    metrics: dict[str, float]
    lineage: dict[str, str]
    causes: Causes | None = None
    span: Span | None = None


def bundle_sha256(folder: Path) -> str:
    """Return the identity of a bundle: the SHA-256 of its manifest, which holds those of its files."""
    return hashlib.sha256(read_bytes(folder / MANIFEST)).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest and verify every file against it.

    Raises ModelError with the file and what is wrong with it.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(read_bytes(path), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a manifest: {error}") from error
    if manifest.format != FORMAT:
        raise ModelError(f"{path}: format {manifest.format}: expected {FORMAT}")
    _check_parameters(manifest, path)
    _check_files(manifest, path)
    for name, expected in manifest.files.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise ModelError(f"{folder / name}: sha256 {found[:12]}…: the manifest says {expected[:12]}…")
    return manifest


def load_expectation(folder: Path) -> Expectation | None:
    """Return the expectation that a bundle's features are computed with, None if they need none."""
    if EXPECTATION not in read_manifest(folder).files:
        return None
    return parse_expectation(read_bytes(folder / EXPECTATION), str(folder / EXPECTATION))


def load_features(folder: Path, own: Fleet) -> tuple[Fleet, Expectation | None]:
    """Return the fleet and the expectation with which a bundle's features are computed.

    That is our ``own`` fleet file if it gives these features, else the one that the bundle was trained by,
    but for who may send: that is ours to say. Raises ModelError if neither does, or if the bundle's tells
    other horizons.
    """
    manifest, expectation = read_manifest(folder), load_expectation(folder)
    identity, path = identity_of(expectation), folder / FLEET
    present = FeatureSchema(own, identity).fingerprint
    if present == manifest.fingerprint:
        return own, expectation
    if FLEET not in manifest.files:
        raise ModelError(foreign(folder, manifest.fingerprint, present))
    try:
        fleet = load_fleet(path)
    except ConfigError as error:
        raise ModelError(str(error)) from error
    found = FeatureSchema(fleet, identity).fingerprint
    if found != manifest.fingerprint:
        raise ModelError(f"{path}: its features are {found}: the manifest says {manifest.fingerprint}")
    if (fleet.name, fleet.horizons_d) != (own.name, own.horizons_d):
        said, expected = (f"{one.name}, horizons {list(one.horizons_d)}" for one in (fleet, own))
        raise ModelError(f"{path}: fleet {said}: expected {expected}")
    return _let_in_by(own, fleet), expectation


def _let_in_by(own: Fleet, fleet: Fleet) -> Fleet:
    """Return a fleet file with what our own says of who may send, and of which times."""
    return replace(
        fleet,
        asset_pattern=own.asset_pattern,
        inventory=own.inventory,
        max_assets=own.max_assets,
        max_new_assets_per_hour=own.max_new_assets_per_hour,
        sampling=replace(fleet.sampling, max_future_s=own.sampling.max_future_s),
    )


def foreign(folder: Path, found: str, present: str) -> str:
    """Say that a bundle has other features, and what to do."""
    return (
        f"{folder}: fingerprint {found}: this fleet has {present}; it was trained on "
        "other features: give the fleet file the sensors, limits, sampling, running, rules and "
        "expectation of then, or backfill and train again"
    )


def promoted_bundle(folder: Path, version: str, sha256: str) -> Path:
    """Return the folder of a version's bundle; raises ModelError if it is not the one with this hash."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", version):
        raise ModelError(f"{folder}: version {version!r}: expected letters, digits, . _ -")
    bundle = folder / version
    found = bundle_sha256(bundle)
    if found != sha256:
        raise ModelError(f"{bundle}: sha256 {found[:12]}…: {sha256[:12]}… was promoted")
    return bundle


def champion(folder: Path) -> tuple[str, Path]:
    """Return version and bundle folder of the champion of the fleet whose bundles lie in ``folder``.

    Raises ModelError if there is none, or if the bundle is not the one that was promoted.
    """
    promotion = Promotions(folder).newest()
    if promotion is None:
        raise ModelError(f"{folder / 'champion.json'}: no champion yet: train and promote a model")
    return promotion.version, promoted_bundle(folder, promotion.version, promotion.sha256)


def _check_files(manifest: Manifest, path: Path) -> None:
    """Refuse a bundle without the fleet's model, with a part of what belongs together, or with more."""
    needed = {BOOSTER} if manifest.causes is None else {BOOSTER, CAUSES}
    segments = {SEGMENTS, PACK}
    if segments & set(manifest.files):
        needed |= segments
    if not needed <= set(manifest.files) <= needed | {EXPECTATION, FLEET}:
        expected = ", ".join(sorted(needed | {EXPECTATION, FLEET}))
        raise ModelError(f"{path}: files {sorted(manifest.files)}: expected {expected}")


def _check_parameters(manifest: Manifest, path: Path) -> None:
    """Refuse columns that no feature has, and a calibration of other horizons."""
    lines, causes = manifest.parameters.lines, manifest.causes
    features, horizons = len(manifest.feature_names), len(manifest.horizons_d)
    for columns in (manifest.parameters.columns, *([causes.columns] if causes else [])):
        if not columns or max(columns) >= features:
            raise ModelError(f"{path}: column {max(columns, default=None)}: expected 0 to {features - 1}")
    if len(lines) not in (0, horizons):
        raise ModelError(f"{path}: {len(lines)} calibration lines: expected {horizons}, one per horizon")
    if manifest.span is not None and manifest.span.low > manifest.span.high:
        low, high = manifest.span.shares
        raise ModelError(f"{path}: span: low {low}: expected no more than high {high}")


def read_bytes(path: Path) -> bytes:
    """Return the content of a file of a bundle; raises ModelError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file of a bundle; raises ModelError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
