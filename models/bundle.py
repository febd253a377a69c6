"""A bundle: the folder in which a model reaches the workers. Text and JSON, verified before it is loaded."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import lightgbm as lgb
import msgspec
import numpy as np
from msgspec import Meta

from models.booster import check_booster
from models.causes import CauseModel
from models.errors import ModelError
from models.expectation import Expectation, parse_expectation, to_json
from models.frames import Float64
from models.model_set import NO_SEGMENTS, Index, ModelSet
from models.pack import Pack, Recent
from models.promotion import Promotions
from models.risk import RiskModel, restore

FORMAT = 1
_MANIFEST, _BOOSTER, _CAUSES, _EXPECTATION = (
    "manifest.json",
    "booster.txt",
    "causes.txt",
    "expectation.json",
)
_SEGMENTS, PACK = "segments.json", "segments.pack"
_SMOKE_S, _SMOKE_SEGMENT_S = 60.0, 0.02


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


def write_bundle(
    folder: Path,
    given: RiskModel | ModelSet,
    expectation: Expectation | None,
    *,
    fleet: str,
    metrics: Mapping[str, float],
    lineage: Mapping[str, str],
) -> str:
    """Write a model set as a bundle and return the bundle's SHA-256; the folder appears whole or not at all.

    A model alone is a set without segments.
    """
    models = given if isinstance(given, ModelSet) else ModelSet(given)
    model, packs = models.fleet, {}
    files = {_BOOSTER: model.booster.model_to_string().encode()}
    if model.causes is not None:
        files[_CAUSES] = model.causes.booster.model_to_string().encode()
    if expectation is not None:
        files[_EXPECTATION] = to_json(expectation)
    if models.pack is not None:
        files[_SEGMENTS] = msgspec.json.encode(models.index, order="deterministic") + b"\n"
        packs[PACK] = models.pack.path
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    sums |= {name: _file_sha256(path) for name, path in packs.items()}
    manifest = Manifest(
        format=FORMAT,
        fleet=fleet,
        fingerprint=model.fingerprint,
        feature_names=model.feature_names,
        horizons_d=model.horizons_d,
        threshold=model.threshold,
        parameters=msgspec.convert(model.parameters(), Parameters),
        files=sums,
        metrics=dict(metrics),
        lineage=dict(lineage),
        causes=_described(model.causes),
    )
    text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    _write_whole(folder, {**files, _MANIFEST: text}, packs)
    return hashlib.sha256(text).hexdigest()


def _described(causes: CauseModel | None) -> Causes | None:
    if causes is None:
        return None
    columns = tuple(causes.columns.tolist())
    return Causes(codes=causes.codes, columns=columns, temperature=causes.temperature)


def _write_whole(folder: Path, files: Mapping[str, bytes], copies: Mapping[str, Path]) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, data in files.items():
        (partial / name).write_bytes(data)
    for name, path in copies.items():
        shutil.copyfile(path, partial / name)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def bundle_sha256(folder: Path) -> str:
    """Return the identity of a bundle: the SHA-256 of its manifest, which holds those of its files."""
    return hashlib.sha256(_read(folder / _MANIFEST)).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest and verify every file against it.

    Raises ModelError with the file and what is wrong with it.
    """
    path = folder / _MANIFEST
    try:
        manifest = msgspec.json.decode(_read(path), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a manifest: {error}") from error
    if manifest.format != FORMAT:
        raise ModelError(f"{path}: format {manifest.format}: expected {FORMAT}")
    _check_parameters(manifest, path)
    _check_files(manifest, path)
    for name, expected in manifest.files.items():
        found = _file_sha256(folder / name)
        if found != expected:
            raise ModelError(f"{folder / name}: sha256 {found[:12]}…: the manifest says {expected[:12]}…")
    return manifest


def _check_files(manifest: Manifest, path: Path) -> None:
    """Refuse a bundle without the fleet's model, with a part of what belongs together, or with more."""
    needed = {_BOOSTER} if manifest.causes is None else {_BOOSTER, _CAUSES}
    segments = {_SEGMENTS, PACK}
    if segments & set(manifest.files):
        needed |= segments
    if not needed <= set(manifest.files) <= needed | {_EXPECTATION}:
        expected = ", ".join(sorted(needed | {_EXPECTATION}))
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


def load_bundle(
    folder: Path, fingerprint: str, *, smoke: bool = True, recent: Recent | None = None
) -> ModelSet:
    """Load a bundle that was trained on the feature schema with the given fingerprint.

    Hashes, schema and structure are checked first, then another process loads and scores every model of it:
    LightGBM's text loader is not memory-safe, and a crash there must not take a worker along. Models of
    segments are loaded when they score, and held in ``recent``. Raises ModelError.
    """
    manifest = read_manifest(folder)
    if manifest.fingerprint != fingerprint:
        raise ModelError(f"{folder}: fingerprint {manifest.fingerprint}: this fleet has {fingerprint}")
    text = _text(folder / _BOOSTER)
    parameters = manifest.parameters
    check_booster(text, len(parameters.columns) + (parameters.spread_d is None))
    if (causes := manifest.causes) is not None:
        check_booster(_text(folder / _CAUSES), len(causes.columns), outputs=len(causes.codes), name=_CAUSES)
    if smoke:
        _smoke(folder, len(_index(folder, manifest).members))
    models = _restored(folder, manifest)
    return models if recent is None else replace(models, recent=recent)


def read_index(folder: Path) -> Index:
    """Return what a bundle knows of its segments: nothing where it has none."""
    return _index(folder, read_manifest(folder))


def load_expectation(folder: Path) -> Expectation | None:
    """Return the expectation that a bundle's features are computed with, None where they need none."""
    if _EXPECTATION not in read_manifest(folder).files:
        return None
    return parse_expectation(_read(folder / _EXPECTATION), str(folder / _EXPECTATION))


def promoted_bundle(folder: Path, version: str, sha256: str) -> Path:
    """Return the folder of a version's bundle; raises ModelError where it is not the one with this hash."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", version):
        raise ModelError(f"{folder}: version {version!r}: expected letters, digits, . _ -")
    bundle = folder / version
    found = bundle_sha256(bundle)
    if found != sha256:
        raise ModelError(f"{bundle}: sha256 {found[:12]}…: {sha256[:12]}… was promoted")
    return bundle


def champion(folder: Path) -> tuple[str, Path]:
    """Return version and bundle folder of the champion of the fleet whose bundles lie in ``folder``.

    Raises ModelError where there is none, or where the bundle is not the one that was promoted.
    """
    promotion = Promotions(folder).newest()
    if promotion is None:
        raise ModelError(f"{folder / 'champion.json'}: no champion yet: train and promote a model")
    return promotion.version, promoted_bundle(folder, promotion.version, promotion.sha256)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def _text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not UTF-8 text: {error}") from error


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def _index(folder: Path, manifest: Manifest) -> Index:
    """Read and check the index of the segments."""
    if _SEGMENTS not in manifest.files:
        return NO_SEGMENTS
    path, horizons = folder / _SEGMENTS, len(manifest.horizons_d)
    try:
        index = msgspec.json.decode(_read(path), type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not an index: {error}") from error
    for machine, name in index.routes.items():
        if name not in index.members:
            raise ModelError(
                f"{path}: routes: {machine}: {name}: expected one of its {len(index.members)} members"
            )
    for level, lines in index.lines.items():
        if len(lines) not in (0, horizons):
            raise ModelError(f"{path}: lines: {level}: {len(lines)}: expected {horizons}, one per horizon")
    return index


def _restored(folder: Path, manifest: Manifest) -> ModelSet:
    """Rebuild the set of a bundle; those of its segments are loaded when they are needed."""
    index = _index(folder, manifest)
    pack = Pack(folder / PACK, index.members) if index is not NO_SEGMENTS else None
    return ModelSet(_restored_fleet(folder, manifest), index, pack)


def _restored_fleet(folder: Path, manifest: Manifest) -> RiskModel:
    """Rebuild the fleet's model, whose texts have been checked."""
    model = restore(
        _text(folder / _BOOSTER),
        parameters=msgspec.structs.asdict(manifest.parameters),
        feature_names=manifest.feature_names,
        fingerprint=manifest.fingerprint,
        horizons_d=manifest.horizons_d,
        threshold=manifest.threshold,
    )
    return replace(model, causes=_restored_causes(folder, manifest.causes)) if manifest.causes else model


def _restored_causes(folder: Path, causes: Causes) -> CauseModel:
    booster = lgb.Booster(model_str=_text(folder / _CAUSES))
    return CauseModel(booster, causes.codes, np.array(causes.columns, np.int64), causes.temperature)


def _smoke(folder: Path, segments: int) -> None:
    """Load and score in another process; each segment's model gives it more time."""
    limit_s = _SMOKE_S + segments * _SMOKE_SEGMENT_S
    command = [sys.executable, "-m", "models.bundle", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, check=False, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{folder}: no score within {limit_s:g} s") from error
    if done.returncode:
        raise ModelError(f"{folder}: does not score (exit {done.returncode}): {done.stderr.strip()[-300:]}")


def _score_once(folder: Path) -> None:
    manifest = read_manifest(folder)
    models = _restored(folder, manifest)
    model, width = models.fleet, len(manifest.feature_names)
    rows = np.stack([np.zeros(width, np.float32), np.full(width, np.nan, np.float32)])
    _expect_probabilities(folder, model.score(rows))
    if model.causes:
        _expect_probabilities(folder, model.causes.score(rows))
    inputs = len(model.columns) + (model.spread_d is None)
    if models.pack is not None:
        for name in models.pack.entries:
            where = f"{PACK}: {name}"
            check_booster(models.pack.text(name), inputs, name=where)
            _expect_probabilities(where, models.member(name).score(rows))


def _expect_probabilities(where: object, found: Float64) -> None:
    if not (np.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()):
        raise ModelError(f"{where}: scores {found.tolist()}: expected probabilities")


if __name__ == "__main__":
    try:
        _score_once(Path(sys.argv[1]))
    except (ModelError, lgb.basic.LightGBMError) as failure:
        sys.exit(str(failure))
